#include "separate/canvas.h"

#include "base/memory.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct canvas {
    const mixture *mixture;
    float *rows; /* (tile height, frame width, sources * channels), from the tile's first row on */
    size_t capacity; /* values */
    int done;        /* rows of the frame that have gone to the sources */
};

int canvas_new(canvas **out, const mixture *m)
{
    canvas *c = allocate(1, sizeof *c);
    if (!c)
        return -1;
    c->mixture = m;
    *out = c;
    return 0;
}

void canvas_free(canvas *c)
{
    if (!c)
        return;
    free(c->rows);
    free(c);
}

static int channels_of(const separation *item, const mixture *m)
{
    return item->channels ? item->channels : m->format.channels;
}

int canvas_planes(const separation *item, const mixture *m)
{
    int channels = channels_of(item, m);
    return channels > m->format.channels ? channels : 1;
}

/* ---- In ---- */

/* Channel c of what the network sees is that of the picture. */
static int channel_of(int channels, int plane, const mixture *m, int c)
{
    return channels == m->format.channels ? c : channels == 1 ? 0 : plane;
}

static void put_row(const separation *item, int plane, const layout *l, int y, int column,
                    const mixture *m, float *values)
{
    int channels = channels_of(item, m), own = m->format.channels;
    int start = l->columns.slices[column].start;
    for (int i = 0; i < l->columns.length; i++, values += own) {
        int x = y < 0 ? -1 : layout_source(start + i, l->left, l->width, l->black);
        size_t pixel = ((size_t)y * (size_t)l->width + (size_t)x) * (size_t)channels;
        for (int c = 0; c < own; c++)
            values[c] = x < 0 ? 0
                              : pixel_value(item->mixture, item->type,
                                            pixel + (size_t)channel_of(channels, plane, m, c));
    }
}

void canvas_put(const separation *item, int plane, const layout *l, int row, int column,
                const mixture *m, float *values)
{
    size_t width = (size_t)l->columns.length * (size_t)m->format.channels;
    for (int i = 0; i < l->rows.length; i++) {
        int y = layout_source(l->rows.slices[row].start + i, l->top, l->height, l->black);
        put_row(item, plane, l, y, column, m, values + (size_t)i * width);
    }
}

/* ---- Out ---- */

/* One pixel of source k. */
static bool take_pixel(separation *item, int plane, const mixture *m, int k, const float *values,
                       size_t pixel)
{
    int channels = channels_of(item, m), own = m->format.channels;
    const float *from = values + k * own;
    for (int c = 0; c < own; c++)
        if (!isfinite(from[c]))
            return false;
    if (own == 3 && channels == 1) {
        pixel_put(item->sources[k], item->result_type, pixel, luma_of_values(from));
        return true;
    }
    size_t to = pixel * (size_t)channels + (size_t)(own == channels ? 0 : plane);
    for (int c = 0; c < own; c++)
        pixel_put(item->sources[k], item->result_type, to + (size_t)c, from[c]);
    return true;
}

/* Row y of the frame, if it belongs to the picture. */
static void take_row(separation *item, int plane, const layout *l, const mixture *m, int y,
                     const float *values)
{
    size_t stride = (size_t)m->sources * (size_t)m->format.channels;
    y -= l->top;
    if (y < 0 || y >= l->height)
        return;
    for (int x = 0; x < l->width; x++)
        for (int k = 0; k < m->sources; k++)
            if (!take_pixel(item, plane, m, k, values + (size_t)(l->left + x) * stride,
                            (size_t)y * (size_t)l->width + (size_t)x))
                item->overflowed = true;
}

/* The first tile of a row of tiles: what the row before has left of sums moves up. */
static int begin_row(canvas *c, const layout *l, int row)
{
    size_t stride = (size_t)c->mixture->sources * (size_t)c->mixture->format.channels;
    size_t width = (size_t)l->columns.side * stride, values = width * (size_t)l->rows.length;
    if (values > c->capacity) { /* only before a picture's first row */
        free(c->rows);
        c->rows = allocate(values, sizeof *c->rows);
        c->capacity = c->rows ? values : 0;
        if (!c->rows)
            return -1;
    }
    size_t kept = 0;
    if (row) {
        int moved = l->rows.slices[row].start - l->rows.slices[row - 1].start;
        kept = (size_t)(l->rows.length - moved) * width;
        memmove(c->rows, c->rows + (size_t)moved * width, kept * sizeof *c->rows);
    } else {
        c->done = 0;
    }
    memset(c->rows + kept, 0, (values - kept) * sizeof *c->rows);
    return 0;
}

static void add_tile(canvas *c, const layout *l, int row, int column, const float *results)
{
    size_t stride = (size_t)c->mixture->sources * (size_t)c->mixture->format.channels;
    const slice *down = &l->rows.slices[row], *across = &l->columns.slices[column];
    for (int y = down->first; y <= down->last; y++) {
        float *sums =
            c->rows + ((size_t)y * (size_t)l->columns.side + (size_t)across->start) * stride;
        const float *from = results + (size_t)y * (size_t)l->columns.length * stride;
        for (int x = across->first; x <= across->last; x++) {
            float weight = cut_weight(&l->rows, row, y) * cut_weight(&l->columns, column, x);
            for (size_t i = (size_t)x * stride; i < (size_t)(x + 1) * stride; i++)
                sums[i] += weight * from[i];
        }
    }
}

/* The rows that the next row of tiles adds nothing to. */
static void end_row(canvas *c, separation *item, int plane, const layout *l, int row)
{
    const slice *next = row + 1 < l->rows.count ? &l->rows.slices[row + 1] : NULL;
    int end = next ? next->start + next->first : l->rows.side, start = l->rows.slices[row].start;
    size_t width =
        (size_t)l->columns.side * (size_t)c->mixture->sources * (size_t)c->mixture->format.channels;
    for (; c->done < end; c->done++)
        take_row(item, plane, l, c->mixture, c->done, c->rows + (size_t)(c->done - start) * width);
}

int canvas_add(canvas *c, separation *item, int plane, const layout *l, int row, int column,
               const float *results)
{
    if (!column && begin_row(c, l, row))
        return -1;
    add_tile(c, l, row, column, results);
    if (column == l->columns.count - 1)
        end_row(c, item, plane, l, row);
    return 0;
}
