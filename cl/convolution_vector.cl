/*
 * Convolution for devices with long vectors and few cores (CPUs): forward, input gradient and
 * weight gradient of conv2d and conv2d_transpose. The geometry is described in geometry.h.
 *
 * A work-group is a single item. It copies the input rows it needs into local memory with a zero
 * border, so that the inner loops need no bounds test, then walks register tiles of TILE pixels x
 * LANES channels.
 *
 * VECTORS (1 or 2): vectors of 16 output channels in a tile. TILE: pixels in a tile.
 */
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

static place next_place(place at, int columns)
{
    at.column++;
    if (at.column == columns) {
        at.column = 0;
        at.row++;
    }
    return at;
}

static float16 load_bias(global const float *bias, int left)
{
    float part[16];
    for (int i = 0; i < 16; i++)
        part[i] = i < left ? bias[i] : 0.0f;
    return vload16(0, part);
}

/*
 * All phases of a direction: for each, y[n, qy * OUT_STRIDE + phase_y, qx * OUT_STRIDE + phase_x, :] =
 *     bias + sum over its taps t of x[n, qy * IN_STRIDE + dy[t], qx * IN_STRIDE + dx[t], :] * w[t]
 * x (N, h, w, cin), y (N, out_h, out_w, cout); an item takes `strip` rows of q of one image.
 * phases: (first tap, taps, phase_y, phase_x, qh, qw) each; taps: (dy - dy_min, dx - dx_min, index).
 * packed: for each phase the weights as (ceil(cout / LANES), taps, cin, LANES), zero beyond cout.
 * patch: (patch_rows, patch_columns, cin).
 */
kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
convolve(VIEW_ARGS(x), global const float *packed, global const float *bias, SINK_ARGS(y),
         global const int *phases, int phase_count, global const int *taps, int h, int w, int cin,
         int out_h, int out_w, int cout, int in_stride, int out_stride, int dy_min, int dx_min,
         int strip, int patch_rows, int patch_columns, int has_bias, local float *patch)
{
    const view from = VIEW(x);
    const sink to = SINK(y);
    const int q0 = get_group_id(0) * strip;
    const int n = get_group_id(1);
    const int padded = (cout + LANES - 1) / LANES * LANES;
    gather_patch(patch, from, (size_t)n * h * w, h, w, cin, q0 * in_stride + dy_min, dx_min,
                 patch_rows, patch_columns);

    for (int i = 0; i < phase_count; i++, phases += 6) {
        const int first_tap = phases[0], tap_count = phases[1], phase_y = phases[2];
        const int phase_x = phases[3], qw = phases[5];
        const int pixels = min(strip, phases[4] - q0) * qw;
        for (int first = 0; first < cout; first += LANES) {
            global const float *panel =
                packed + (size_t)first_tap * cin * padded + (size_t)first * tap_count * cin;
            place at = {0, 0};
            for (int p0 = 0; p0 < pixels; p0 += TILE) {
                const place begin = at;
                int offset[TILE]; /* places beyond the last are computed and not stored */
                if (at.column + TILE <= qw) {
                    const int left = (at.row * patch_columns + at.column) * in_stride * cin;
#pragma unroll
                    for (int r = 0; r < TILE; r++)
                        offset[r] = left + r * in_stride * cin;
                    at.column += TILE - 1;
                    at = next_place(at, qw);
                } else {
#pragma unroll
                    for (int r = 0; r < TILE; r++) {
                        offset[r] = (at.row * patch_columns + at.column) * in_stride * cin;
                        if (p0 + r + 1 < pixels)
                            at = next_place(at, qw);
                    }
                }
                TILE_CLEAR(sum, TILE);
                global const float *weight = panel;
                for (int t = 0; t < tap_count; t++) {
                    global const int *tap = taps + 3 * (first_tap + t);
                    local const float *value = patch + (tap[0] * patch_columns + tap[1]) * cin;
                    for (int c = 0; c < cin; c++, value++, weight += LANES)
                        TILE_STEP(sum, TILE, value[offset[r]], weight);
                }
                for (int v = 0; v < VECTORS; v++) {
                    const int o = first + 16 * v, left = cout - o;
                    if (left <= 0)
                        break;
                    const float16 b = has_bias ? load_bias(bias + o, left) : (float16)(0.0f);
                    place q = begin;
                    size_t row = ((size_t)n * out_h + (q0 + q.row) * out_stride + phase_y) * out_w;
                    for (int r = 0; r < TILE && p0 + r < pixels; r++) {
                        sink_store16(to, row + q.column * out_stride + phase_x, o, left,
                                     sum[r][v] + b);
                        q = next_place(q, qw);
                        row += q.column ? 0 : out_stride * out_w;
                    }
                }
            }
        }
    }
}

/* Pixel `pixel` of g, LANES channels from `first`, zero beyond cout. */
static void load_panel(view g, size_t pixel, int first, int cout, float16 value[VECTORS])
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

/*
 * Weight gradient, first pass. For a chunk of images and some panels of LANES output channels:
 *     partial[chunk, t, ci, co] = sum over q of x[n, q * IN_STRIDE + d[t], ci] * g[n, q, co]
 *     partial[chunk, taps * cin, co] = sum over q of g[n, q, co]                 (bias gradient)
 * x (N, h, w, cin), g (N, qh, qw, cout), partial (chunks, taps * cin + 1, padded cout).
 * A strip of `strip` rows of q of `group` images at a time is copied to local memory (patches of x
 * with a zero border, then panel by panel of g, padded with zeros), then every tile of ROWS (tap, ci)
 * rows x LANES sums over the strip in registers and is added to partial. group is 1 unless a strip is
 * a whole image.
 */
#ifndef ROWS
#define ROWS TILE
#endif

/* Pixels of both sides that are fetched ahead (fetch.h) while sums go on, a share at a turn. */
typedef struct ahead {
    size_t x, g; /* the first ones */
    int x_pixels, g_pixels, turn, turns;
} ahead;

static void fetch_part(part p, size_t first, int pixels, int turn, int turns)
{
    const int begin = turn * pixels / turns, end = (turn + 1) * pixels / turns;
    fetch(p.data + (first + begin) * p.channels, (end - begin) * p.channels);
}

static void fetch_share(view x, view g, ahead a)
{
#ifdef CAN_FETCH
    if (x.a.channels < 16) /* a few sums, and little that they need */
        return;
    fetch_part(x.a, a.x, a.x_pixels, a.turn, a.turns);
    fetch_part(x.b, a.x, a.x_pixels, a.turn, a.turns);
    fetch_part(g.a, a.g, a.g_pixels, a.turn, a.turns);
#endif
}

/* Copies a panel of g, `pixels` from `from` and LANES channels from `first`, and adds it to sums. */
static void gather_gradients(local float *panel, view g, size_t from, int pixels, int first,
                             int cout, global float *sums)
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

kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
convolve_weight_gradient(VIEW_ARGS(x), VIEW_ARGS(g), global float *partial, global const int *taps,
                         int tap_count, int images, int chunk_images, int panels, int h, int w,
                         int cin, int qh, int qw, int cout, int in_stride, int dy_min, int dx_min,
                         int strip, int group, int patch_rows, int patch_columns,
                         local float *patch, local float *panel)
{
    const view from = VIEW(x), gradients = VIEW(g);
    const int begin = get_group_id(0) * panels * LANES, end = min(cout, begin + panels * LANES);
    const int chunk = get_group_id(1), padded = (cout + LANES - 1) / LANES * LANES;
    const int rows = tap_count * cin;
    global float *sums = partial + (size_t)chunk * (rows + 1) * padded;
    for (int m = 0; m <= rows; m++)
        for (int first = begin; first < end; first += 16)
            vstore16(0.0f, 0, sums + (size_t)m * padded + first);
    if (VECTORS == 2 && (end - begin) % LANES) /* channels that pad the last panel */
        for (int m = 0; m <= rows; m++)
            vstore16(0.0f, 0, sums + (size_t)m * padded + padded - 16);

    const int last = min(images, (chunk + 1) * chunk_images);
    const int patch_size = patch_rows * patch_columns * cin;
    for (int n = chunk * chunk_images; n < last; n += group) {
        const int group_images = min(group, last - n);
        for (int q0 = 0; q0 < qh; q0 += strip) {
            const int strip_rows = min(strip, qh - q0), pixels = group_images * strip_rows * qw;
            for (int i = 0; i < group_images; i++)
                gather_patch(patch + i * patch_size, from, (size_t)(n + i) * h * w, h, w, cin,
                             q0 * in_stride + dy_min, dx_min, patch_rows, patch_columns);
            const int same = q0 + strip < qh; /* the next strip is of the same images */
            const int next_n = same ? n : n + group, next_q = same ? q0 + strip : 0;
            const int next_rows = max(min(group, last - next_n), 0) * min(strip, qh - next_q);
            ahead next = {((size_t)next_n * h + next_q * in_stride) * w,
                          ((size_t)next_n * qh + next_q) * qw,
                          next_rows * in_stride * w,
                          next_rows * qw,
                          0,
                          (rows + ROWS - 1) / ROWS * ((end - begin + LANES - 1) / LANES)};
            for (int first = begin; first < end; first += LANES) {
                gather_gradients(panel, gradients, ((size_t)n * qh + q0) * qw, pixels, first, cout,
                                 sums + (size_t)rows * padded + first);
                for (int m = 0, t = 0, c = 0; m < rows; m += ROWS) { /* m is tap t, channel c */
                    fetch_share(from, gradients, next);
                    next.turn++;
                    int offset[ROWS]; /* rows beyond the last are computed and not stored */
#pragma unroll
                    for (int r = 0; r < ROWS; r++) {
                        offset[r] = (taps[3 * t] * patch_columns + taps[3 * t + 1]) * cin + c;
                        const int next_tap = c + 1 == cin && t + 1 < tap_count;
                        c = next_tap ? 0 : min(c + 1, cin - 1);
                        t += next_tap;
                    }
                    TILE_CLEAR(sum, ROWS);
                    local const float *gradient = panel;
                    for (int i = 0; i < group_images * strip_rows; i++) {
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
