#include "models/typical.h"

#include "base/error.h"
#include "base/memory.h"
#include "image/format.h"
#include "image/scores.h"
#include <jansson.h>
#include <math.h>
#include <stdlib.h>

/* In messages and in files. */
static const char *const names[TRAITS] = {"brightness", "contrast", "detail", "residual"};

/* ---- Measuring ---- */

/* The values of a picture one by one, rows after rows. */
typedef struct counter {
    int width, channels;
    size_t count;
    double sum, squares, steps;
    float left[3]; /* the neighbour's */
} counter;

static void count_value(counter *c, float value)
{
    size_t channel = c->count % (size_t)c->channels;
    if (c->count / (size_t)c->channels % (size_t)c->width)
        c->steps += fabs((double)value - c->left[channel]);
    c->left[channel] = value;
    c->sum += value;
    c->squares += (double)value * value;
    c->count++;
}

static traits end_count(const counter *c, double residual)
{
    double n = (double)c->count, mean = c->sum / n, variance = c->squares / n - mean * mean;
    double pairs = n / c->width * (c->width - 1);
    return (traits){{[TRAIT_BRIGHTNESS] = mean,
                     [TRAIT_CONTRAST] = variance > 0 ? sqrt(variance) : 0,
                     [TRAIT_DETAIL] = pairs > 0 ? c->steps / pairs : 0,
                     [TRAIT_RESIDUAL] = residual}};
}

traits typical_of_image(const struct image *picture, const mixture *m, double residual)
{
    bool own = picture->width == m->format.width && picture->height == m->format.height;
    int width = own && m->inner_width ? m->inner_width : picture->width;
    int height = own && m->inner_height ? m->inner_height : picture->height;
    int top = (picture->height - height) / 2, left = (picture->width - width) / 2;
    size_t row = (size_t)width * (size_t)picture->channels;
    counter c = {.width = width, .channels = picture->channels};
    for (int y = 0; y < height; y++)
        for (size_t i = 0; i < row; i++) {
            size_t pixel = (size_t)(top + y) * (size_t)picture->width + (size_t)left;
            count_value(&c, pixel_value(picture->pixels, image_pixel_type(picture),
                                        pixel * (size_t)picture->channels + i));
        }
    return end_count(&c, residual);
}

void typical_add(typical_sums *s, traits t)
{
    for (int i = 0; i < TRAITS; i++) {
        struct typical_range *r = &s->so_far.of[i];
        if (!s->so_far.blends || t.of[i] < r->least)
            r->least = t.of[i];
        if (!s->so_far.blends || t.of[i] > r->most)
            r->most = t.of[i];
        s->sums[i] += t.of[i];
        s->squares[i] += t.of[i] * t.of[i];
    }
    s->so_far.blends++;
}

typical typical_end(const typical_sums *s)
{
    typical t = s->so_far;
    for (int i = 0; i < TRAITS && t.blends; i++) {
        double mean = s->sums[i] / (double)t.blends;
        double variance = s->squares[i] / (double)t.blends - mean * mean;
        t.of[i].deviation = variance > 0 ? sqrt(variance) : 0;
    }
    return t;
}

/* ---- Comparing ---- */

/* Outputs are rounded to 1/255, which alone leaves some 1e-6. */
#define RESIDUAL_OF_ROUNDING 4e-6

/* Far outside: beyond the range by two standard deviations and a little. A residual has to be twice the largest. */
static bool is_unusual(const typical *t, int i, double value)
{
    const struct typical_range *r = &t->of[i];
    if (i == TRAIT_RESIDUAL)
        return value > 2 * r->most + RESIDUAL_OF_ROUNDING;
    double margin = 2 * r->deviation + 0.01;
    return value < r->least - margin || value > r->most + margin;
}

int typical_compare(const typical *t, traits of, char **why)
{
    *why = NULL;
    for (int i = 0; t && t->blends && i < TRAITS; i++) {
        if (!is_unusual(t, i, of.of[i]))
            continue;
        char *more = *why ? format_text("%s; its %s is %.3g, theirs %.3g to %.3g", *why, names[i],
                                        of.of[i], t->of[i].least, t->of[i].most)
                          : format_text("unlike what the model was trained on: its %s is %.3g, "
                                        "theirs %.3g to %.3g",
                                        names[i], of.of[i], t->of[i].least, t->of[i].most);
        free(*why);
        *why = more;
        if (!more)
            return -1;
    }
    return 0;
}

/* ---- As text ---- */

char *typical_as_text(const typical *t)
{
    json_t *object = json_pack("{s:I}", "blends", (json_int_t)t->blends);
    int broken = !object;
    for (int i = 0; i < TRAITS; i++)
        broken |= json_object_set_new(
            object, names[i],
            json_pack("[f, f, f]", t->of[i].least, t->of[i].most, t->of[i].deviation));
    char *text = broken ? NULL : json_dumps(object, JSON_COMPACT | JSON_REAL_PRECISION(6));
    if (!text)
        fail(STATUS_MEMORY, "out of memory: what is typical of a model's blends");
    json_decref(object);
    return text;
}

bool typical_read(const char *text, typical *out)
{
    json_t *object = text ? json_loads(text, 0, NULL) : NULL;
    typical t = {.blends = (long)json_integer_value(json_object_get(object, "blends"))};
    bool whole = t.blends > 0;
    for (int i = 0; i < TRAITS; i++)
        whole = whole && !json_unpack(json_object_get(object, names[i]), "[F, F, F]",
                                      &t.of[i].least, &t.of[i].most, &t.of[i].deviation);
    json_decref(object);
    if (whole)
        *out = t;
    return whole;
}
