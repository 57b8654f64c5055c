#include "layers/direct.h"

#include "base/number.h"
#include "opencl/tuning.h"
#include <stdio.h>

enum {
    TILED_NARROW = 16,      /* columns of a tiled kernel for outputs of up to 16 channels */
    STRIP_FLOATS = 1 << 15, /* what a strip of the weight gradient may take of local memory */
    PATCH_BYTES = 1 << 16,  /* and what a patch of convolve() is to take: some of the L2 cache */
    STRIP_ROWS = 8,
    GROUP_BYTES = 1 << 19, /* what the strips of several small images may take */
    IMAGES_MAX = 8,
    LARGE_BYTES = 1 << 19 /* sums of a weight gradient beyond which chunks of them are dear */
};

/* Channels of a register tile; the .cl files call it LANES. */
static int lanes_for(int channels, const device *d)
{
    return channels <= 16 ? 16 : 16 * device_tuning(d)->vectors;
}

static int tile_of(const device *d)
{
    return device_tuning(d)->tile;
}

static int round_up(int value, int multiple)
{
    return ceil_divide(value, multiple) * multiple;
}

static int tiled_columns(int out_channels, const device *d)
{
    return out_channels <= 16 ? TILED_NARROW : device_tuning(d)->columns;
}

static geometry_of geometry_from(const convolution *c, bool adjoint)
{
    return (geometry_of){.kernel = c->kernel,
                         .stride = c->stride,
                         .pad_y = c->pad_y,
                         .pad_x = c->pad_x,
                         .adjoint = adjoint,
                         .in = adjoint ? c->y : c->x,
                         .out = adjoint ? c->x : c->y};
}

/* A strip of so many rows of outputs of one image, and the patch that it needs. */
static strip_shape strip_of(const geometry *g, int rows)
{
    return (strip_shape){.rows = rows,
                         .images = 1,
                         .patch_rows = (rows - 1) * g->shape.in_stride + g->dy_span,
                         .patch_columns =
                             (geometry_columns(g) - 1) * g->shape.in_stride + g->dx_span};
}

/* Of one image. */
static size_t patch_bytes(const strip_shape *s, int channels)
{
    return (size_t)s->patch_rows * s->patch_columns * channels * sizeof(float);
}

/* Rows that an item takes: more while the patch is small and there are items enough; at least a
 * register tile full of pixels, if local memory holds it. */
static int rows_of_strip(const direction *dir, const device *d)
{
    const geometry *g = &dir->geometry;
    int rows = geometry_rows(g), strip = 1, items = 4 * (int)d->info.compute_units;
    while (strip < rows) {
        strip_shape larger = strip_of(g, strip + 1);
        size_t bytes = patch_bytes(&larger, dir->in.c);
        bool fills = strip * geometry_columns(g) < tile_of(d) && bytes <= d->info.local_memory;
        bool fits = bytes <= PATCH_BYTES && bytes <= d->info.local_memory && strip < STRIP_ROWS &&
                    dir->in.n * ((rows + strip) / (strip + 1)) >= items;
        if (!fills && !fits)
            break;
        strip++;
    }
    return strip;
}

static kernel *direct_kernel(device *d, bool tiled, int out_channels, const char *name)
{
    char options[64];
    if (tiled)
        snprintf(options, sizeof options, "-DROWS=%d -DCOLUMNS=%d -DDEPTH=%d", d->tuning.rows,
                 tiled_columns(out_channels, d), d->tuning.depth);
    else
        snprintf(options, sizeof options, "-DVECTORS=%d -DTILE=%d", lanes_for(out_channels, d) / 16,
                 tile_of(d));
    return kernel_get(d, tiled ? "convolution_tiled" : "convolution_vector", options, name);
}

int direct_prepare(const convolution *c, direction *dir, device *d)
{
    geometry_of from = geometry_from(c, dir->adjoint);
    if (geometry_new(&dir->geometry, d, &from))
        return -1;
    dir->strip = rows_of_strip(dir, d);
    strip_shape strip = strip_of(&dir->geometry, dir->strip);
    dir->tiled =
        d->kernels == KERNELS_TILED || patch_bytes(&strip, dir->in.c) > d->info.local_memory;
    dir->convolve = direct_kernel(d, dir->tiled, dir->out.c, "convolve");
    if (!dir->tiled && !(dir->pack = kernel_get(d, "convolution_pack", "", "pack_weights")))
        return -1;
    return dir->convolve ? 0 : -1;
}

void direct_release(direction *dir)
{
    geometry_release(&dir->geometry);
}

size_t direct_packed_floats(int taps, int in_channels, int out_channels, const device *d)
{
    return (size_t)taps * in_channels * round_up(out_channels, lanes_for(out_channels, d));
}

int direct_pack(const direction *dir, device *d, cl_mem weights, cl_mem packed)
{
    const geometry *g = &dir->geometry;
    int width = lanes_for(dir->out.c, d);
    for (int i = 0; !dir->tiled && i < g->phases.count; i++) {
        const phase *p = &g->phases.phases[i];
        if (p->tap_count &&
            LAUNCH(d, dir->pack,
                   range_groups((size_t)p->tap_count * dir->in.c,
                                (size_t)round_up(dir->out.c, width) / width, 1, 16, 1, 1),
                   ARG(weights), ARG(packed), ARG(g->taps), ARG(p->first_tap), ARG(p->tap_count),
                   ARG(dir->in.c), ARG(dir->out.c), ARG(width), ARG((int)dir->adjoint)))
            return -1;
    }
    return 0;
}

static int run_vector(const direction *dir, device *d, view in, cl_mem packed, cl_mem bias,
                      sink out)
{
    const geometry *g = &dir->geometry;
    strip_shape strip = strip_of(g, dir->strip);
    size_t strips = (size_t)ceil_divide(geometry_rows(g), strip.rows);
    return LAUNCH(d, dir->convolve, range_single(strips, (size_t)dir->in.n, 1), VIEW_ARGS(in),
                  ARG(packed), ARG(bias ? bias : packed), SINK_ARGS(out), ARG(g->taps),
                  STRUCT(conv_shape, g->shape), STRUCT(phase_list, g->phases),
                  STRUCT(strip_shape, strip), ARG((int)(bias != NULL)),
                  LOCAL(patch_bytes(&strip, dir->in.c)));
}

static int run_tiled(const direction *dir, const phase *p, device *d, view in, cl_mem weights,
                     cl_mem bias, sink out)
{
    const geometry *g = &dir->geometry;
    int columns = tiled_columns(dir->out.c, d), rows = d->tuning.rows;
    size_t pixels = (size_t)dir->in.n * p->qh * p->qw;
    size_t row_blocks = (pixels + rows - 1) / rows;
    size_t column_blocks = (size_t)round_up(dir->out.c, columns) / columns;
    return LAUNCH(d, dir->convolve, range_groups(row_blocks * 16, column_blocks * 16, 1, 16, 16, 1),
                  VIEW_ARGS(in), ARG(weights), ARG(bias ? bias : weights), SINK_ARGS(out),
                  ARG(g->taps), STRUCT(conv_shape, g->shape), STRUCT(phase, *p),
                  ARG((int)dir->adjoint), ARG((int)(bias != NULL)));
}

int direct_run(const direction *dir, device *d, view in, cl_mem weights, cl_mem packed, cl_mem bias,
               sink out)
{
    const phase_list *all = &dir->geometry.phases;
    if (!dir->tiled)
        return run_vector(dir, d, in, packed, bias, out);
    for (int i = 0; i < all->count; i++)
        if (run_tiled(dir, &all->phases[i], d, in, weights, bias, out))
            return -1;
    return 0;
}

/* Enough work-groups to keep the device busy: a GPU's over images and tiles of the weights, a CPU's
 * over images, and over panels of output channels only if images are too few, or if the sums are so
 * large that each chunk of them costs more than gathering images again. */
static int items_wanted(const device *d)
{
    bool tiled = d && d->kernels == KERNELS_TILED;
    int units = d ? (int)d->info.compute_units : 2;
    return tiled && units * 8 < 16 ? 16 : units * (tiled ? 8 : 4);
}

static int chunk_count(const convolution *c, const device *d)
{
    const tuning *t = device_tuning(d);
    bool tiled = d && d->kernels == KERNELS_TILED;
    int rows = c->kernel * c->kernel * c->x.c;
    int tiles = tiled ? (rows / t->rows + 1) * (c->y.c / t->columns + 1) : 1;
    bool large = (size_t)rows * c->y.c * sizeof(float) > LARGE_BYTES;
    int wanted = large && !tiled ? (d ? (int)d->info.compute_units : 2) : items_wanted(d);
    int chunks = ceil_divide(wanted, tiles);
    return chunks < c->x.n ? chunks : c->x.n;
}

/* Panels of output channels that an item takes. */
static int panels_of_item(const convolution *c, const device *d)
{
    int width = lanes_for(c->y.c, d), panels = round_up(c->y.c, width) / width;
    int groups = items_wanted(d) / c->gradient.chunks;
    return groups < panels ? ceil_divide(panels, groups) : 1;
}

/* The rows of y that a strip of the vector kernel takes at a time, so that strip and patch stay in
 * cache and in local memory. */
static int gradient_rows(const convolution *c, const device *d)
{
    const geometry *g = &c->gradient.geometry;
    size_t limit = d->info.local_memory / sizeof(float);
    limit = limit < STRIP_FLOATS ? limit : STRIP_FLOATS;
    size_t columns = (size_t)(c->y.w - 1) * c->stride + g->dx_span;
    int rows = 1;
    while (rows < c->y.h && rows < STRIP_ROWS &&
           ((size_t)rows * c->stride + g->dy_span) * columns * c->x.c +
                   (size_t)(rows + 1) * c->y.w * lanes_for(c->y.c, d) <=
               limit)
        rows++;
    return rows;
}

/* Of one image. */
static size_t panel_bytes(const convolution *c, const device *d, const strip_shape *s)
{
    return (size_t)s->rows * c->y.w * lanes_for(c->y.c, d) * sizeof(float);
}

/* Strips of several images where one is a whole image, and there is room. */
static strip_shape gradient_strip(const convolution *c, const device *d)
{
    strip_shape s = strip_of(&c->gradient.geometry, gradient_rows(c, d));
    size_t bytes = patch_bytes(&s, c->x.c) + panel_bytes(c, d, &s);
    size_t limit = d->info.local_memory < GROUP_BYTES ? d->info.local_memory : GROUP_BYTES;
    s.images = s.rows == c->y.h && limit / bytes > 1 ? (int)(limit / bytes) : 1;
    s.images = s.images < IMAGES_MAX ? s.images : IMAGES_MAX;
    return s;
}

int direct_gradient_prepare(convolution *c, device *d)
{
    struct weight_gradient *g = &c->gradient;
    geometry_of from = geometry_from(c, false);
    if (geometry_new(&g->geometry, d, &from))
        return -1;
    strip_shape s = gradient_strip(c, d);
    g->tiled = d->kernels == KERNELS_TILED ||
               patch_bytes(&s, c->x.c) + panel_bytes(c, d, &s) > d->info.local_memory;
    g->chunks = chunk_count(c, d);
    g->sum = direct_kernel(d, g->tiled, c->y.c, "convolve_weight_gradient");
    g->reduce = kernel_get(d, "convolution_pack", "", "reduce_weight_gradient");
    return g->sum && g->reduce ? 0 : -1;
}

void direct_gradient_release(convolution *c)
{
    geometry_release(&c->gradient.geometry);
}

/* One more row than weights: the bias gradient. Enough for either family. */
size_t direct_partial_floats(const convolution *c, const device *d)
{
    int narrow = round_up(c->y.c, lanes_for(c->y.c, d));
    int wide = round_up(c->y.c, tiled_columns(c->y.c, d));
    return (size_t)chunk_count(c, d) * (c->kernel * c->kernel * c->x.c + 1) *
           (size_t)(wide > narrow ? wide : narrow);
}

static int sum_vector(const convolution *c, device *d, view x, view g, cl_mem partial,
                      int chunk_images)
{
    const geometry *by = &c->gradient.geometry;
    strip_shape strip = gradient_strip(c, d);
    int panels = panels_of_item(c, d), width = panels * lanes_for(c->y.c, d);
    return LAUNCH(d, c->gradient.sum,
                  range_single((size_t)ceil_divide(c->y.c, width), (size_t)c->gradient.chunks, 1),
                  VIEW_ARGS(x), VIEW_ARGS(g), ARG(partial), ARG(by->taps),
                  ARG(by->phases.phases[0].tap_count), STRUCT(conv_shape, by->shape),
                  STRUCT(strip_shape, strip), ARG(chunk_images), ARG(panels),
                  LOCAL(strip.images * patch_bytes(&strip, c->x.c)),
                  LOCAL(strip.images * panel_bytes(c, d, &strip)));
}

static int sum_tiled(const convolution *c, device *d, view x, view g, cl_mem partial,
                     int chunk_images)
{
    const geometry *by = &c->gradient.geometry;
    int columns = tiled_columns(c->y.c, d), rows = d->tuning.rows;
    int taps = by->phases.phases[0].tap_count;
    size_t row_blocks = (size_t)ceil_divide(taps * c->x.c, rows);
    size_t column_blocks = (size_t)ceil_divide(c->y.c, columns);
    return LAUNCH(
        d, c->gradient.sum,
        range_groups(row_blocks * 16, column_blocks * 16, (size_t)c->gradient.chunks, 16, 16, 1),
        VIEW_ARGS(x), VIEW_ARGS(g), ARG(partial), ARG(by->taps), ARG(taps),
        STRUCT(conv_shape, by->shape), ARG(chunk_images));
}

int direct_weight_gradient(const convolution *c, device *d, view x, view g, cl_mem dweights,
                           cl_mem dbias, cl_mem partial)
{
    const struct weight_gradient *by = &c->gradient;
    int chunk_images = (c->x.n + by->chunks - 1) / by->chunks;
    int width = by->tiled ? tiled_columns(c->y.c, d) : lanes_for(c->y.c, d);
    if (by->tiled ? sum_tiled(c, d, x, g, partial, chunk_images)
                  : sum_vector(c, d, x, g, partial, chunk_images))
        return -1;
    int rows = c->kernel * c->kernel * c->x.c;
    int bias = dbias != NULL;
    return LAUNCH(d, by->reduce, range_flat((size_t)c->y.c * (rows + bias)), ARG(partial),
                  ARG(dweights), ARG(dbias ? dbias : dweights), ARG(rows), ARG(c->y.c),
                  ARG(round_up(c->y.c, width)), ARG(by->chunks), ARG(bias));
}
