#include "layers/convolution.h"

#include "base/error.h"
#include "base/memory.h"
#include <stdio.h>
#include <stdlib.h>

enum {
    KERNEL_MAX = 15,
    PIXELS_IN_TILE = 8,    /* TILE of convolution_vector.cl */
    TILED_SIDE = 64,       /* TILED_ROWS and, for wide outputs, TILED_COLUMNS */
    TILED_NARROW = 16,     /* TILED_COLUMNS for outputs of up to 16 channels */
    STRIP_FLOATS = 1 << 15 /* what a strip of the weight gradient may take of local memory */
};

/* Channels of a register tile; the .cl files call it LANES. */
static int lanes(int channels)
{
    return channels <= 16 ? 16 : 32;
}

static int round_up(int value, int multiple)
{
    return (value + multiple - 1) / multiple * multiple;
}

static int floor_divide(int a, int b)
{
    return a >= 0 ? a / b : -((-a + b - 1) / b);
}

static int padding_before(int size, int out, int kernel, int stride)
{
    int total = (out - 1) * stride + kernel - size;
    return total > 0 ? total / 2 : 0;
}

int convolution_shape(convolution *c, shape x, int cout, int kernel, int stride)
{
    if (kernel < 1 || kernel > KERNEL_MAX || kernel % 2 == 0 || (stride != 1 && stride != 2))
        return fail(STATUS_RUNTIME, "a %d x %d convolution with stride %d is not supported", kernel,
                    kernel, stride);
    c->kernel = kernel;
    c->stride = stride;
    c->x = x;
    c->y = (shape){x.n, (x.h + stride - 1) / stride, (x.w + stride - 1) / stride, cout};
    c->pad_y = padding_before(x.h, c->y.h, kernel, stride);
    c->pad_x = padding_before(x.w, c->y.w, kernel, stride);
    return 0;
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
    int ky[KERNEL_MAX], kx[KERNEL_MAX], dy[KERNEL_MAX], dx[KERNEL_MAX];
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
static int patch_columns(const direction *dir, const phase *p)
{
    return (round_up(p->qw, PIXELS_IN_TILE) - 1) * dir->in_stride + p->dx_span;
}

static size_t patch_bytes(const direction *dir, const phase *p)
{
    return (size_t)p->dy_span * patch_columns(dir, p) * dir->in.c * sizeof(float);
}

static int choose_kernels(direction *dir, device *d)
{
    dir->tiled = d->kernels == KERNELS_TILED;
    for (int i = 0; i < dir->phase_count; i++)
        dir->tiled |= patch_bytes(dir, &dir->phases[i]) > d->info.local_memory;
    char options[64];
    if (dir->tiled) {
        snprintf(options, sizeof options, "-DCOLUMNS=%d",
                 dir->out.c <= 16 ? TILED_NARROW : TILED_SIDE);
        dir->convolve = kernel_get(d, "convolution_tiled", options, "convolve");
        return dir->convolve ? 0 : -1;
    }
    snprintf(options, sizeof options, "-DVECTORS=%d", lanes(dir->out.c) / 16);
    dir->convolve = kernel_get(d, "convolution_vector", options, "convolve");
    dir->pack = kernel_get(d, "convolution_pack", "", "pack_weights");
    return dir->convolve && dir->pack ? 0 : -1;
}

static int prepare_direction(convolution *c, direction *dir, device *d)
{
    dir->in = dir->adjoint ? c->y : c->x;
    dir->out = dir->adjoint ? c->x : c->y;
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
            offset += (size_t)p->tap_count * dir->in.c * round_up(dir->out.c, lanes(dir->out.c));
        }
    }
    return choose_kernels(dir, d);
}

/* Enough work-groups to keep the device busy, over images and tiles of the weights. */
static int chunk_count(const convolution *c, const device *d)
{
    bool tiled = d && d->kernels == KERNELS_TILED;
    int units = d ? (int)d->info.compute_units : 2;
    int wanted = units * (tiled ? 8 : 4) < 16 ? 16 : units * (tiled ? 8 : 4);
    int rows = c->kernel * c->kernel * c->x.c;
    int tiles = tiled ? (rows / TILED_SIDE + 1) * (c->y.c / TILED_SIDE + 1)
                      : (c->y.c + lanes(c->y.c) - 1) / lanes(c->y.c);
    int chunks = (wanted + tiles - 1) / tiles;
    return chunks < c->x.n ? chunks : c->x.n;
}

int convolution_prepare(convolution *c, device *d)
{
    convolution_release(c);
    c->forward = (direction){.adjoint = false};
    c->adjoint = (direction){.adjoint = true};
    c->chunks = chunk_count(c, d);
    if (prepare_direction(c, &c->forward, d) || prepare_direction(c, &c->adjoint, d))
        return -1;
    char options[64];
    if (c->forward.tiled)
        snprintf(options, sizeof options, "-DCOLUMNS=%d", c->y.c <= 16 ? TILED_NARROW : TILED_SIDE);
    else
        snprintf(options, sizeof options, "-DVECTORS=%d", lanes(c->y.c) / 16);
    c->weight_gradient =
        kernel_get(d, c->forward.tiled ? "convolution_tiled" : "convolution_vector", options,
                   "convolve_weight_gradient");
    c->reduce = kernel_get(d, "convolution_pack", "", "reduce_weight_gradient");
    return c->weight_gradient && c->reduce ? 0 : -1;
}

static void release_direction(direction *dir)
{
    for (int i = 0; i < dir->phase_count; i++)
        if (dir->phases[i].taps)
            clReleaseMemObject(dir->phases[i].taps);
    dir->phase_count = 0;
}

void convolution_release(convolution *c)
{
    release_direction(&c->forward);
    release_direction(&c->adjoint);
}

size_t convolution_packed_floats(const convolution *c, const direction *dir)
{
    int in = dir == &c->adjoint ? c->y.c : c->x.c, out = dir == &c->adjoint ? c->x.c : c->y.c;
    return (size_t)c->kernel * c->kernel * in * round_up(out, lanes(out));
}

/* One more row than weights: the bias gradient. */
size_t convolution_partial_floats(const convolution *c, const device *d)
{
    return (size_t)chunk_count(c, d) * (c->kernel * c->kernel * c->x.c + 1) *
           round_up(c->y.c, TILED_SIDE);
}

int convolution_pack(const direction *dir, device *d, cl_mem weights, cl_mem packed)
{
    int width = lanes(dir->out.c);
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

static int run_vector(const direction *dir, const phase *p, device *d, cl_mem in, cl_mem packed,
                      cl_mem bias, cl_mem out, bool accumulate)
{
    return LAUNCH(d, dir->convolve, range_single((size_t)p->qh, (size_t)dir->in.n, 1), ARG(in),
                  ARG(packed), ARG((unsigned long)p->packed_offset), ARG(bias ? bias : in),
                  ARG(out), ARG(p->taps), ARG(p->tap_count), ARG(dir->in.h), ARG(dir->in.w),
                  ARG(dir->in.c), ARG(dir->out.h), ARG(dir->out.w), ARG(dir->out.c), ARG(p->qw),
                  ARG(dir->in_stride), ARG(dir->out_stride), ARG(p->phase_y), ARG(p->phase_x),
                  ARG(p->dy_min), ARG(p->dx_min), ARG(p->dy_span), ARG(patch_columns(dir, p)),
                  ARG((int)(bias != NULL)), ARG((int)accumulate), LOCAL(patch_bytes(dir, p)));
}

static int run_tiled(const direction *dir, const phase *p, device *d, cl_mem in, cl_mem weights,
                     cl_mem bias, cl_mem out, bool accumulate)
{
    int columns = dir->out.c <= 16 ? TILED_NARROW : TILED_SIDE;
    size_t pixels = (size_t)dir->in.n * p->qh * p->qw;
    size_t row_tiles = (pixels + TILED_SIDE - 1) / TILED_SIDE;
    size_t column_tiles = (size_t)round_up(dir->out.c, columns) / columns;
    return LAUNCH(d, dir->convolve, range_groups(row_tiles * 16, column_tiles * 16, 1, 16, 16, 1),
                  ARG(in), ARG(weights), ARG(bias ? bias : in), ARG(out), ARG(p->taps),
                  ARG(p->tap_count), ARG(dir->in.n), ARG(dir->in.h), ARG(dir->in.w), ARG(dir->in.c),
                  ARG(dir->out.h), ARG(dir->out.w), ARG(dir->out.c), ARG(p->qh), ARG(p->qw),
                  ARG(dir->in_stride), ARG(dir->out_stride), ARG(p->phase_y), ARG(p->phase_x),
                  ARG(p->dy_min), ARG(p->dx_min), ARG((int)dir->adjoint), ARG((int)(bias != NULL)),
                  ARG((int)accumulate));
}

int convolution_run(const direction *dir, device *d, cl_mem in, cl_mem weights, cl_mem packed,
                    cl_mem bias, cl_mem out, bool accumulate)
{
    for (int i = 0; i < dir->phase_count; i++) {
        const phase *p = &dir->phases[i];
        if (dir->tiled ? run_tiled(dir, p, d, in, weights, bias, out, accumulate)
                       : run_vector(dir, p, d, in, packed, bias, out, accumulate))
            return -1;
    }
    return 0;
}

/* The rows of y that a strip of the vector kernel takes at a time, so that strip and patch stay in
 * cache and in local memory. */
static int strip_rows(const convolution *c, const device *d)
{
    const phase *p = &c->forward.phases[0];
    size_t limit = d->info.local_memory / sizeof(float);
    limit = limit < STRIP_FLOATS ? limit : STRIP_FLOATS;
    size_t columns = (size_t)(p->qw - 1) * c->stride + p->dx_span;
    int strip = 1;
    while (strip < p->qh && strip < 8 &&
           ((size_t)strip * c->stride + p->dy_span) * columns * c->x.c +
                   (size_t)(strip + 1) * p->qw * lanes(c->y.c) <=
               limit)
        strip++;
    return strip;
}

static int weight_gradient_vector(const convolution *c, device *d, cl_mem x, cl_mem g,
                                  cl_mem partial, int chunk_images)
{
    const phase *p = &c->forward.phases[0];
    int strip = strip_rows(c, d), width = lanes(c->y.c);
    int rows = (strip - 1) * c->stride + p->dy_span, columns = (p->qw - 1) * c->stride + p->dx_span;
    return LAUNCH(d, c->weight_gradient,
                  range_single((size_t)round_up(c->y.c, width) / width, (size_t)c->chunks, 1),
                  ARG(x), ARG(g), ARG(partial), ARG(p->taps), ARG(p->tap_count), ARG(c->x.n),
                  ARG(chunk_images), ARG(c->x.h), ARG(c->x.w), ARG(c->x.c), ARG(p->qh), ARG(p->qw),
                  ARG(c->y.c), ARG(c->stride), ARG(p->dy_min), ARG(p->dx_min), ARG(strip),
                  ARG(rows), ARG(columns), LOCAL((size_t)rows * columns * c->x.c * sizeof(float)),
                  LOCAL((size_t)strip * p->qw * width * sizeof(float)));
}

static int weight_gradient_tiled(const convolution *c, device *d, cl_mem x, cl_mem g,
                                 cl_mem partial, int chunk_images)
{
    const phase *p = &c->forward.phases[0];
    int columns = c->y.c <= 16 ? TILED_NARROW : TILED_SIDE;
    size_t row_tiles = (size_t)round_up(p->tap_count * c->x.c, TILED_SIDE) / TILED_SIDE;
    size_t column_tiles = (size_t)round_up(c->y.c, columns) / columns;
    return LAUNCH(d, c->weight_gradient,
                  range_groups(row_tiles * 16, column_tiles * 16, (size_t)c->chunks, 16, 16, 1),
                  ARG(x), ARG(g), ARG(partial), ARG(p->taps), ARG(p->tap_count), ARG(c->x.n),
                  ARG(chunk_images), ARG(c->x.h), ARG(c->x.w), ARG(c->x.c), ARG(p->qh), ARG(p->qw),
                  ARG(c->y.c), ARG(c->stride), ARG(p->dy_min), ARG(p->dx_min));
}

int convolution_weight_gradient(const convolution *c, device *d, cl_mem x, cl_mem g,
                                cl_mem dweights, cl_mem dbias, cl_mem partial)
{
    int chunk_images = (c->x.n + c->chunks - 1) / c->chunks;
    int width = c->forward.tiled ? (c->y.c <= 16 ? TILED_NARROW : TILED_SIDE) : lanes(c->y.c);
    if (c->forward.tiled ? weight_gradient_tiled(c, d, x, g, partial, chunk_images)
                         : weight_gradient_vector(c, d, x, g, partial, chunk_images))
        return -1;
    int rows = c->kernel * c->kernel * c->x.c;
    int bias = dbias != NULL;
    return LAUNCH(d, c->reduce, range_flat((size_t)c->y.c * (rows + bias)), ARG(partial),
                  ARG(dweights), ARG(dbias ? dbias : dweights), ARG(rows), ARG(c->y.c),
                  ARG(round_up(c->y.c, width)), ARG(c->chunks), ARG(bias));
}
