#include "separate/separator.h"

#include "base/error.h"
#include "base/memory.h"
#include "models/network.h"
#include "models/open_device.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct separator {
    device *device;
    params *params;
    settings *settings;
    char *path; /* of the model, for messages */
    intake intake;
    network *network; /* planned for the largest batch so far; NULL: to be planned */
    int batch_limit;
    float *values;  /* (batch, height, width, channels): what goes up */
    float *results; /* (batch, height, width, sources * channels): what comes down */
};

static void drop_plan(separator *s)
{
    network_free(s->network);
    free(s->values);
    free(s->results);
    s->network = NULL;
    s->values = s->results = NULL;
}

/* A network for `batch` pictures at a time, in place of the one there is; the params stay. */
static int plan_for(separator *s, int batch)
{
    size_t values = (size_t)batch * image_values(s->intake.mixture.format);
    drop_plan(s);
    s->values = allocate(values, sizeof *s->values);
    s->results = allocate(values, (size_t)s->intake.mixture.sources * sizeof *s->results);
    if (!s->values || !s->results)
        return -1;
    return network_new(&s->network, s->params, s->settings, batch, NETWORK_INFER);
}

/* Compiles the kernels now, so that no timing includes it, and finds weights that are not numbers
 * before anybody waits for results. */
static int run_black(separator *s)
{
    struct image_format format = s->intake.mixture.format;
    size_t size = image_values(format);
    unsigned char *pixels = allocate(1 + SOURCES_MAX, size);
    if (!pixels)
        return -1;
    separation item = {.width = format.width, .height = format.height, .mixture = pixels};
    for (size_t k = 0; k < SOURCES_MAX; k++)
        item.sources[k] = pixels + (1 + k) * size;
    int result = separator_run(s, &item, 1);
    free(pixels);
    if (!result && item.overflowed)
        result = fail(STATUS_DATA,
                      "%s: the model's output is not a number for a black picture; its weights are "
                      "damaged, or the device is (`unblend selftest`)",
                      s->path);
    return result;
}

int separator_open(separator **out, const char *path, const model_file *file, int batch)
{
    separator *s = allocate(1, sizeof *s);
    if (!s)
        return -1;
    s->batch_limit = batch;
    intake_of(file, &s->intake);
    if (!(s->path = copy_text(path)) || settings_derive(&s->settings, file->settings, NULL, 0) ||
        open_device(&s->device, s->settings) || params_new(&s->params, s->device) ||
        plan_for(s, 1) || params_allocate(s->params, false) ||
        params_load(s->params, file->tensors, path) || network_prepare(s->network) || run_black(s))
        goto failed;
    *out = s;
    return 0;
failed:
    separator_close(s);
    return -1;
}

void separator_close(separator *s)
{
    if (!s)
        return;
    drop_plan(s);
    params_free(s->params);
    device_close(s->device);
    settings_free(s->settings);
    free(s->path);
    free(s);
}

const intake *separator_intake(const separator *s)
{
    return &s->intake;
}

const char *separator_device_name(const separator *s)
{
    return s->device->info.name;
}

int separator_batch(const separator *s)
{
    return s->batch_limit;
}

/* ---- Pixels and values ---- */

/* Where a picture lies in one of the model's format: in the middle. */
struct place {
    size_t width, row; /* pixels of a row of the format; values of a row of the picture */
    size_t top, left;
};

static struct place place_of(const separator *s, const separation *item)
{
    struct image_format format = s->intake.mixture.format;
    return (struct place){.width = (size_t)format.width,
                          .row = (size_t)item->width * (size_t)format.channels,
                          .top = (size_t)(format.height - item->height) / 2,
                          .left = (size_t)(format.width - item->width) / 2};
}

/* The picture as 0..1, with zeros around it. */
static void to_values(const separator *s, const separation *item, float *values)
{
    struct image_format format = s->intake.mixture.format;
    struct place at = place_of(s, item);
    memset(values, 0, image_values(format) * sizeof *values);
    for (size_t y = 0; y < (size_t)item->height; y++) {
        float *to = values + ((y + at.top) * at.width + at.left) * (size_t)format.channels;
        if (item->type == PIXELS_FLOATS) {
            memcpy(to, (const float *)item->mixture + y * at.row, at.row * sizeof *to);
            continue;
        }
        const unsigned char *from = (const unsigned char *)item->mixture + y * at.row;
        for (size_t i = 0; i < at.row; i++)
            to[i] = (float)from[i] / 255;
    }
}

/* One result into place i of a source. */
static void put_pixel(void *pixels, enum pixel_type type, size_t i, float value)
{
    if (type == PIXELS_FLOATS) {
        ((float *)pixels)[i] = value;
        return;
    }
    value = value < 0 ? 0 : value > 1 ? 1 : value;
    ((unsigned char *)pixels)[i] = (unsigned char)(value * 255 + 0.5f);
}

/* Takes source k out of the results of one picture, without what is around it. False if a value is not
 * a number. */
static bool to_pixels(const separator *s, const float *results, const separation *item, int k)
{
    const mixture *m = &s->intake.mixture;
    struct place at = place_of(s, item);
    size_t channels = (size_t)m->format.channels, step = channels * (size_t)m->sources;
    for (size_t y = 0; y < (size_t)item->height; y++) {
        const float *from =
            results + ((y + at.top) * at.width + at.left) * step + (size_t)k * channels;
        for (size_t i = 0; i < at.row; i++) {
            float value = from[i / channels * step + i % channels];
            if (!isfinite(value))
                return false;
            put_pixel(item->sources[k], item->type, y * at.row + i, value);
        }
    }
    return true;
}

/* ---- Running ---- */

/* The network's outputs of so many pictures into s->results. */
static int read_results(separator *s, size_t count)
{
    size_t pixels = count * image_values(s->intake.mixture.format);
    float *one = allocate(pixels, sizeof *one);
    int result = one ? 0 : -1;
    for (size_t k = 0; k < SOURCES && !result; k++) {
        result = buffer_read(s->device, s->network->outputs[k]->data, 0, one, pixels * sizeof *one);
        for (size_t i = 0; i < pixels && !result; i++)
            s->results[i * SOURCES + k] = one[i];
    }
    free(one);
    return result;
}

/* count is at most the network's batch; what stands behind it is computed and dropped. */
static int run_batch(separator *s, separation *items, size_t count)
{
    const mixture *m = &s->intake.mixture;
    size_t size = image_values(m->format);
    for (size_t i = 0; i < count; i++)
        to_values(s, &items[i], s->values + i * size);
    if (buffer_write(s->device, s->network->mixture->data, 0, s->values,
                     count * size * sizeof *s->values) ||
        network_forward(s->network) || read_results(s, count))
        return -1;
    for (size_t i = 0; i < count; i++) {
        const float *results = s->results + i * size * (size_t)m->sources;
        items[i].overflowed = false;
        for (int k = 0; k < m->sources; k++)
            if (!to_pixels(s, results, &items[i], k))
                items[i].overflowed = true;
    }
    return 0;
}

/* After a failure a smaller batch may still succeed. */
static int grow_plan(separator *s, int batch)
{
    if (s->network && batch <= s->network->batch)
        return 0;
    if (!plan_for(s, batch) && !network_prepare(s->network))
        return 0;
    drop_plan(s);
    return -1;
}

int separator_check(const separator *s, const separation *item, const char *picture)
{
    return item->overflowed
               ? fail(STATUS_DATA,
                      "%s: for this picture the output of the model %s is not a number; its "
                      "weights are too large or damaged, or the device is (`unblend selftest`)",
                      picture, s->path)
               : 0;
}

int separator_run(separator *s, separation *items, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (intake_check(&s->intake, items[i].width, items[i].height))
            return -1;
    if (!count)
        return 0;
    int batch = count < (size_t)s->batch_limit ? (int)count : s->batch_limit;
    if (grow_plan(s, batch))
        return -1;
    batch = s->network->batch;
    for (size_t done = 0; done < count; done += (size_t)batch) {
        size_t left = count - done;
        if (run_batch(s, items + done, left < (size_t)batch ? left : (size_t)batch))
            return -1;
    }
    return 0;
}
