#include "layers/narrow.h"

#include "opencl/tuning.h"
#include <stdio.h>

enum {
    CHANNELS_MAX = 4,
    TAIL_FLOATS = 16,
    PATCH_FLOATS = 1 << 12, /* a third of a first cache, where the next strip is fetched as well */
    STRIP_ROWS = 8,
    CHUNKS_FOR_UNIT = 4
};

/* Floats of one row of taps, in whole vectors. */
static int run_of(int kernel, int in_channels)
{
    return (kernel * in_channels + 15) / 16 * 16;
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
static int strip_of(shape s, int kernel)
{
    int strip = 1;
    while (strip < s.h && strip < STRIP_ROWS &&
           patch_floats(strip + 1, s.w, kernel, s.c) <= PATCH_FLOATS)
        strip++;
    return strip;
}

static kernel *get(device *d, const char *name)
{
    char options[32];
    snprintf(options, sizeof options, "-DTILE=%d", d->tuning.tile);
    return kernel_get(d, "convolution_narrow", options, name);
}

int narrow_prepare(const convolution *c, direction *dir, device *d)
{
    dir->kernel = c->kernel;
    dir->strip = strip_of(dir->in, c->kernel);
    dir->convolve = get(d, "convolve_narrow");
    dir->pack = get(d, "pack_narrow");
    return dir->convolve && dir->pack ? 0 : -1;
}

size_t narrow_packed_floats(int kernel, int in_channels, int out_channels)
{
    return (size_t)out_channels * kernel * run_of(kernel, in_channels);
}

int narrow_pack(const direction *dir, device *d, cl_mem weights, cl_mem packed)
{
    int run = run_of(dir->kernel, dir->in.c);
    return LAUNCH(d, dir->pack,
                  range_groups((size_t)run, (size_t)dir->kernel, (size_t)dir->out.c, 16, 1, 1),
                  ARG(weights), ARG(packed), ARG(dir->in.c), ARG(dir->out.c), ARG(dir->kernel),
                  ARG(run), ARG((int)dir->adjoint));
}

int narrow_run(const direction *dir, device *d, view in, cl_mem packed, cl_mem bias, sink out)
{
    shape s = dir->in;
    int kernel = dir->kernel, strip = dir->strip;
    return LAUNCH(d, dir->convolve,
                  range_single((size_t)((s.h + strip - 1) / strip), (size_t)s.n, 1), VIEW_ARGS(in),
                  ARG(packed), ARG(bias ? bias : packed), SINK_ARGS(out), ARG(s.h), ARG(s.w),
                  ARG(s.c), ARG(dir->out.c), ARG(kernel), ARG(run_of(kernel, s.c)), ARG(kernel / 2),
                  ARG(strip), ARG(strip + kernel - 1), ARG(s.w + kernel - 1),
                  ARG((int)(bias != NULL)), LOCAL(patch_bytes(strip, s.w, kernel, s.c)));
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
    c->gradient.sum = get(d, "narrow_weight_gradient");
    c->gradient.reduce = get(d, "narrow_reduce");
    return c->gradient.sum && c->gradient.reduce ? 0 : -1;
}

size_t narrow_partial_floats(const convolution *c, const device *d)
{
    return (size_t)chunk_count(c, d) * c->y.c * (c->kernel * run_of(c->kernel, c->x.c) + 1);
}

int narrow_weight_gradient(const convolution *c, device *d, view x, cl_mem g, cl_mem dweights,
                           cl_mem dbias, cl_mem partial)
{
    shape s = c->x;
    int kernel = c->kernel, run = run_of(kernel, s.c), strip = strip_of(s, kernel);
    int chunks = c->gradient.chunks, bias = dbias != NULL;
    if (LAUNCH(d, c->gradient.sum, range_single((size_t)chunks, 1, 1), VIEW_ARGS(x), ARG(g),
               ARG(partial), ARG(s.n), ARG((s.n + chunks - 1) / chunks), ARG(s.h), ARG(s.w),
               ARG(s.c), ARG(c->y.c), ARG(kernel), ARG(run), ARG(kernel / 2), ARG(strip),
               ARG(strip + kernel - 1), ARG(s.w + kernel - 1),
               LOCAL(patch_bytes(strip, s.w, kernel, s.c))))
        return -1;
    return LAUNCH(d, c->gradient.reduce,
                  range_groups((size_t)(kernel * kernel * s.c + bias), (size_t)c->y.c, 1, 16, 1, 1),
                  ARG(partial), ARG(dweights), ARG(dbias ? dbias : dweights), ARG(s.c), ARG(c->y.c),
                  ARG(kernel), ARG(run), ARG(chunks), ARG(bias));
}
