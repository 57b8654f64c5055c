/*
 * 3 x 3 convolutions with stride 1 by Winograd's minimal filtering F(4 x 4, 3 x 3), as Lavin and
 * Gray (2015) apply it, with a quarter of the multiplications: a tile of 4 x 4 pixels of y from 6 x
 * 6 of x,
 *
 *     y = A^T [ (G w G^T) * (B^T x B) ] A
 *
 * where * is element by element, and its products are summed over input channels. The matrices
 * follow from the interpolation points 0, 1, -1, 2, -2 and infinity:
 *
 *           | 4  0 -5  0  1  0 |        |  1/4    0     0  |
 *           | 0 -4 -4  1  1  0 |        | -1/6  -1/6  -1/6 |         | 1  1  1  1  1  0 |
 *     B^T = | 0  4 -4 -1  1  0 |    G = | -1/6   1/6  -1/6 |   A^T = | 0  1 -1  2 -2  0 |
 *           | 0 -2 -1  2  1  0 |        |  1/24  1/12  1/6 |         | 0  1  1  4  4  0 |
 *           | 0  2 -1 -2  1  0 |        |  1/24 -1/12  1/6 |         | 0  1 -1  8 -8  1 |
 *           | 0  4  0 -5  0  1 |        |   0     0     1  |
 *
 * What winograd_convolve computes, one tile and output channel after the other:
 *
 *     for (tile t of all images, o) {
 *         float m[6][6] = {0};
 *         for (c = 0; c < cin; c++)
 *             m += (G w[c][o] G^T) * (B^T x[t][c] B);               (6 x 6; * element by element)
 *         y[t][o] = A^T m A + bias[o];                              (4 x 4)
 *     }
 *
 * For each of the 36 elements, called points, the sum over c is a product of matrices, (tiles, cin)
 * with (cin, cout). A work-group is a single item; it takes `block` tiles through all three steps
 * in local memory, and a panel of LANES output channels after the other:
 *
 *     1. transform   x: 6 x 6 pixels of each tile   ->  v (point, tile, cin)
 *     2. multiply    v and packed (panel, point, cin, LANES)
 *                                                    ->  m (point, tile, LANES)
 *     3. transform   m (point, tile, LANES)          ->  y: 4 x 4 pixels of each tile
 *
 *           point 0                         SKEW  point 1
 *          +--------+--------+-   -+-----------+--+--------+-
 *     v:   | tile 0 | tile 1 | ... | block - 1 |  | tile 0 |  ...
 *          | cin    | cin    |     | cin       |  | cin    |
 *          +--------+--------+-   -+-----------+--+--------+-
 *
 *           point 0       point 1
 *          +-------------+-------------+-
 *  packed, | c = 0:      | c = 0:      |       each is read once for a block, front to back
 *  a panel |  LANES      |  LANES      |  ...
 *          | c = 1: ...  | c = 1: ...  |
 *          +-------------+-------------+-
 *
 * For the weight gradient the same identity is read the other way round, and sums go over tiles:
 *
 *     dw = G^T [ sum over tiles of (B^T x B) * (A g A^T) ] G
 *
 * Memory. v and m take POINTS * (block * channels + SKEW) floats each: with a block of 16 tiles, 64
 * input channels and LANES 32, 36 * (16 * 64 + 16) * 4 = 146 KiB and 36 * (16 * 32 + 16) * 4 = 74
 * KiB, which stay in an L2 cache of some hundred KiB. One point's product reads 4 KiB of v and 8
 * KiB of weights and writes 2 KiB of m: they fit the L1 cache. The weights of a panel, 36 * 8 = 288
 * KiB, stream through; a larger block shares them among more tiles.
 *
 * SKEW. Without it, points are block * cin * 4 = 4096 bytes apart: the 36 vectors that a transform
 * writes would lie in one set of the L1 cache (64 sets of 64 bytes, 8 to 12 lines each) and push
 * one another out. A line of 16 floats between them puts each point into the next set.
 *
 * Precision. Results are off by some 5e-6 of a tensor's largest value, where a direct sum is by
 * 1e-6. Rounding grows with the number of additions in a row, so DEPTH channels are summed in
 * registers before they are added to m: 512 channels take 64 + 8 additions in a row instead of 512.
 *
 * Channels of both sides are multiples of 16; cout of LANES.
 */
#include "convolution_shape.h"
#include "fetch.h"
#include "gradients.h"
#include "tile.h"
#include "tiling.h"
#include "transpose.h"
#include "view.h"

#ifndef TILE
#define TILE 8
#endif
#define POINTS WINOGRAD_POINTS /* 6 x 6 */
#define SKEW WINOGRAD_SKEW     /* floats */
#define DEPTH 64               /* channels */

/* ---- The matrices, each times a column of vectors: o = matrix * (the other arguments) ---- */

/* B^T */
#define TIMES_BT(o0, o1, o2, o3, o4, o5, d0, d1, d2, d3, d4, d5)                                   \
    do {                                                                                           \
        const float16 even_ = fma((float16)(-4.0f), d2, d4), odd_ = fma((float16)(-4.0f), d1, d3); \
        const float16 sum_ = d4 - d2, difference_ = 2.0f * (d3 - d1);                              \
        o0 = fma((float16)(4.0f), d0, fma((float16)(-5.0f), d2, d4));                              \
        o1 = even_ + odd_;                                                                         \
        o2 = even_ - odd_;                                                                         \
        o3 = sum_ + difference_;                                                                   \
        o4 = sum_ - difference_;                                                                   \
        o5 = fma((float16)(4.0f), d1, fma((float16)(-5.0f), d3, d5));                              \
    } while (0)

/* A^T */
#define TIMES_AT(o0, o1, o2, o3, m0, m1, m2, m3, m4, m5)                                           \
    do {                                                                                           \
        const float16 a_ = m1 + m2, b_ = m1 - m2, c_ = m3 + m4, d_ = m3 - m4;                      \
        o0 = m0 + a_ + c_;                                                                         \
        o1 = fma((float16)(2.0f), d_, b_);                                                         \
        o2 = fma((float16)(4.0f), c_, a_);                                                         \
        o3 = fma((float16)(8.0f), d_, b_) + m5;                                                    \
    } while (0)

/* A */
#define TIMES_A(o0, o1, o2, o3, o4, o5, g0, g1, g2, g3)                                            \
    do {                                                                                           \
        const float16 even_ = g0 + g2, odd_ = g1 + g3;                                             \
        const float16 even4_ = fma((float16)(4.0f), g2, g0);                                       \
        const float16 odd4_ = 2.0f * fma((float16)(4.0f), g3, g1);                                 \
        o0 = g0;                                                                                   \
        o1 = even_ + odd_;                                                                         \
        o2 = even_ - odd_;                                                                         \
        o3 = even4_ + odd4_;                                                                       \
        o4 = even4_ - odd4_;                                                                       \
        o5 = g3;                                                                                   \
    } while (0)

/* G */
#define TIMES_G(o0, o1, o2, o3, o4, o5, w0, w1, w2)                                                \
    do {                                                                                           \
        const float16 sixth_ = (-1.0f / 6) * (w0 + w2);                                            \
        const float16 part_ = fma((float16)(1.0f / 24), w0, (1.0f / 6) * w2);                      \
        o0 = 0.25f * w0;                                                                           \
        o1 = fma((float16)(-1.0f / 6), w1, sixth_);                                                \
        o2 = fma((float16)(1.0f / 6), w1, sixth_);                                                 \
        o3 = fma((float16)(1.0f / 12), w1, part_);                                                 \
        o4 = fma((float16)(-1.0f / 12), w1, part_);                                                \
        o5 = w2;                                                                                   \
    } while (0)

/* G^T */
#define TIMES_GT(o0, o1, o2, m0, m1, m2, m3, m4, m5)                                               \
    do {                                                                                           \
        const float16 a_ = m1 + m2, b_ = m2 - m1, c_ = m3 + m4, d_ = m3 - m4;                      \
        o0 = fma((float16)(0.25f), m0, fma((float16)(-1.0f / 6), a_, (1.0f / 24) * c_));           \
        o1 = fma((float16)(1.0f / 6), b_, (1.0f / 12) * d_);                                       \
        o2 = fma((float16)(-1.0f / 6), a_, fma((float16)(1.0f / 6), c_, m5));                      \
    } while (0)

/* ---- Forward, and the input gradient ---- */

/* B^T x B of one tile and 16 channels of one part of a view, to v[point * stride]. */
void transform_input_part(local float *v, int stride, view_part p, int c, float16 scale,
                          float16 shift, int deferred, tile t, tiling of)
{
    float16 m[6][6];
#pragma unroll
    for (int j = 0; j < 6; j++) {
        float16 d[6];
#pragma unroll
        for (int i = 0; i < 6; i++) {
            const int y = t.y + i - 1, x = t.x + j - 1;
            d[i] = 0.0f;
            if (y >= 0 && y < of.h && x >= 0 && x < of.w) {
                d[i] = vload16(0, p.data + (t.image + y * of.w + x) * p.channels + c);
                if (deferred)
                    d[i] = finish16(d[i], scale, shift, p.slope);
            }
        }
        TIMES_BT(m[0][j], m[1][j], m[2][j], m[3][j], m[4][j], m[5][j], d[0], d[1], d[2], d[3], d[4],
                 d[5]);
    }
#pragma unroll
    for (int i = 0; i < 6; i++) {
        float16 o[6];
        TIMES_BT(o[0], o[1], o[2], o[3], o[4], o[5], m[i][0], m[i][1], m[i][2], m[i][3], m[i][4],
                 m[i][5]);
#pragma unroll
        for (int j = 0; j < 6; j++)
            vstore16(o[j], 0, v + (i * 6 + j) * stride);
    }
}

/* The same for all channels of a view. */
void transform_input(local float *v, int stride, view from, int channels, tile t, tiling of)
{
    for (int c = 0; c < channels; c += 16) {
        int at = c;
        const view_part p = part_of(from, &at);
        if (IS_DEFERRED(p))
            transform_input_part(v + c, stride, p, at, vload16(0, SCALE_OF(p, at)),
                                 vload16(0, SHIFT_OF(p, at)), 1, t, of);
        else
            transform_input_part(v + c, stride, p, at, 1.0f, 0.0f, 0, t, of);
    }
}

/* A^T m A of one tile and 16 channels from m[point * stride], written with bias. */
void transform_output(local const float *m, int stride, sink to, int channel, float16 bias, tile t,
                      tiling of)
{
    float16 s[4][6];
#pragma unroll
    for (int j = 0; j < 6; j++) {
        float16 a[6];
#pragma unroll
        for (int i = 0; i < 6; i++)
            a[i] = vload16(0, m + (i * 6 + j) * stride);
        TIMES_AT(s[0][j], s[1][j], s[2][j], s[3][j], a[0], a[1], a[2], a[3], a[4], a[5]);
    }
#pragma unroll
    for (int i = 0; i < 4; i++) {
        float16 o[4];
        TIMES_AT(o[0], o[1], o[2], o[3], s[i][0], s[i][1], s[i][2], s[i][3], s[i][4], s[i][5]);
#pragma unroll
        for (int j = 0; j < 4; j++)
            if (t.y + i < of.h && t.x + j < of.w)
                sink_store16(to, t.image + (t.y + i) * of.w + t.x + j, channel, 16, o[j] + bias);
    }
}

/* v u to m: v (TILE, cin), u (cin, LANES), m (TILE, LANES). */
void multiply_point(local float *m, local const float *v, global const float *u, int cin)
{
    for (int c0 = 0; c0 < cin; c0 += DEPTH) {
        TILE_CLEAR(sum, TILE);
        for (int c = c0; c < min(cin, c0 + DEPTH); c++)
            TILE_STEP(sum, TILE, v[r * cin + c], u + c * LANES);
#pragma unroll
        for (int r = 0; r < TILE; r++)
#pragma unroll
            for (int i = 0; i < VECTORS; i++)
                vstore16(c0 ? sum[r][i] + vload16(i, m + r * LANES) : sum[r][i], i, m + r * LANES);
    }
}

/* Rows of pixels of tiles, fetched ahead (fetch.h) one by one. */
typedef struct tile_fetch {
    row_walk walk;
    pace pace;
} tile_fetch;

tile_fetch tile_fetch_of(tile_range tiles, int turns, tiling of)
{
    const int rows = (tiles.end - tiles.first) * WINOGRAD_SIDE;
    const tile_fetch f = {walk_from(tiles.first, of), pace_of(rows, turns)};
    return f;
}

/*
 * y = bias + convolution of x. x (images, h, w, cin), y (images, h, w, cout). An item takes `block`
 * tiles (a multiple of TILE) and `panels` panels of LANES output channels. packed: from
 * winograd_pack. v: (POINTS, block, cin), m: (POINTS, block, LANES), both with SKEW behind each
 * point.
 */
kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
winograd_convolve(VIEW_ARGS(x), global const float *packed, global const float *bias, SINK_ARGS(y),
                  winograd_shape shape, int panels, int has_bias, local float *v, local float *m)
{
    const view from = VIEW(x);
    const sink to = SINK(y);
    const tiling of = {shape.h, shape.w, shape.tiles_y, shape.tiles_x};
    const int cin = shape.cin, cout = shape.cout, block = shape.block;
    const int total = shape.images * of.tiles_y * of.tiles_x, first = get_group_id(0) * block;
    const tile_range own = {first, min(first + block, total)};
    const tile_range next = range_behind(own, block, total), nothing = {0, 0};
    const int count = own.end - first, turns = POINTS * ((count + TILE - 1) / TILE);
    const int v_stride = block * cin + SKEW, m_stride = block * LANES + SKEW;
    for (int t = 0; t < count; t++)
        transform_input(v + t * cin, v_stride, from, cin, tile_at(first + t, of), of);
    if (count % TILE) /* what the last register tile computes beyond count is not stored */
        for (int p = 0; p < POINTS; p++)
            for (int i = count * cin; i < min(block, count + TILE) * cin; i++)
                v[p * v_stride + i] = 0.0f;
    const int begin = get_group_id(1) * panels * LANES, end = min(cout, begin + panels * LANES);
    for (int o = begin; o < end; o += LANES) {
        global const float *weights = packed + (size_t)o * POINTS * cin;
        int at = o;
        const sink_part into = sink_part_of(to, &at);
        tile_fetch inputs = tile_fetch_of(o == begin ? next : nothing, turns, of);
        tile_fetch outputs = tile_fetch_of(own, turns, of);
        for (int p = 0; p < POINTS; p++, weights += cin * LANES) {
            for (int t = 0; t < count; t += TILE) {
                for (int due = pace_turn(&inputs.pace); due > 0; due--) {
                    const pixel_row row = next_row(&inputs.walk, of);
                    fetch_view(from, row.first, row.count);
                }
                for (int due = pace_turn(&outputs.pace); due > 0; due--) {
                    const pixel_row row = next_row(&outputs.walk, of);
                    fetch_channels(into.data, into.channels, at, LANES, row.first, row.count);
                }
                multiply_point(m + p * m_stride + t * LANES, v + p * v_stride + t * cin, weights,
                               cin);
            }
        }
        for (int i = 0; i < VECTORS; i++) {
            const float16 b = has_bias ? vload16(i, bias + o) : (float16)(0.0f);
            for (int t = 0; t < count; t++)
                transform_output(m + t * LANES + 16 * i, m_stride, to, o + 16 * i, b,
                                 tile_at(first + t, of), of);
        }
    }
}

#ifndef INFERENCE

/* ---- Weight gradient ---- */

void finish_tiles(gradients g, int c, tile_range tiles, tiling of)
{
    const finisher f = finisher_of(g, c);
    for (int i = tiles.first; i < tiles.end; i++) {
        const tile t = tile_at(i, of);
        for (int y = t.y; y < min(t.y + 4, of.h); y++)
            finish_pixels(g, f, c, t.image + y * of.w + t.x, min(4, of.w - t.x));
    }
}

/* A g A^T of one tile and 16 channels, to q[point * stride]. Returns the sum of g. */
float16 transform_gradient(local float *q, int stride, global const float *g, int channels, tile t,
                           tiling of)
{
    float16 s[6][4], total = 0.0f;
#pragma unroll
    for (int j = 0; j < 4; j++) {
        float16 d[4];
#pragma unroll
        for (int i = 0; i < 4; i++) {
            d[i] = 0.0f;
            if (t.y + i < of.h && t.x + j < of.w)
                d[i] = vload16(0, g + (t.image + (t.y + i) * of.w + t.x + j) * channels);
            total += d[i];
        }
        TIMES_A(s[0][j], s[1][j], s[2][j], s[3][j], s[4][j], s[5][j], d[0], d[1], d[2], d[3]);
    }
#pragma unroll
    for (int i = 0; i < 6; i++) {
        float16 o[6];
        TIMES_A(o[0], o[1], o[2], o[3], o[4], o[5], s[i][0], s[i][1], s[i][2], s[i][3]);
#pragma unroll
        for (int j = 0; j < 6; j++)
            vstore16(o[j], 0, q + (i * 6 + j) * stride);
    }
    return total;
}

/* TILE rows from c of v^T q, v (tiles, cin) and q (tiles, LANES): written to `to`, or added. */
void sum_products(global float *to, int adds, local const float *v, local const float *q, int tiles,
                  int c, int cin)
{
    int offset[TILE]; /* rows beyond cin are computed and not stored */
#pragma unroll
    for (int r = 0; r < TILE; r++)
        offset[r] = min(c + r, cin - 1);
    TILE_CLEAR(sum, TILE);
    for (int t = 0; t < tiles; t++, v += cin, q += LANES)
        TILE_STEP(sum, TILE, v[offset[r]], q);
#pragma unroll
    for (int r = 0; r < TILE; r++, to += LANES)
#pragma unroll
        for (int i = 0; i < VECTORS; i++)
            if (c + r < cin)
                vstore16(adds ? sum[r][i] + vload16(i, to) : sum[r][i], i, to);
}

/*
 * First pass: an item sums a panel of LANES output channels over a chunk of tiles.
 * partial (chunks, cout / LANES, POINTS * cin + 1, LANES); the last row is the sum of g.
 * g is finished first, if it is to be. chunk_tiles is a multiple of block. v: (POINTS, block, cin),
 * q: (POINTS, block, LANES), with SKEW.
 */
kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
winograd_weight_gradient(VIEW_ARGS(x), GRADIENTS_ARGS(g), global float *partial,
                         winograd_shape shape, int chunk_tiles, local float *v, local float *q)
{
    const view from = VIEW(x);
    const int cin = shape.cin, cout = shape.cout, block = shape.block;
    const gradients g = GRADIENTS(g, cout);
    const tiling of = {shape.h, shape.w, shape.tiles_y, shape.tiles_x};
    const int o = get_group_id(0) * LANES, chunk = get_group_id(1);
    const int begin = chunk * chunk_tiles;
    const int end = min(shape.images * of.tiles_y * of.tiles_x, begin + chunk_tiles);
    const int v_stride = block * cin + SKEW, q_stride = block * LANES + SKEW;
    global float *sums = partial + ((size_t)chunk * get_num_groups(0) + get_group_id(0)) *
                                       (POINTS * cin + 1) * LANES;
    float16 total[VECTORS];
    for (int i = 0; i < VECTORS; i++)
        total[i] = 0.0f;
    if (begin >= end)
        for (int row = 0; row < POINTS * cin; row++)
            for (int i = 0; i < VECTORS; i++)
                vstore16(0.0f, i, sums + row * LANES);
    for (int first = begin; first < end; first += block) {
        const tile_range own = {first, min(first + block, end)};
        const tile_range next = range_behind(own, block, end);
        const int count = own.end - first;
        for (int i = 0; IS_UNFINISHED(g) && i < VECTORS; i++)
            finish_tiles(g, o + 16 * i, own, of);
        for (int t = 0; t < count; t++) {
            const tile at = tile_at(first + t, of);
            transform_input(v + t * cin, v_stride, from, cin, at, of);
            for (int i = 0; i < VECTORS; i++)
                total[i] += transform_gradient(q + t * LANES + 16 * i, q_stride,
                                               g.data + o + 16 * i, cout, at, of);
        }
        tile_fetch ahead = tile_fetch_of(next, POINTS * ((cin + TILE - 1) / TILE), of);
        for (int p = 0; p < POINTS; p++) {
            for (int c = 0; c < cin; c += TILE) {
                for (int due = pace_turn(&ahead.pace); due > 0; due--) {
                    const pixel_row row = next_row(&ahead.walk, of);
                    fetch_view(from, row.first, row.count);
                    fetch_channels(g.data, cout, o, LANES, row.first, row.count);
                    if (IS_UNFINISHED(g))
                        fetch_channels(g.x, cout, o, LANES, row.first, row.count);
                }
                sum_products(sums + (p * cin + c) * LANES, first > begin, v + p * v_stride,
                             q + p * q_stride, count, c, cin);
            }
        }
    }
    for (int i = 0; i < VECTORS; i++)
        vstore16(total[i], i, sums + POINTS * cin * LANES);
}

/* Second pass: sums the chunks and transforms: gradient (3, 3, cin, cout), bias_gradient (cout) if
 * bias. Item (input channel, 16 output channels); input channel `cin` stands for the bias. */
kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
winograd_reduce(global const float *partial, global float *gradient, global float *bias_gradient,
                int cin, int cout, int chunks)
{
    const int c = get_group_id(0), o = get_group_id(1) * 16;
    const size_t panel = (size_t)(POINTS * cin + 1) * LANES, all = panel * (cout / LANES);
    global const float *from = partial + o / LANES * panel + o % LANES;
    if (c == cin) {
        float16 sum = 0.0f;
        for (int chunk = 0; chunk < chunks; chunk++)
            sum += vload16(0, from + chunk * all + POINTS * cin * LANES);
        vstore16(sum, 0, bias_gradient + o);
        return;
    }
    float16 s[3][6];
#pragma unroll
    for (int j = 0; j < 6; j++) {
        float16 m[6];
#pragma unroll
        for (int i = 0; i < 6; i++) {
            m[i] = 0.0f;
            for (int chunk = 0; chunk < chunks; chunk++)
                m[i] += vload16(0, from + chunk * all + ((i * 6 + j) * cin + c) * LANES);
        }
        TIMES_GT(s[0][j], s[1][j], s[2][j], m[0], m[1], m[2], m[3], m[4], m[5]);
    }
#pragma unroll
    for (int i = 0; i < 3; i++) {
        float16 d[3];
        TIMES_GT(d[0], d[1], d[2], s[i][0], s[i][1], s[i][2], s[i][3], s[i][4], s[i][5]);
#pragma unroll
        for (int j = 0; j < 3; j++)
            vstore16(d[j], 0, gradient + ((size_t)(i * 3 + j) * cin + c) * cout + o);
    }
}

#endif

/* ---- Weights ---- */

/* G w G^T of 16 output channels, from w[tap], to u[point * stride]. */
void transform_weights(global float *u, int stride, const float16 w[9])
{
    float16 s[6][3];
#pragma unroll
    for (int j = 0; j < 3; j++)
        TIMES_G(s[0][j], s[1][j], s[2][j], s[3][j], s[4][j], s[5][j], w[j], w[3 + j], w[6 + j]);
#pragma unroll
    for (int i = 0; i < 6; i++) {
        float16 o[6];
        TIMES_G(o[0], o[1], o[2], o[3], o[4], o[5], s[i][0], s[i][1], s[i][2]);
#pragma unroll
        for (int j = 0; j < 6; j++)
            vstore16(o[j], 0, u + (size_t)(i * 6 + j) * stride);
    }
}

/*
 * Weights (3, 3, A, B) to packed (cout / LANES, POINTS, cin, LANES). Forward A is cin and B cout;
 * adjoint the reverse, and the taps run backwards. Item (16 input channels, 16 output channels).
 */
kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
winograd_pack(global const float *weights, global float *packed, int cin, int cout, int adjoint)
{
    const int c = get_group_id(0) * 16, o = get_group_id(1) * 16;
    float16 w[16][9];
    for (int tap = 0; tap < 9; tap++) {
        float16 rows[16];
        if (adjoint) {
#pragma unroll
            for (int i = 0; i < 16; i++)
                rows[i] = vload16(0, weights + ((size_t)(8 - tap) * cout + o + i) * cin + c);
            transpose(rows);
        } else {
#pragma unroll
            for (int i = 0; i < 16; i++)
                rows[i] = vload16(0, weights + ((size_t)tap * cin + c + i) * cout + o);
        }
        for (int i = 0; i < 16; i++)
            w[i][tap] = rows[i];
    }
    global float *to = packed + ((size_t)(o / LANES) * POINTS * cin + c) * LANES + o % LANES;
    for (int i = 0; i < 16; i++)
        transform_weights(to + i * LANES, cin * LANES, w[i]);
}
