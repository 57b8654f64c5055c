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
static int lanes(int channels, const device *d)
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
    return (geometry_of){c->kernel, c->stride, c->pad_y, c->pad_x, adjoint, adjoint ? c->x : c->y};
}

/* The patch that an item of convolve() gathers for a strip of so many rows of outputs. */
typedef struct patch {
    int rows, columns;
    size_t bytes;
} patch;

static patch patch_of(const geometry *g, int strip, int channels)
{
    patch p = {.rows = (strip - 1) * g->in_stride + g->dy_span,
               .columns = (geometry_columns(g) - 1) * g->in_stride + g->dx_span};
    p.bytes = (size_t)p.rows * p.columns * channels * sizeof(float);
    return p;
}

/* Rows that an item takes: more while the patch is small and there are items enough; at least a
 * register tile full of pixels, if local memory holds it. */
static int strip_of_outputs(const direction *dir, const device *d)
{
    const geometry *g = &dir->geometry;
    int rows = geometry_rows(g), strip = 1, items = 4 * (int)d->info.compute_units;
    while (strip < rows) {
        size_t bytes = patch_of(g, strip + 1, dir->in.c).bytes;
        bool fills = strip * geometry_columns(g) < tile_of(d) && bytes <= d->info.local_memory;
        bool fits = bytes <= PATCH_BYTES && bytes <= d->info.local_memory && strip < STRIP_ROWS &&
                    dir->in.n * ((rows + strip) / (strip + 1)) >= items;
        if (!fills && !fits)
            break;
        strip++;
    }
    return strip;
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

int direct_prepare(const convolution *c, direction *dir, device *d)
{
    geometry_of from = geometry_from(c, dir->adjoint);
    if (geometry_new(&dir->geometry, d, &from))
        return -1;
    dir->strip = strip_of_outputs(dir, d);
    dir->tiled = d->kernels == KERNELS_TILED ||
                 patch_of(&dir->geometry, dir->strip, dir->in.c).bytes > d->info.local_memory;
    dir->convolve = get(d, dir->tiled, dir->out.c, "convolve");
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
    return (size_t)taps * in_channels * round_up(out_channels, lanes(out_channels, d));
}

int direct_pack(const direction *dir, device *d, cl_mem weights, cl_mem packed)
{
    const geometry *g = &dir->geometry;
    int width = lanes(dir->out.c, d);
    for (int i = 0; !dir->tiled && i < g->phase_count; i++) {
        const phase *p = &g->phases[i];
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
    patch p = patch_of(g, dir->strip, dir->in.c);
    size_t strips = (size_t)((geometry_rows(g) + dir->strip - 1) / dir->strip);
    return LAUNCH(d, dir->convolve, range_single(strips, (size_t)dir->in.n, 1), VIEW_ARGS(in),
                  ARG(packed), ARG(bias ? bias : packed), SINK_ARGS(out), ARG(g->table),
                  ARG(g->phase_count), ARG(g->taps), ARG(dir->in.h), ARG(dir->in.w), ARG(dir->in.c),
                  ARG(dir->out.h), ARG(dir->out.w), ARG(dir->out.c), ARG(g->in_stride),
                  ARG(g->out_stride), ARG(g->dy_min), ARG(g->dx_min), ARG(dir->strip), ARG(p.rows),
                  ARG(p.columns), ARG((int)(bias != NULL)), LOCAL(p.bytes));
}

static int run_tiled(const direction *dir, const phase *p, device *d, view in, cl_mem weights,
                     cl_mem bias, sink out)
{
    const geometry *g = &dir->geometry;
    int columns = tiled_columns(dir->out.c, d), rows = d->tuning.rows;
    size_t pixels = (size_t)dir->in.n * p->qh * p->qw;
    size_t row_tiles = (pixels + rows - 1) / rows;
    size_t column_tiles = (size_t)round_up(dir->out.c, columns) / columns;
    return LAUNCH(d, dir->convolve, range_groups(row_tiles * 16, column_tiles * 16, 1, 16, 16, 1),
                  VIEW_ARGS(in), ARG(weights), ARG(bias ? bias : weights), SINK_ARGS(out),
                  ARG(g->taps), ARG(p->first_tap), ARG(p->tap_count), ARG(dir->in.n),
                  ARG(dir->in.h), ARG(dir->in.w), ARG(dir->in.c), ARG(dir->out.h), ARG(dir->out.w),
                  ARG(dir->out.c), ARG(p->qh), ARG(p->qw), ARG(g->in_stride), ARG(g->out_stride),
                  ARG(p->y), ARG(p->x), ARG(g->dy_min), ARG(g->dx_min), ARG((int)dir->adjoint),
                  ARG((int)(bias != NULL)));
}

int direct_run(const direction *dir, device *d, view in, cl_mem weights, cl_mem packed, cl_mem bias,
               sink out)
{
    if (!dir->tiled)
        return run_vector(dir, d, in, packed, bias, out);
    for (int i = 0; i < dir->geometry.phase_count; i++)
        if (run_tiled(dir, &dir->geometry.phases[i], d, in, weights, bias, out))
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
    int width = lanes(c->y.c, d), panels = round_up(c->y.c, width) / width;
    int groups = items_wanted(d) / c->gradient.chunks;
    return groups < panels ? ceil_divide(panels, groups) : 1;
}

/* The rows of y that a strip of the vector kernel takes at a time, so that strip and patch stay in
 * cache and in local memory. */
static int strip_rows(const convolution *c, const device *d)
{
    const geometry *g = &c->gradient.geometry;
    const phase *p = &g->phases[0];
    size_t limit = d->info.local_memory / sizeof(float);
    limit = limit < STRIP_FLOATS ? limit : STRIP_FLOATS;
    size_t columns = (size_t)(p->qw - 1) * c->stride + g->dx_span;
    int strip = 1;
    while (strip < p->qh && strip < STRIP_ROWS &&
           ((size_t)strip * c->stride + g->dy_span) * columns * c->x.c +
                   (size_t)(strip + 1) * p->qw * lanes(c->y.c, d) <=
               limit)
        strip++;
    return strip;
}

/* Local memory for one strip: the patch of x and the panel of g. */
typedef struct strip {
    int height;  /* rows of y */
    int images;  /* more than one if height is the whole image's */
    patch patch; /* of one image */
    size_t panel_bytes;
} strip;

static strip strip_of(const convolution *c, const device *d)
{
    const geometry *g = &c->gradient.geometry;
    strip s = {.height = strip_rows(c, d)};
    s.patch = patch_of(g, s.height, c->x.c);
    s.panel_bytes = (size_t)s.height * g->phases[0].qw * lanes(c->y.c, d) * sizeof(float);
    size_t bytes = s.patch.bytes + s.panel_bytes;
    size_t limit = d->info.local_memory < GROUP_BYTES ? d->info.local_memory : GROUP_BYTES;
    bool whole = s.height == g->phases[0].qh;
    s.images = whole && limit / bytes > 1 ? (int)(limit / bytes) : 1;
    s.images = s.images < IMAGES_MAX ? s.images : IMAGES_MAX;
    return s;
}

int direct_gradient_prepare(convolution *c, device *d)
{
    struct weight_gradient *g = &c->gradient;
    geometry_of from = geometry_from(c, false);
    if (geometry_new(&g->geometry, d, &from))
        return -1;
    strip s = strip_of(c, d);
    g->tiled = d->kernels == KERNELS_TILED || s.patch.bytes + s.panel_bytes > d->info.local_memory;
    g->chunks = chunk_count(c, d);
    g->sum = get(d, g->tiled, c->y.c, "convolve_weight_gradient");
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
    int narrow = round_up(c->y.c, lanes(c->y.c, d));
    int wide = round_up(c->y.c, tiled_columns(c->y.c, d));
    return (size_t)chunk_count(c, d) * (c->kernel * c->kernel * c->x.c + 1) *
           (size_t)(wide > narrow ? wide : narrow);
}

static int sum_vector(const convolution *c, device *d, view x, view g, cl_mem partial,
                      int chunk_images)
{
    const geometry *by = &c->gradient.geometry;
    const phase *p = &by->phases[0];
    strip s = strip_of(c, d);
    int panels = panels_of_item(c, d), width = panels * lanes(c->y.c, d);
    return LAUNCH(
        d, c->gradient.sum,
        range_single((size_t)round_up(c->y.c, width) / width, (size_t)c->gradient.chunks, 1),
        VIEW_ARGS(x), VIEW_ARGS(g), ARG(partial), ARG(by->taps), ARG(p->tap_count), ARG(c->x.n),
        ARG(chunk_images), ARG(panels), ARG(c->x.h), ARG(c->x.w), ARG(c->x.c), ARG(p->qh),
        ARG(p->qw), ARG(c->y.c), ARG(c->stride), ARG(by->dy_min), ARG(by->dx_min), ARG(s.height),
        ARG(s.images), ARG(s.patch.rows), ARG(s.patch.columns), LOCAL(s.images * s.patch.bytes),
        LOCAL(s.images * s.panel_bytes));
}

static int sum_tiled(const convolution *c, device *d, view x, view g, cl_mem partial,
                     int chunk_images)
{
    const geometry *by = &c->gradient.geometry;
    const phase *p = &by->phases[0];
    int columns = tiled_columns(c->y.c, d), rows = d->tuning.rows;
    size_t row_tiles = (size_t)round_up(p->tap_count * c->x.c, rows) / rows;
    size_t column_tiles = (size_t)round_up(c->y.c, columns) / columns;
    return LAUNCH(
        d, c->gradient.sum,
        range_groups(row_tiles * 16, column_tiles * 16, (size_t)c->gradient.chunks, 16, 16, 1),
        VIEW_ARGS(x), VIEW_ARGS(g), ARG(partial), ARG(by->taps), ARG(p->tap_count), ARG(c->x.n),
        ARG(chunk_images), ARG(c->x.h), ARG(c->x.w), ARG(c->x.c), ARG(p->qh), ARG(p->qw),
        ARG(c->y.c), ARG(c->stride), ARG(by->dy_min), ARG(by->dx_min));
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
