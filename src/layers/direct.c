#include "layers/direct.h"

#include "base/error.h"
#include "base/memory.h"
#include "device/tuning.h"
#include <stdio.h>
#include <stdlib.h>

enum {
    TILED_NARROW = 16,     /* columns of a tiled kernel for outputs of up to 16 channels */
    STRIP_FLOATS = 1 << 15 /* what a strip of the weight gradient may take of local memory */
};

static const tuning *tuning_of(const device *d)
{
    return d ? &d->tuning : &tuning_default;
}

/* Channels of a register tile; the .cl files call it LANES. */
static int lanes(int channels, const device *d)
{
    return channels <= 16 ? 16 : 16 * tuning_of(d)->vectors;
}

static int tile_of(const device *d)
{
    return tuning_of(d)->tile;
}

static int round_up(int value, int multiple)
{
    return (value + multiple - 1) / multiple * multiple;
}

static int floor_divide(int a, int b)
{
    return a >= 0 ? a / b : -((-a + b - 1) / b);
}

static int tiled_columns(int out_channels, const device *d)
{
    return out_channels <= 16 ? TILED_NARROW : tuning_of(d)->columns;
}

/* The taps of one axis that reach phase p: forward all, adjoint those with (p + pad - k) % s == 0.
 * Returns their number. */
static int axis_taps(const convolution *c, const direction *dir, int p, int pad, int taps[],
                     int offsets[])
{
    int count = 0;
    for (int k = 0; k < c->kernel; k++) {
        int reach = p + pad - k;
        if (dir->adjoint && reach - floor_divide(reach, c->stride) * c->stride)
            continue;
        taps[count] = k;
        offsets[count++] = dir->adjoint ? floor_divide(reach, c->stride) : k - pad;
    }
    return count;
}

static void span(const int offsets[], int count, int *min, int *length)
{
    int low = 0, high = 0;
    for (int i = 0; i < count; i++) {
        low = !i || offsets[i] < low ? offsets[i] : low;
        high = !i || offsets[i] > high ? offsets[i] : high;
    }
    *min = low;
    *length = high - low + 1;
}

static int fill_phase(const convolution *c, const direction *dir, device *d, phase *p)
{
    int ky[CONVOLUTION_KERNEL_MAX], kx[CONVOLUTION_KERNEL_MAX], dy[CONVOLUTION_KERNEL_MAX],
        dx[CONVOLUTION_KERNEL_MAX];
    int rows = axis_taps(c, dir, p->phase_y, c->pad_y, ky, dy);
    int columns = axis_taps(c, dir, p->phase_x, c->pad_x, kx, dx);
    span(dy, rows, &p->dy_min, &p->dy_span);
    span(dx, columns, &p->dx_min, &p->dx_span);
    p->tap_count = rows * columns;
    p->qh = (dir->out.h - p->phase_y + dir->out_stride - 1) / dir->out_stride;
    p->qw = (dir->out.w - p->phase_x + dir->out_stride - 1) / dir->out_stride;
    cl_int *table = allocate((size_t)p->tap_count * 3, sizeof *table);
    if (!table)
        return -1;
    for (int i = 0; i < p->tap_count; i++) {
        int row = i / columns, column = i % columns;
        table[3 * i] = dy[row] - p->dy_min;
        table[3 * i + 1] = dx[column] - p->dx_min;
        table[3 * i + 2] = ky[row] * c->kernel + kx[column];
    }
    size_t bytes = (size_t)(p->tap_count ? p->tap_count * 3 : 1) * sizeof *table;
    int result =
        buffer_new(d, bytes, "taps", &p->taps) || buffer_write(d, p->taps, 0, table, bytes);
    free(table);
    return result ? -1 : 0;
}

/* Patch of convolve(): one row of outputs at a time, its width rounded up to whole tiles. */
static int patch_columns(const direction *dir, const phase *p, const device *d)
{
    return (round_up(p->qw, tile_of(d)) - 1) * dir->in_stride + p->dx_span;
}

static size_t patch_bytes(const direction *dir, const phase *p, const device *d)
{
    return (size_t)p->dy_span * patch_columns(dir, p, d) * dir->in.c * sizeof(float);
}

static kernel *get(device *d, bool tiled, int out_channels, const char *name)
{
    char options[64];
    if (tiled)
        snprintf(options, sizeof options, "-DROWS=%d -DCOLUMNS=%d -DDEPTH=%d", d->tuning.rows,
                 tiled_columns(out_channels, d), d->tuning.depth);
    else
        snprintf(options, sizeof options, "-DVECTORS=%d -DTILE=%d", lanes(out_channels, d) / 16,
                 tile_of(d));
    return kernel_get(d, tiled ? "convolution_tiled" : "convolution_vector", options, name);
}

static int choose_kernels(direction *dir, device *d)
{
    dir->tiled = d->kernels == KERNELS_TILED;
    for (int i = 0; i < dir->phase_count; i++)
        dir->tiled |= patch_bytes(dir, &dir->phases[i], d) > d->info.local_memory;
    dir->convolve = get(d, dir->tiled, dir->out.c, "convolve");
    if (!dir->tiled && !(dir->pack = kernel_get(d, "convolution_pack", "", "pack_weights")))
        return -1;
    return dir->convolve ? 0 : -1;
}

int direct_prepare(const convolution *c, direction *dir, device *d)
{
    dir->in_stride = dir->adjoint ? 1 : c->stride;
    dir->out_stride = dir->adjoint ? c->stride : 1;
    size_t offset = 0;
    for (int y = 0; y < dir->out_stride; y++) {
        for (int x = 0; x < dir->out_stride; x++) {
            if (y >= dir->out.h || x >= dir->out.w)
                continue; /* an image of one row or column has no second phase */
            phase *p = &dir->phases[dir->phase_count++];
            p->phase_y = y;
            p->phase_x = x;
            p->packed_offset = offset;
            if (fill_phase(c, dir, d, p))
                return -1;
            offset += direct_packed_floats(p->tap_count, dir->in.c, dir->out.c, d);
        }
    }
    return choose_kernels(dir, d);
}

static void release_phase(phase *p)
{
    if (p->taps)
        clReleaseMemObject(p->taps);
    p->taps = NULL;
}

void direct_release(direction *dir)
{
    for (int i = 0; i < dir->phase_count; i++)
        release_phase(&dir->phases[i]);
    dir->phase_count = 0;
}

size_t direct_packed_floats(int taps, int in_channels, int out_channels, const device *d)
{
    return (size_t)taps * in_channels * round_up(out_channels, lanes(out_channels, d));
}

int direct_pack(const direction *dir, device *d, cl_mem weights, cl_mem packed)
{
    int width = lanes(dir->out.c, d);
    for (int i = 0; !dir->tiled && i < dir->phase_count; i++) {
        const phase *p = &dir->phases[i];
        if (p->tap_count &&
            LAUNCH(d, dir->pack,
                   range_groups((size_t)p->tap_count * dir->in.c,
                                (size_t)round_up(dir->out.c, width) / width, 1, 16, 1, 1),
                   ARG(weights), ARG(packed), ARG((unsigned long)p->packed_offset), ARG(p->taps),
                   ARG(p->tap_count), ARG(dir->in.c), ARG(dir->out.c), ARG(width),
                   ARG((int)dir->adjoint)))
            return -1;
    }
    return 0;
}

static int run_vector(const direction *dir, const phase *p, device *d, view in, cl_mem packed,
                      cl_mem bias, sink out)
{
    return LAUNCH(d, dir->convolve, range_single((size_t)p->qh, (size_t)dir->in.n, 1),
                  VIEW_ARGS(in), ARG(packed), ARG((unsigned long)p->packed_offset),
                  ARG(bias ? bias : packed), SINK_ARGS(out), ARG(p->taps), ARG(p->tap_count),
                  ARG(dir->in.h), ARG(dir->in.w), ARG(dir->in.c), ARG(dir->out.h), ARG(dir->out.w),
                  ARG(dir->out.c), ARG(p->qw), ARG(dir->in_stride), ARG(dir->out_stride),
                  ARG(p->phase_y), ARG(p->phase_x), ARG(p->dy_min), ARG(p->dx_min), ARG(p->dy_span),
                  ARG(patch_columns(dir, p, d)), ARG((int)(bias != NULL)),
                  LOCAL(patch_bytes(dir, p, d)));
}

static int run_tiled(const direction *dir, const phase *p, device *d, view in, cl_mem weights,
                     cl_mem bias, sink out)
{
    int rows = d->tuning.rows, columns = tiled_columns(dir->out.c, d);
    size_t pixels = (size_t)dir->in.n * p->qh * p->qw;
    size_t row_tiles = (pixels + rows - 1) / rows;
    size_t column_tiles = (size_t)round_up(dir->out.c, columns) / columns;
    return LAUNCH(d, dir->convolve, range_groups(row_tiles * 16, column_tiles * 16, 1, 16, 16, 1),
                  VIEW_ARGS(in), ARG(weights), ARG(bias ? bias : weights), SINK_ARGS(out),
                  ARG(p->taps), ARG(p->tap_count), ARG(dir->in.n), ARG(dir->in.h), ARG(dir->in.w),
                  ARG(dir->in.c), ARG(dir->out.h), ARG(dir->out.w), ARG(dir->out.c), ARG(p->qh),
                  ARG(p->qw), ARG(dir->in_stride), ARG(dir->out_stride), ARG(p->phase_y),
                  ARG(p->phase_x), ARG(p->dy_min), ARG(p->dx_min), ARG((int)dir->adjoint),
                  ARG((int)(bias != NULL)));
}

int direct_run(const direction *dir, device *d, view in, cl_mem weights, cl_mem packed, cl_mem bias,
               sink out)
{
    for (int i = 0; i < dir->phase_count; i++) {
        const phase *p = &dir->phases[i];
        if (dir->tiled ? run_tiled(dir, p, d, in, weights, bias, out)
                       : run_vector(dir, p, d, in, packed, bias, out))
            return -1;
    }
    return 0;
}

/* Enough work-groups to keep the device busy, over images and tiles of the weights. */
static int chunk_count(const convolution *c, const device *d)
{
    bool tiled = d && d->kernels == KERNELS_TILED;
    int units = d ? (int)d->info.compute_units : 2;
    int wanted = units * (tiled ? 8 : 4) < 16 ? 16 : units * (tiled ? 8 : 4);
    int rows = c->kernel * c->kernel * c->x.c, width = lanes(c->y.c, d);
    const tuning *t = tuning_of(d);
    int tiles =
        tiled ? (rows / t->rows + 1) * (c->y.c / t->columns + 1) : round_up(c->y.c, width) / width;
    int chunks = (wanted + tiles - 1) / tiles;
    return chunks < c->x.n ? chunks : c->x.n;
}

/* The rows of y that a strip of the vector kernel takes at a time, so that strip and patch stay in
 * cache and in local memory. */
static int strip_rows(const convolution *c, const device *d)
{
    const phase *p = &c->gradient.geometry;
    size_t limit = d->info.local_memory / sizeof(float);
    limit = limit < STRIP_FLOATS ? limit : STRIP_FLOATS;
    size_t columns = (size_t)(p->qw - 1) * c->stride + p->dx_span;
    int strip = 1;
    while (strip < p->qh && strip < 8 &&
           ((size_t)strip * c->stride + p->dy_span) * columns * c->x.c +
                   (size_t)(strip + 1) * p->qw * lanes(c->y.c, d) <=
               limit)
        strip++;
    return strip;
}

/* Local memory for one strip: the patch of x and the panel of g. */
typedef struct strip {
    int height, rows, columns; /* rows of y; rows and columns of the patch */
    size_t patch_bytes, panel_bytes;
} strip;

static strip strip_of(const convolution *c, const device *d)
{
    const phase *p = &c->gradient.geometry;
    strip s = {.height = strip_rows(c, d)};
    s.rows = (s.height - 1) * c->stride + p->dy_span;
    s.columns = (p->qw - 1) * c->stride + p->dx_span;
    s.patch_bytes = (size_t)s.rows * s.columns * c->x.c * sizeof(float);
    s.panel_bytes = (size_t)s.height * p->qw * lanes(c->y.c, d) * sizeof(float);
    return s;
}

int direct_gradient_prepare(convolution *c, device *d)
{
    struct weight_gradient *g = &c->gradient;
    direction forward = {
        .in = c->x, .out = c->y, .in_stride = c->stride, .out_stride = 1, .adjoint = false};
    g->geometry = (phase){0};
    if (fill_phase(c, &forward, d, &g->geometry))
        return -1;
    strip s = strip_of(c, d);
    g->tiled = d->kernels == KERNELS_TILED || s.patch_bytes + s.panel_bytes > d->info.local_memory;
    g->chunks = chunk_count(c, d);
    g->sum = get(d, g->tiled, c->y.c, "convolve_weight_gradient");
    g->reduce = kernel_get(d, "convolution_pack", "", "reduce_weight_gradient");
    return g->sum && g->reduce ? 0 : -1;
}

void direct_gradient_release(convolution *c)
{
    release_phase(&c->gradient.geometry);
}

/* One more row than weights: the bias gradient. Enough for either family. */
size_t direct_partial_floats(const convolution *c, const device *d)
{
    int tiled = round_up(c->y.c, tiled_columns(c->y.c, d));
    int vector = round_up(c->y.c, lanes(c->y.c, d));
    return (size_t)chunk_count(c, d) * (c->kernel * c->kernel * c->x.c + 1) *
           (tiled > vector ? tiled : vector);
}

static int sum_vector(const convolution *c, device *d, view x, view g, cl_mem partial,
                      int chunk_images)
{
    const phase *p = &c->gradient.geometry;
    strip s = strip_of(c, d);
    int width = lanes(c->y.c, d);
    return LAUNCH(
        d, c->gradient.sum,
        range_single((size_t)round_up(c->y.c, width) / width, (size_t)c->gradient.chunks, 1),
        VIEW_ARGS(x), VIEW_ARGS(g), ARG(partial), ARG(p->taps), ARG(p->tap_count), ARG(c->x.n),
        ARG(chunk_images), ARG(c->x.h), ARG(c->x.w), ARG(c->x.c), ARG(p->qh), ARG(p->qw),
        ARG(c->y.c), ARG(c->stride), ARG(p->dy_min), ARG(p->dx_min), ARG(s.height), ARG(s.rows),
        ARG(s.columns), LOCAL(s.patch_bytes), LOCAL(s.panel_bytes));
}

static int sum_tiled(const convolution *c, device *d, view x, view g, cl_mem partial,
                     int chunk_images)
{
    const phase *p = &c->gradient.geometry;
    int rows = d->tuning.rows, columns = tiled_columns(c->y.c, d);
    size_t row_tiles = (size_t)round_up(p->tap_count * c->x.c, rows) / rows;
    size_t column_tiles = (size_t)round_up(c->y.c, columns) / columns;
    return LAUNCH(
        d, c->gradient.sum,
        range_groups(row_tiles * 16, column_tiles * 16, (size_t)c->gradient.chunks, 16, 16, 1),
        VIEW_ARGS(x), VIEW_ARGS(g), ARG(partial), ARG(p->taps), ARG(p->tap_count), ARG(c->x.n),
        ARG(chunk_images), ARG(c->x.h), ARG(c->x.w), ARG(c->x.c), ARG(p->qh), ARG(p->qw),
        ARG(c->y.c), ARG(c->stride), ARG(p->dy_min), ARG(p->dx_min));
}

int direct_weight_gradient(const convolution *c, device *d, view x, view g, cl_mem dweights,
                           cl_mem dbias, cl_mem partial)
{
    const struct weight_gradient *by = &c->gradient;
    int chunk_images = (c->x.n + by->chunks - 1) / by->chunks;
    int width = by->tiled ? tiled_columns(c->y.c, d) : lanes(c->y.c, d);
    if (by->tiled ? sum_tiled(c, d, x, g, partial, chunk_images)
                  : sum_vector(c, d, x, g, partial, chunk_images))
        return -1;
    int rows = c->kernel * c->kernel * c->x.c;
    int bias = dbias != NULL;
    return LAUNCH(d, by->reduce, range_flat((size_t)c->y.c * (rows + bias)), ARG(partial),
                  ARG(dweights), ARG(dbias ? dbias : dweights), ARG(rows), ARG(c->y.c),
                  ARG(round_up(c->y.c, width)), ARG(by->chunks), ARG(bias));
}
