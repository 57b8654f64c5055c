#include "layers/narrow.h"

#include "base/number.h"
#include "opencl/tuning.h"
#include <stdio.h>

enum {
    CHANNELS_MAX = 4,
    TAIL_FLOATS = 16,
    PATCH_FLOATS = 1 << 12, /* a third of a first cache, where the next strip is fetched as well */
    STRIP_ROWS = 8,
    CHUNKS_FOR_UNIT = 4
};

/* Floats of one row of taps with all their channels, in whole vectors (cl/convolution_narrow.cl). */
static int tap_row_of(int kernel, int in_channels)
{
    return ceil_divide(kernel * in_channels, 16) * 16;
}

static narrow_shape shape_for(shape s, int out_channels, int kernel)
{
    return (narrow_shape){.images = s.n,
                          .h = s.h,
                          .w = s.w,
                          .cin = s.c,
                          .cout = out_channels,
                          .kernel_size = kernel,
                          .tap_row = tap_row_of(kernel, s.c),
                          .pad = kernel / 2};
}

static size_t patch_floats(int strip, int width, int kernel, int channels)
{
    return (size_t)(strip + kernel - 1) * (width + kernel - 1) * channels;
}

/* In local memory. */
static size_t patch_bytes(int strip, int width, int kernel, int channels)
{
    return (patch_floats(strip, width, kernel, channels) + TAIL_FLOATS) * sizeof(float);
}

bool narrow_fits(const convolution *c, const device *d, int in_channels, int out_channels)
{
    return (!d || (d->kernels == KERNELS_VECTOR &&
                   patch_bytes(1, c->x.w, c->kernel, in_channels) <= d->info.local_memory)) &&
           c->stride == 1 && out_channels <= CHANNELS_MAX;
}

/* Rows that fill a patch. */
static int rows_of_strip(shape s, int kernel)
{
    int strip = 1;
    while (strip < s.h && strip < STRIP_ROWS &&
           patch_floats(strip + 1, s.w, kernel, s.c) <= PATCH_FLOATS)
        strip++;
    return strip;
}

static strip_shape strip_of(shape s, int kernel, int rows)
{
    return (strip_shape){.rows = rows,
                         .images = 1,
                         .patch_rows = rows + kernel - 1,
                         .patch_columns = s.w + kernel - 1};
}

static kernel *narrow_kernel(device *d, const char *name)
{
    char options[32];
    snprintf(options, sizeof options, "-DTILE=%d", d->tuning.tile);
    return kernel_get(d, "convolution_narrow", options, name);
}

int narrow_prepare(const convolution *c, direction *dir, device *d)
{
    dir->kernel = c->kernel;
    dir->strip = rows_of_strip(dir->in, c->kernel);
    dir->convolve = narrow_kernel(d, "convolve_narrow");
    dir->pack = narrow_kernel(d, "pack_narrow");
    return dir->convolve && dir->pack ? 0 : -1;
}

size_t narrow_packed_floats(int kernel, int in_channels, int out_channels)
{
    return (size_t)out_channels * kernel * tap_row_of(kernel, in_channels);
}

int narrow_pack(const direction *dir, device *d, cl_mem weights, cl_mem packed)
{
    narrow_shape shape = shape_for(dir->in, dir->out.c, dir->kernel);
    return LAUNCH(
        d, dir->pack,
        range_groups((size_t)shape.tap_row, (size_t)dir->kernel, (size_t)dir->out.c, 16, 1, 1),
        ARG(weights), ARG(packed), STRUCT(narrow_shape, shape), ARG((int)dir->adjoint));
}

int narrow_run(const direction *dir, device *d, view in, cl_mem packed, cl_mem bias, sink out)
{
    narrow_shape shape = shape_for(dir->in, dir->out.c, dir->kernel);
    strip_shape strip = strip_of(dir->in, dir->kernel, dir->strip);
    return LAUNCH(d, dir->convolve,
                  range_single((size_t)ceil_divide(shape.h, strip.rows), (size_t)shape.images, 1),
                  VIEW_ARGS(in), ARG(packed), ARG(bias ? bias : packed), SINK_ARGS(out),
                  STRUCT(narrow_shape, shape), STRUCT(strip_shape, strip), ARG((int)(bias != NULL)),
                  LOCAL(patch_bytes(strip.rows, shape.w, dir->kernel, shape.cin)));
}

bool narrow_gradient_fits(const convolution *c, const device *d)
{
    return narrow_fits(c, d, c->x.c, c->y.c);
}

static int chunk_count(const convolution *c, const device *d)
{
    int chunks = CHUNKS_FOR_UNIT * (d ? (int)d->info.compute_units : 2);
    return chunks < c->x.n ? chunks : c->x.n;
}

int narrow_gradient_prepare(convolution *c, device *d)
{
    c->gradient.chunks = chunk_count(c, d);
    c->gradient.sum = narrow_kernel(d, "narrow_weight_gradient");
    c->gradient.reduce = narrow_kernel(d, "narrow_reduce");
    return c->gradient.sum && c->gradient.reduce ? 0 : -1;
}

size_t narrow_partial_floats(const convolution *c, const device *d)
{
    return (size_t)chunk_count(c, d) * c->y.c * (c->kernel * tap_row_of(c->kernel, c->x.c) + 1);
}

int narrow_weight_gradient(const convolution *c, device *d, view x, cl_mem g, cl_mem dweights,
                           cl_mem dbias, cl_mem partial)
{
    narrow_shape shape = shape_for(c->x, c->y.c, c->kernel);
    strip_shape strip = strip_of(c->x, c->kernel, rows_of_strip(c->x, c->kernel));
    int chunks = c->gradient.chunks, bias = dbias != NULL;
    if (LAUNCH(d, c->gradient.sum, range_single((size_t)chunks, 1, 1), VIEW_ARGS(x), ARG(g),
               ARG(partial), STRUCT(narrow_shape, shape), STRUCT(strip_shape, strip),
               ARG(ceil_divide(shape.images, chunks)),
               LOCAL(patch_bytes(strip.rows, shape.w, c->kernel, shape.cin))))
        return -1;
    size_t weights = (size_t)(c->kernel * c->kernel * shape.cin + bias);
    return LAUNCH(d, c->gradient.reduce, range_groups(weights, (size_t)c->y.c, 1, 16, 1, 1),
                  ARG(partial), ARG(dweights), ARG(dbias ? dbias : dweights),
                  STRUCT(narrow_shape, shape), ARG(chunks), ARG(bias));
}
