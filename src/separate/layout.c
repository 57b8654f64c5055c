#include "separate/layout.h"

#include "base/memory.h"
#include <stdlib.h>

/* Tiles that are faded into each other share at least a quarter of their length. */
enum { FADED_PART = 4 };

static int round_up(int n, int unit)
{
    return (n + unit - 1) / unit * unit;
}

static int divide_up(int a, int b)
{
    return (a + b - 1) / b;
}

/* ---- The frame ---- */

int layout_source(int place, int start, int side, bool black)
{
    int i = place - start, period = 2 * (side - 1);
    if (i >= 0 && i < side)
        return i;
    if (black)
        return -1;
    if (side == 1)
        return 0;
    i = (i % period + period) % period;
    return i < side ? i : period - i;
}

static void make_frame(layout *l, const layout_rules *r)
{
    const struct image_format *f = &r->format;
    bool inner = l->height == r->inner_height && l->width == r->inner_width;
    bool own = (l->height == f->height && l->width == f->width) || inner;
    l->rows.side = own ? f->height : round_up(l->height, r->reach.unit);
    l->columns.side = own ? f->width : round_up(l->width, r->reach.unit);
    if (!own && r->reach.whole) {
        l->rows.side = l->height < f->height ? f->height : l->height;
        l->columns.side = l->width < f->width ? f->width : l->width;
    }
    l->black = inner;
    l->top = inner ? (f->height - l->height) / 2 : 0;
    l->left = inner ? (f->width - l->width) / 2 : 0;
}

/* ---- The tiles ---- */

static int margin_before(const reach *r)
{
    return round_up(r->before, r->unit);
}

static int margin_after(const reach *r)
{
    return round_up(r->after, r->unit);
}

static int overlap(const reach *r)
{
    return margin_before(r) + margin_after(r);
}

/* How many tiles of that length cover the side, whose own ends need no margin; and how long they need to be. */
static int count_of(int side, int length, const reach *r)
{
    return side <= length ? 1 : divide_up(side - overlap(r), length - overlap(r));
}

static int length_of(int side, int count, const reach *r)
{
    return round_up(divide_up(side + (count - 1) * overlap(r), count), r->unit);
}

size_t layout_least_pixels(const reach *r)
{
    size_t side = (size_t)(overlap(r) + r->unit);
    return side * side;
}

/* Of all grids whose tiles are small enough, the one that computes the fewest pixels. */
static void choose_grid(layout *l, const layout_rules *rules)
{
    const reach *r = &rules->reach;
    size_t most = rules->tile_pixels, least = layout_least_pixels(r);
    double best = -1;
    if (most < least)
        most = least;
    for (int columns = 1;; columns++) {
        int width = length_of(l->columns.side, columns, r);
        int height = (int)(most / (size_t)width > (size_t)l->rows.side ? (size_t)l->rows.side
                                                                       : most / (size_t)width);
        height = height / r->unit * r->unit;
        if (height >= l->rows.side || height > overlap(r)) {
            int rows = count_of(l->rows.side, height, r);
            height = length_of(l->rows.side, rows, r);
            double pixels = (double)rows * columns * width * height;
            if (best < 0 || pixels < best) {
                best = pixels;
                l->rows.count = rows;
                l->rows.length = height;
                l->columns.count = columns;
                l->columns.length = width;
            }
        }
        if (width <= overlap(r) + r->unit || columns * r->unit >= l->columns.side)
            return;
    }
}

/* Tiles at multiples of the unit, each taking what the one before it has left. */
static int cut_exactly(cut *c, const reach *r)
{
    int before = margin_before(r), after = margin_after(r), next = 0;
    c->slices = allocate((size_t)c->count, sizeof *c->slices);
    if (!c->slices)
        return -1;
    int made = 0;
    for (; made < c->count && next < c->side; made++) {
        slice *s = &c->slices[made];
        s->start = next < before ? 0 : next - before;
        if (s->start > c->side - c->length)
            s->start = c->side - c->length;
        bool ends = s->start + c->length == c->side;
        s->first = next - s->start;
        s->last = ends ? c->length - 1 : c->length - after - 1;
        next = s->start + s->last + 1;
    }
    c->count = made;
    return 0;
}

/* How near pixel i of a tile is to an end of it that lies within the frame. */
static int nearest_end(int start, int i, int length, int side)
{
    int before = start ? i + 1 : length, after = start + length < side ? length - i : length;
    return before < after ? before : after;
}

/* Evenly spread tiles of that length; weights rise and fall over what neighbours share. */
static int cut_fading(cut *c, int length)
{
    int step = length - divide_up(length, FADED_PART);
    c->length = length;
    c->count = c->side > length ? 1 + divide_up(c->side - length, step) : 1;
    c->slices = allocate((size_t)c->count, sizeof *c->slices);
    if (c->slices && c->count == 1)
        c->slices[0] = (slice){0, 0, length - 1};
    if (!c->slices || c->count == 1)
        return c->slices ? 0 : -1;
    c->weights = allocate((size_t)c->count * (size_t)length, sizeof *c->weights);
    float *sums = allocate((size_t)c->side, sizeof *sums);
    if (!c->weights || !sums) {
        free(sums);
        return -1;
    }
    for (int t = 0; t < c->count; t++) {
        int start = (int)((long)t * (c->side - length) / (c->count - 1));
        c->slices[t] = (slice){start, 0, length - 1};
        for (int i = 0; i < length; i++) {
            int nearest = nearest_end(start, i, length, c->side);
            c->weights[t * length + i] = (float)nearest;
            sums[start + i] += (float)nearest;
        }
    }
    for (int t = 0; t < c->count; t++)
        for (int i = 0; i < length; i++)
            c->weights[t * length + i] /= sums[c->slices[t].start + i];
    free(sums);
    return 0;
}

static int cut_frame(layout *l, const layout_rules *r)
{
    if (r->reach.whole)
        return cut_fading(&l->rows, r->format.height) || cut_fading(&l->columns, r->format.width)
                   ? -1
                   : 0;
    choose_grid(l, r);
    return cut_exactly(&l->rows, &r->reach) || cut_exactly(&l->columns, &r->reach) ? -1 : 0;
}

int layout_make(layout *out, const layout_rules *rules, int height, int width)
{
    *out = (layout){.height = height, .width = width};
    make_frame(out, rules);
    if (!cut_frame(out, rules))
        return 0;
    layout_release(out);
    return -1;
}

void layout_release(layout *l)
{
    cut *cuts[] = {&l->rows, &l->columns};
    for (int i = 0; i < 2; i++) {
        free(cuts[i]->slices);
        free(cuts[i]->weights);
    }
    *l = (layout){0};
}
