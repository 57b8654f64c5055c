#include "search/points.h"

#include "base/memory.h"
#include "base/rng.h"
#include "base/streams.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- One point ---- */

static double between(double low, double high, bool logarithmic, double part)
{
    return logarithmic ? low * pow(high / low, part) : low + part * (high - low);
}

/* Six digits: enough for any search, and no limit of a key has more, so none is crossed. */
static char *draw_real(const dimension *d, double part)
{
    return format_text("%.6g", between(d->low, d->high, d->logarithmic, part));
}

/* Each number has the stretch up to the next one. */
static char *draw_whole(const dimension *d, double part)
{
    long value = (long)between(d->low, d->high + 1, d->logarithmic, part);
    return format_text("%ld", value > (long)d->high ? (long)d->high : value);
}

/* One word of the stream for each value, so that a point's place in it is known. */
static char *draw_value(const dimension *d, rng *r)
{
    if (d->count)
        return copy_text(d->choices[rng_below(r, (uint32_t)d->count)].text);
    double part = rng_uniform(r);
    return d->written.key->type == KEY_INT ? draw_whole(d, part) : draw_real(d, part);
}

static void release_point(point *p, size_t dimensions)
{
    for (size_t i = 0; p->values && i < dimensions; i++)
        free(p->values[i]);
    free(p->values);
    *p = (point){0};
}

static int draw_point(point *out, const space *s, rng *r)
{
    point drawn = {allocate(s->count, sizeof *drawn.values)};
    for (size_t i = 0; drawn.values && i < s->count; i++) {
        drawn.values[i] = draw_value(&s->dimensions[i], r);
        if (!drawn.values[i])
            release_point(&drawn, s->count);
    }
    *out = drawn;
    return drawn.values ? 0 : -1;
}

/* ---- All of them ---- */

static bool is_known(const points *p, const point *drawn)
{
    for (size_t i = 0; i < p->count; i++) {
        size_t same = 0;
        while (same < p->dimensions && !strcmp(p->items[i].values[same], drawn->values[same]))
            same++;
        if (same == p->dimensions)
            return true;
    }
    return false;
}

/*
 * Draws until a point is new. *found stays false where that takes too long: with n points known and
 * only one left, a draw misses it n times in n + 1, and all of 100 (n + 1) draws once in e^100.
 */
static int draw_new(points *p, const space *s, rng *r, bool *found)
{
    size_t attempts = 100 * (p->count + 1);
    *found = false;
    while (!*found && attempts--) {
        point *drawn = &p->items[p->count];
        if (draw_point(drawn, s, r))
            return -1;
        *found = !is_known(p, drawn);
        if (!*found)
            release_point(drawn, s->count);
    }
    return 0;
}

int points_draw(points *p, const space *s, long limit)
{
    rng r = rng_start((uint64_t)s->base->train.seed, STREAM_SEARCH);
    bool found = true;
    *p = (points){.dimensions = s->count};
    while (found && (long)p->count < limit) {
        if (grow(&p->items, &p->capacity, p->count + 1, sizeof *p->items) ||
            draw_new(p, s, &r, &found))
            return -1;
        p->count += found;
    }
    return 0;
}

void points_release(points *p)
{
    for (size_t i = 0; i < p->count; i++)
        release_point(&p->items[i], p->dimensions);
    free(p->items);
    *p = (points){0};
}
