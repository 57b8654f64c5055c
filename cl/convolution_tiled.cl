/*
 * Convolution for devices whose work-groups share local memory (GPUs), as matrix products whose
 * left matrix is gathered from the image on the way (implicit GEMM). A work-group of 16 x 16 items
 * computes a block of ROWS x COLUMNS results, going through the inner dimension DEPTH values at a
 * time:
 *
 *                       b: weights (inner, output channels)
 *                            +-----------+---
 *                      DEPTH |  slice    |
 *                            +-----------+---
 *     a: (pixels, inner)          COLUMNS
 *     +-------+---           +-----------+
 *     | slice |         ROWS |   block   |   item (row, column) has the sums at row + 16 r and
 *     +-------+---           +-----------+   column + 16 c, r < R, c < C, in registers
 *       DEPTH
 *
 * The slices are in local memory; a's lies there transposed, its rows padded by a float, so
 * that the items that store a column of it meet different banks.
 *
 * ROWS, COLUMNS: multiples of 16; COLUMNS is 16 where there are no more than 16 output channels.
 */
#include "convolution_shape.h"
#include "view.h"

#define GROUP_SIDE 16 /* of the work-group */
#define ITEMS (GROUP_SIDE * GROUP_SIDE)
#define R (ROWS / GROUP_SIDE)
#define C (COLUMNS / GROUP_SIDE)

void clear(float sum[R][C])
{
    for (int r = 0; r < R; r++)
        for (int c = 0; c < C; c++)
            sum[r][c] = 0.0f;
}

/* sum += a^T b over the slices' depth; item (row, column) owns rows row + GROUP_SIDE * r. */
void multiply_slices(local float a[DEPTH][ROWS + 1], local float b[DEPTH][COLUMNS], int depth,
                     int row, int column, float sum[R][C])
{
    for (int k = 0; k < depth; k++)
        for (int r = 0; r < R; r++)
            for (int c = 0; c < C; c++)
                sum[r][c] =
                    fma(a[k][row + GROUP_SIDE * r], b[k][column + GROUP_SIDE * c], sum[r][c]);
}

/* One phase of a direction; convolution_vector.cl says what it computes. Rows are output pixels,
 * columns output channels, the inner dimension runs over (tap, channel). */
kernel __attribute__((reqd_work_group_size(GROUP_SIDE, GROUP_SIDE, 1))) void
convolve(VIEW_ARGS(x), global const float *weights, global const float *bias, SINK_ARGS(y),
         global const tap *taps, conv_shape shape, phase own, int adjoint, int has_bias)
{
    const view from = VIEW(x);
    const sink to = SINK(y);
    local float a[DEPTH][ROWS + 1], b[DEPTH][COLUMNS];
    const int h = shape.h, w = shape.w, cin = shape.cin, cout = shape.cout;
    const int in_stride = shape.in_stride, qh = own.qh, qw = own.qw;
    const int column = get_local_id(0), row = get_local_id(1);
    const int item = row * GROUP_SIDE + column;
    const int first_pixel = get_group_id(0) * ROWS, first_channel = get_group_id(1) * COLUMNS;
    const int pixels = shape.images * qh * qw;
    float sum[R][C];
    clear(sum);
    for (int t = own.first_tap; t < own.first_tap + own.tap_count; t++) {
        const int dy = taps[t].dy + shape.dy_min, dx = taps[t].dx + shape.dx_min;
        const int k = taps[t].index;
        for (int c0 = 0; c0 < cin; c0 += DEPTH) {
            for (int i = item; i < ROWS * DEPTH; i += ITEMS) {
                const int channel = c0 + i % DEPTH, q = first_pixel + i / DEPTH;
                const int iy = q / qw % qh * in_stride + dy, ix = q % qw * in_stride + dx;
                const size_t at = ((size_t)(q / (qw * qh)) * h + iy) * w + ix;
                const int inside =
                    q < pixels && channel < cin && iy >= 0 && iy < h && ix >= 0 && ix < w;
                a[i % DEPTH][i / DEPTH] = inside ? view_load(from, at, channel) : 0.0f;
            }
            for (int i = item; i < COLUMNS * DEPTH; i += ITEMS) {
                const int in = c0 + i / COLUMNS, out = first_channel + i % COLUMNS;
                const size_t at = adjoint ? ((size_t)k * cout + out) * cin + in
                                          : ((size_t)k * cin + in) * cout + out;
                b[i / COLUMNS][i % COLUMNS] = in < cin && out < cout ? weights[at] : 0.0f;
            }
            barrier(CLK_LOCAL_MEM_FENCE);
            multiply_slices(a, b, min(DEPTH, cin - c0), row, column, sum);
            barrier(CLK_LOCAL_MEM_FENCE);
        }
    }
    for (int r = 0; r < R; r++) {
        const int q = first_pixel + row + GROUP_SIDE * r;
        if (q >= pixels)
            break;
        const int oy = q / qw % qh * shape.out_stride + own.y;
        const int ox = q % qw * shape.out_stride + own.x;
        const size_t pixel = ((size_t)(q / (qw * qh)) * shape.out_h + oy) * shape.out_w + ox;
        for (int c = 0; c < C; c++) {
            const int o = first_channel + column + GROUP_SIDE * c;
            if (o < cout)
                sink_store(to, pixel, o, sum[r][c] + (has_bias ? bias[o] : 0.0f));
        }
    }
}

#ifndef INFERENCE

/* Weight gradient, first pass. Rows are (tap, channel) of the weights, columns output channels, the
 * inner dimension runs over the pixels of a chunk of images. The blocks of the first row also sum g,
 * for the bias. */
kernel __attribute__((reqd_work_group_size(GROUP_SIDE, GROUP_SIDE, 1))) void
convolve_weight_gradient(VIEW_ARGS(x), VIEW_ARGS(g), global float *partial, global const tap *taps,
                         int tap_count, conv_shape shape, int chunk_images)
{
    const view values = VIEW(x), gradients = VIEW(g);
    local float a[DEPTH][ROWS + 1], b[DEPTH][COLUMNS];
    const int h = shape.h, w = shape.w, cin = shape.cin, qh = shape.out_h, qw = shape.out_w;
    const int cout = shape.cout, in_stride = shape.in_stride;
    const int column = get_local_id(0), row = get_local_id(1);
    const int item = row * GROUP_SIDE + column;
    const int first_row = get_group_id(0) * ROWS, first_channel = get_group_id(1) * COLUMNS;
    const int chunk = get_group_id(2), rows = tap_count * cin, padded = get_num_groups(1) * COLUMNS;
    const int begin = chunk * chunk_images * qh * qw;
    const int end = min(shape.images, (chunk + 1) * chunk_images) * qh * qw;
    float sum[R][C], bias[C];
    clear(sum);
    for (int c = 0; c < C; c++)
        bias[c] = 0.0f;
    for (int q0 = begin; q0 < end; q0 += DEPTH) {
        for (int i = item; i < ROWS * DEPTH; i += ITEMS) {
            const int m = min(first_row + i % ROWS, rows - 1), q = q0 + i / ROWS, t = m / cin;
            const int iy = q / qw % qh * in_stride + taps[t].dy + shape.dy_min;
            const int ix = q % qw * in_stride + taps[t].dx + shape.dx_min;
            const size_t at = ((size_t)(q / (qw * qh)) * h + iy) * w + ix;
            const int inside = q < end && iy >= 0 && iy < h && ix >= 0 && ix < w;
            a[i / ROWS][i % ROWS] = inside ? view_load(values, at, m % cin) : 0.0f;
        }
        for (int i = item; i < COLUMNS * DEPTH; i += ITEMS) {
            const int q = q0 + i / COLUMNS, o = first_channel + i % COLUMNS;
            b[i / COLUMNS][i % COLUMNS] = q < end && o < cout ? view_load(gradients, q, o) : 0.0f;
        }
        barrier(CLK_LOCAL_MEM_FENCE);
        multiply_slices(a, b, DEPTH, row, column, sum);
        if (first_row == 0 && row == 0)
            for (int k = 0; k < DEPTH; k++)
                for (int c = 0; c < C; c++)
                    bias[c] += b[k][column + GROUP_SIDE * c];
        barrier(CLK_LOCAL_MEM_FENCE);
    }
    global float *sums = partial + (size_t)chunk * (rows + 1) * padded + first_channel;
    for (int c = 0; c < C; c++) {
        for (int r = 0; r < R; r++)
            if (first_row + row + GROUP_SIDE * r < rows)
                sums[(size_t)(first_row + row + GROUP_SIDE * r) * padded + column +
                     GROUP_SIDE * c] = sum[r][c];
        if (first_row == 0 && row == 0)
            sums[(size_t)rows * padded + column + GROUP_SIDE * c] = bias[c];
    }
}

#endif
