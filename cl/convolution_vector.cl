/*
 * Convolution for devices with long vectors and few cores (CPUs): forward, input gradient and
 * weight gradient of conv2d and conv2d_transpose, of any kernel size, stride and number of
 * channels. Phases and taps: src/layers/geometry.h.
 *
 * A work-group is a single item. It copies the patch of x that a strip of outputs needs into local
 * memory, with zeros around the image, so that the inner loops need no bounds test, then walks
 * register tiles of TILE pixels x LANES channels (tile.h):
 *
 *      x: image                    y: the strip's pixels, tile by tile
 *     +----------------+          +-----------------+
 *     | 0 0 0 0 0 0 0 0|          |[tile 0][tile 1][| strip.rows = 2
 *     | patch          | -------> | tile 2][tile 3] |
 *     | . . . . . . . .|          |                 |
 *     +----------------+          +-----------------+
 *
 * VECTORS (1 or 2): vectors of 16 output channels in a tile. TILE: pixels in a tile.
 */
#include "convolution_shape.h"
#include "fetch.h"
#include "patch.h"
#include "tile.h"
#include "view.h"

#ifndef TILE
#define TILE 8 /* TILE * VECTORS sums must fit the register file: 16 of 32 on AVX-512 */
#endif

/* Where a pixel of a strip of outputs stands. */
typedef struct place {
    int row, column;
} place;

place next_place(place at, int columns)
{
    at.column++;
    if (at.column == columns) {
        at.column = 0;
        at.row++;
    }
    return at;
}

/*
 * Where in the patch the TILE places from `at` begin; columns of places lie column_step floats
 * apart. Only `left` places are in the strip: the last one stands for those beyond, which are
 * computed and not stored. Returns the place of the next tile.
 */
place tile_offsets(int offset[TILE], place at, int left, int columns, int patch_columns,
                   int column_step)
{
    if (at.column + TILE <= columns) {
        const int first = (at.row * patch_columns + at.column) * column_step;
#pragma unroll
        for (int r = 0; r < TILE; r++)
            offset[r] = first + r * column_step;
        at.column += TILE - 1;
        return next_place(at, columns);
    }
#pragma unroll
    for (int r = 0; r < TILE; r++) {
        offset[r] = (at.row * patch_columns + at.column) * column_step;
        if (r + 1 < left)
            at = next_place(at, columns);
    }
    return at;
}

float16 load_bias(global const float *bias, int left)
{
    float part[16];
    for (int i = 0; i < 16; i++)
        part[i] = i < left ? bias[i] : 0.0f;
    return vload16(0, part);
}

/*
 * One direction of a convolution. What it computes, one value after the other:
 *
 *     for (phase p of the direction, n, qy < p.qh, qx < p.qw, o) {
 *         float sum = bias[o];
 *         for (tap t of p)
 *             for (c = 0; c < cin; c++)
 *                 sum += x[n][qy * in_stride + dy_min + t.dy][qx * in_stride + dx_min + t.dx][c]
 *                      * weights[t.index][c][o];
 *         y[n][qy * out_stride + p.y][qx * out_stride + p.x][o] = sum;
 *     }
 *
 * An item takes strip.rows rows of q of one image, all phases. packed: for each phase the weights
 * as (ceil(cout / LANES), taps, cin, LANES), zero beyond cout. patch: (patch_rows, patch_columns,
 * cin).
 */
kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
convolve(VIEW_ARGS(x), global const float *packed, global const float *bias, SINK_ARGS(y),
         global const tap *taps, conv_shape shape, phase_list all, strip_shape strip, int has_bias,
         local float *patch)
{
    const view from = VIEW(x);
    const sink to = SINK(y);
    const int h = shape.h, w = shape.w, cin = shape.cin, cout = shape.cout;
    const int in_stride = shape.in_stride, out_stride = shape.out_stride;
    const int patch_columns = strip.patch_columns;
    const int q0 = get_group_id(0) * strip.rows;
    const int n = get_group_id(1);
    const int padded = (cout + LANES - 1) / LANES * LANES;
    gather_patch(patch, from, (size_t)n * h * w, h, w, cin, q0 * in_stride + shape.dy_min,
                 shape.dx_min, strip.patch_rows, patch_columns);

    for (int i = 0; i < all.count; i++) {
        const int first_tap = all.phases[i].first_tap, tap_count = all.phases[i].tap_count;
        const int phase_y = all.phases[i].y, phase_x = all.phases[i].x, qw = all.phases[i].qw;
        const int pixels = min(strip.rows, all.phases[i].qh - q0) * qw;
        for (int first = 0; first < cout; first += LANES) {
            global const float *panel =
                packed + (size_t)first_tap * cin * padded + (size_t)first * tap_count * cin;
            place at = {0, 0};
            for (int p0 = 0; p0 < pixels; p0 += TILE) {
                const place begin = at;
                int offset[TILE]; /* in the patch; places beyond the last are not stored */
                at = tile_offsets(offset, at, pixels - p0, qw, patch_columns, in_stride * cin);
                TILE_CLEAR(sum, TILE);
                global const float *weight = panel;
                for (int t = 0; t < tap_count; t++) {
                    global const tap *read = taps + first_tap + t;
                    local const float *value = patch + (read->dy * patch_columns + read->dx) * cin;
                    for (int c = 0; c < cin; c++, value++, weight += LANES)
                        TILE_STEP(sum, TILE, value[offset[r]], weight);
                }
                for (int v = 0; v < VECTORS; v++) {
                    const int o = first + 16 * v, left = cout - o;
                    if (left <= 0)
                        break;
                    const float16 b = has_bias ? load_bias(bias + o, left) : (float16)(0.0f);
                    place q = begin;
                    size_t row = ((size_t)n * shape.out_h + (q0 + q.row) * out_stride + phase_y) *
                                 shape.out_w;
                    for (int r = 0; r < TILE && p0 + r < pixels; r++) {
                        sink_store16(to, row + q.column * out_stride + phase_x, o, left,
                                     sum[r][v] + b);
                        q = next_place(q, qw);
                        row += q.column ? 0 : out_stride * shape.out_w;
                    }
                }
            }
        }
    }
}

/* Pixel `pixel` of g, LANES channels from `first`, zero beyond cout. */
void load_panel(view g, size_t pixel, int first, int cout, float16 value[VECTORS])
{
    for (int v = 0; v < VECTORS; v++) {
        const int c = first + 16 * v;
        if (c + 16 <= cout) {
            value[v] = view_load16(g, pixel, c);
        } else {
            float part[16];
            for (int i = 0; i < 16; i++)
                part[i] = c + i < cout ? view_load(g, pixel, c + i) : 0.0f;
            value[v] = vload16(0, part);
        }
    }
}

#ifndef INFERENCE

#ifndef ROWS
#define ROWS TILE
#endif

/* Copies a panel of g, `pixels` from `from` and LANES channels from `first`, and adds it to
 * sums. */
void gather_gradients(local float *panel, view g, size_t from, int pixels, int first, int cout,
                      global float *sums)
{
    float16 total[VECTORS];
    for (int v = 0; v < VECTORS; v++)
        total[v] = vload16(v, sums);
    for (int p = 0; p < pixels; p++) {
        float16 value[VECTORS];
        load_panel(g, from + p, first, cout, value);
        for (int v = 0; v < VECTORS; v++) {
            total[v] += value[v];
            vstore16(value[v], 0, panel + p * LANES + 16 * v);
        }
    }
    for (int v = 0; v < VECTORS; v++)
        vstore16(total[v], v, sums);
}

/* A chunk's sums of output channels begin to end, and of those that pad the last panel. */
void clear_sums(global float *sums, int rows, int padded, int begin, int end)
{
    for (int m = 0; m <= rows; m++)
        for (int first = begin; first < end; first += 16)
            vstore16(0.0f, 0, sums + (size_t)m * padded + first);
    if (VECTORS == 2 && (end - begin) % LANES)
        for (int m = 0; m <= rows; m++)
            vstore16(0.0f, 0, sums + (size_t)m * padded + padded - 16);
}

/* The patches of a strip: `images` images from image n on, output rows from q0 on. */
void gather_strip(local float *patch, view from, conv_shape shape, strip_shape strip, int n,
                  int images, int q0)
{
    const int patch_size = strip.patch_rows * strip.patch_columns * shape.cin;
    for (int i = 0; i < images; i++)
        gather_patch(patch + i * patch_size, from, (size_t)(n + i) * shape.h * shape.w, shape.h,
                     shape.w, shape.cin, q0 * shape.in_stride + shape.dy_min, shape.dx_min,
                     strip.patch_rows, strip.patch_columns);
}

/*
 * Weight gradient, first pass. What it computes for each chunk of images:
 *
 *     for (n in chunk, qy < out_h, qx < out_w, o) {
 *         for (tap t)
 *             for (c = 0; c < cin; c++)
 *                 partial[chunk][t * cin + c][o] +=
 *                     x[n][qy * in_stride + dy_min + t.dy][qx * in_stride + dx_min + t.dx][c]
 *                     * g[n][qy][qx][o];
 *         partial[chunk][taps * cin][o] += g[n][qy][qx][o];               (bias gradient)
 *     }
 *
 * g (images, out_h, out_w, cout), partial (chunks, taps * cin + 1, padded cout). An item takes a
 * chunk and `panels` panels of LANES output channels. Strips of strip.rows rows of strip.images
 * images are copied to local memory (patches of x with zeros around, then panel by panel of g,
 * padded with zeros); every tile of ROWS (tap, channel) rows x LANES sums over the strip in
 * registers and is added to partial.
 */
kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
convolve_weight_gradient(VIEW_ARGS(x), VIEW_ARGS(g), global float *partial, global const tap *taps,
                         int tap_count, conv_shape shape, strip_shape strip, int chunk_images,
                         int panels, local float *patch, local float *panel)
{
    const view from = VIEW(x), gradients = VIEW(g);
    const int h = shape.h, w = shape.w, cin = shape.cin, qh = shape.out_h, qw = shape.out_w;
    const int cout = shape.cout, in_stride = shape.in_stride, patch_columns = strip.patch_columns;
    const int begin = get_group_id(0) * panels * LANES, end = min(cout, begin + panels * LANES);
    const int chunk = get_group_id(1), padded = (cout + LANES - 1) / LANES * LANES;
    const int rows = tap_count * cin;
    global float *sums = partial + (size_t)chunk * (rows + 1) * padded;
    clear_sums(sums, rows, padded, begin, end);

    const int last = min(shape.images, (chunk + 1) * chunk_images);
    const int patch_size = strip.patch_rows * patch_columns * cin;
    const int turns = (rows + ROWS - 1) / ROWS * ((end - begin + LANES - 1) / LANES);
    for (int n = chunk * chunk_images; n < last; n += strip.images) {
        const int images = min(strip.images, last - n);
        for (int q0 = 0; q0 < qh; q0 += strip.rows) {
            const int strip_rows = min(strip.rows, qh - q0), pixels = images * strip_rows * qw;
            gather_strip(patch, from, shape, strip, n, images, q0);
            /* The next strip, of the same images or the next. Not worth it for a few channels. */
            const int same = q0 + strip.rows < qh;
            const int next_n = same ? n : n + strip.images, next_q = same ? q0 + strip.rows : 0;
            const int next_rows = from.a.channels < 16 ? 0
                                                       : max(min(strip.images, last - next_n), 0) *
                                                             min(strip.rows, qh - next_q);
            fetch_walk next_x = fetch_walk_of(((size_t)next_n * h + next_q * in_stride) * w,
                                              next_rows * in_stride * w, turns);
            fetch_walk next_g =
                fetch_walk_of(((size_t)next_n * qh + next_q) * qw, next_rows * qw, turns);
            for (int first = begin; first < end; first += LANES) {
                gather_gradients(panel, gradients, ((size_t)n * qh + q0) * qw, pixels, first, cout,
                                 sums + (size_t)rows * padded + first);
                for (int m = 0, t = 0, c = 0; m < rows; m += ROWS) { /* m is tap t, channel c */
                    fetch_share(from, &next_x);
                    fetch_share(gradients, &next_g);
                    int offset[ROWS]; /* rows beyond the last are computed and not stored */
#pragma unroll
                    for (int r = 0; r < ROWS; r++) {
                        offset[r] = (taps[t].dy * patch_columns + taps[t].dx) * cin + c;
                        const int next_tap = c + 1 == cin && t + 1 < tap_count;
                        c = next_tap ? 0 : min(c + 1, cin - 1);
                        t += next_tap;
                    }
                    TILE_CLEAR(sum, ROWS);
                    local const float *gradient = panel;
                    for (int i = 0; i < images * strip_rows; i++) {
                        local const float *value = patch + i / strip_rows * patch_size +
                                                   i % strip_rows * in_stride * patch_columns * cin;
                        for (int q = 0; q < qw; q++, value += in_stride * cin, gradient += LANES)
                            TILE_STEP(sum, ROWS, value[offset[r]], gradient);
                    }
                    global float *to = sums + (size_t)m * padded + first;
                    for (int r = 0; r < ROWS && m + r < rows; r++, to += padded)
                        for (int v = 0; v < VECTORS; v++)
                            vstore16(vload16(v, to) + sum[r][v], v, to);
                }
            }
        }
    }
}

#endif
