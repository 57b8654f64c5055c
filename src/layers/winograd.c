#include "layers/winograd.h"

#include "base/number.h"
#include "opencl/tuning.h"
#include <stdio.h>

enum { POINTS = WINOGRAD_POINTS, SKEW = WINOGRAD_SKEW, SIDE = WINOGRAD_SIDE };

static int vectors_for(int out_channels, const tuning *t)
{
    return out_channels % 32 ? 1 : t->vectors;
}

static int tile_count(shape s)
{
    return s.n * ceil_divide(s.h, SIDE) * ceil_divide(s.w, SIDE);
}

/* Work-groups that keep all cores busy. */
static int items_wanted(const device *d)
{
    return d ? 2 * (int)d->info.compute_units : 1;
}

/* Of the tiles in transformed space, in floats: `block` of them with so many channels. */
static size_t matrix_floats(int block, int channels)
{
    return (size_t)POINTS * ((size_t)block * channels + SKEW);
}

/* The tiles an item takes at a time, at most `wanted`: whole register tiles, few enough that every
 * core has work and that input and result fit local memory. 0 if not even one register tile fits. */
static int choose_block(const device *d, int wanted, int tiles, int in_channels, int lanes)
{
    int tile = device_tuning(d)->tile, block = ceil_divide(wanted, tile) * tile;
    size_t room = d ? (size_t)d->info.local_memory / sizeof(float) : SIZE_MAX;
    while (block > tile && (ceil_divide(tiles, block) < items_wanted(d) ||
                            matrix_floats(block, in_channels) + matrix_floats(block, lanes) > room))
        block -= tile;
    return matrix_floats(block, in_channels) + matrix_floats(block, lanes) <= room ? block : 0;
}

static int forward_block(const device *d, shape s, int in_channels, int out_channels)
{
    const tuning *t = device_tuning(d);
    return choose_block(d, t->winograd_tiles, tile_count(s), in_channels,
                        16 * vectors_for(out_channels, t));
}

static int gradient_block(const convolution *c, const device *d)
{
    const tuning *t = device_tuning(d);
    return choose_block(d, t->gradient_tiles, tile_count(c->x), c->x.c,
                        16 * vectors_for(c->y.c, t));
}

static bool winograd_suits(const convolution *c, const device *d, int in_channels, int out_channels)
{
    int least = device_tuning(d)->winograd_channels;
    return (!d || d->kernels == KERNELS_VECTOR) && c->kernel == 3 && c->stride == 1 &&
           in_channels % 16 == 0 && out_channels % 16 == 0 && least > 0 && in_channels >= least &&
           out_channels >= least;
}

bool winograd_fits(const convolution *c, const device *d, int in_channels, int out_channels)
{
    return winograd_suits(c, d, in_channels, out_channels) &&
           forward_block(d, c->x, in_channels, out_channels);
}

bool winograd_gradient_fits(const convolution *c, const device *d)
{
    return winograd_suits(c, d, c->x.c, c->y.c) && gradient_block(c, d);
}

static kernel *winograd_kernel(device *d, int out_channels, const char *name)
{
    char options[64];
    snprintf(options, sizeof options, "-DVECTORS=%d -DTILE=%d",
             vectors_for(out_channels, &d->tuning), d->tuning.tile);
    return kernel_get(d, "winograd", options, name);
}

static winograd_shape shape_for(shape s, int out_channels, int block)
{
    return (winograd_shape){.images = s.n,
                            .h = s.h,
                            .w = s.w,
                            .cin = s.c,
                            .cout = out_channels,
                            .tiles_y = ceil_divide(s.h, SIDE),
                            .tiles_x = ceil_divide(s.w, SIDE),
                            .block = block};
}

int winograd_prepare(direction *dir, device *d)
{
    dir->block = forward_block(d, dir->in, dir->in.c, dir->out.c);
    dir->convolve = winograd_kernel(d, dir->out.c, "winograd_convolve");
    dir->pack = winograd_kernel(d, dir->out.c, "winograd_pack");
    return dir->convolve && dir->pack ? 0 : -1;
}

size_t winograd_packed_floats(int in_channels, int out_channels)
{
    return (size_t)POINTS * in_channels * out_channels;
}

int winograd_pack(const direction *dir, device *d, cl_mem weights, cl_mem packed)
{
    return LAUNCH(d, dir->pack, range_single((size_t)dir->in.c / 16, (size_t)dir->out.c / 16, 1),
                  ARG(weights), ARG(packed), ARG(dir->in.c), ARG(dir->out.c),
                  ARG((int)dir->adjoint));
}

int winograd_run(const direction *dir, device *d, view in, cl_mem packed, cl_mem bias, sink out)
{
    shape s = dir->in;
    int lanes = 16 * vectors_for(dir->out.c, &d->tuning), all = dir->out.c / lanes;
    int items = ceil_divide(tile_count(s), dir->block);
    int panels = ceil_divide(all, ceil_divide(items_wanted(d), items));
    winograd_shape shape = shape_for(s, dir->out.c, dir->block);
    return LAUNCH(d, dir->convolve,
                  range_single((size_t)items, (size_t)ceil_divide(all, panels), 1), VIEW_ARGS(in),
                  ARG(packed), ARG(bias ? bias : packed), SINK_ARGS(out),
                  STRUCT(winograd_shape, shape), ARG(panels), ARG((int)(bias != NULL)),
                  LOCAL(matrix_floats(dir->block, s.c) * sizeof(float)),
                  LOCAL(matrix_floats(dir->block, lanes) * sizeof(float)));
}

/* Enough work-groups, over panels of output channels and chunks of tiles, to keep the cores busy. */
static int chunk_count(const convolution *c, const device *d)
{
    const tuning *t = device_tuning(d);
    int wanted = t->weight_chunks * (d ? (int)d->info.compute_units : 2);
    int panels = c->y.c / (16 * vectors_for(c->y.c, t));
    int most = ceil_divide(tile_count(c->x), gradient_block(c, d));
    int chunks = ceil_divide(wanted, panels);
    return chunks < most ? chunks : most;
}

int winograd_gradient_prepare(convolution *c, device *d)
{
    c->gradient.block = gradient_block(c, d);
    c->gradient.chunks = chunk_count(c, d);
    c->gradient.sum = winograd_kernel(d, c->y.c, "winograd_weight_gradient");
    c->gradient.reduce = winograd_kernel(d, c->y.c, "winograd_reduce");
    return c->gradient.sum && c->gradient.reduce ? 0 : -1;
}

/* A row more in each panel: the bias gradient. */
size_t winograd_partial_floats(const convolution *c, const device *d)
{
    return (size_t)chunk_count(c, d) * (size_t)(POINTS * c->x.c + 1) * (size_t)c->y.c;
}

int winograd_weight_gradient(const convolution *c, device *d, view x, gradient_view g,
                             cl_mem dweights, cl_mem dbias, cl_mem partial)
{
    shape s = c->x;
    int lanes = 16 * vectors_for(c->y.c, &d->tuning), block = c->gradient.block;
    int blocks = ceil_divide(tile_count(s), block);
    int chunk_tiles = ceil_divide(blocks, c->gradient.chunks) * block;
    winograd_shape shape = shape_for(s, c->y.c, block);
    if (LAUNCH(d, c->gradient.sum,
               range_single((size_t)(c->y.c / lanes), (size_t)c->gradient.chunks, 1), VIEW_ARGS(x),
               GRADIENTS_ARGS(g), ARG(partial), STRUCT(winograd_shape, shape), ARG(chunk_tiles),
               LOCAL(matrix_floats(block, s.c) * sizeof(float)),
               LOCAL(matrix_floats(block, lanes) * sizeof(float))))
        return -1;
    return LAUNCH(d, c->gradient.reduce,
                  range_single((size_t)(s.c + (dbias != NULL)), (size_t)c->y.c / 16, 1),
                  ARG(partial), ARG(dweights), ARG(dbias ? dbias : dweights), ARG(s.c), ARG(c->y.c),
                  ARG(c->gradient.chunks));
}
