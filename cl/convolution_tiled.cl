/*
 * Convolution for devices whose work-groups share local memory (GPUs): implicit matrix products. A
 * work-group of 16 x 16 items computes a tile of ROWS x COLUMNS results, going through the inner
 * dimension DEPTH values at a time; each item holds ROWS/16 x COLUMNS/16 sums in registers.
 * Geometry as in geometry.h; results and argument meanings as in convolution_vector.cl.
 *
 * ROWS, COLUMNS: multiples of 16; COLUMNS is 16 where there are no more than 16 output channels.
 */
#include "view.h"

#define SIDE 16 /* of the work-group */
#define ITEMS (SIDE * SIDE)
#define R (ROWS / SIDE)
#define C (COLUMNS / SIDE)

static void clear(float sum[R][C])
{
    for (int r = 0; r < R; r++)
        for (int c = 0; c < C; c++)
            sum[r][c] = 0.0f;
}

/* sum += a^T b over the tile's depth; item (row, column) owns rows row + SIDE * r. */
static void multiply(local float a[DEPTH][ROWS + 1], local float b[DEPTH][COLUMNS], int depth,
                     int row, int column, float sum[R][C])
{
    for (int k = 0; k < depth; k++)
        for (int r = 0; r < R; r++)
            for (int c = 0; c < C; c++)
                sum[r][c] = fma(a[k][row + SIDE * r], b[k][column + SIDE * c], sum[r][c]);
}

/* Rows are output pixels, columns output channels, the inner dimension runs over (tap, channel). */
kernel __attribute__((reqd_work_group_size(SIDE, SIDE, 1))) void
convolve(VIEW_ARGS(x), global const float *weights, global const float *bias, SINK_ARGS(y),
         global const int *taps, int first_tap, int tap_count, int images, int h, int w, int cin,
         int out_h, int out_w, int cout, int qh, int qw, int in_stride, int out_stride, int phase_y,
         int phase_x, int dy_min, int dx_min, int adjoint, int has_bias)
{
    taps += 3 * first_tap;
    const view from = VIEW(x);
    const sink to = SINK(y);
    local float a[DEPTH][ROWS + 1], b[DEPTH][COLUMNS];
    const int column = get_local_id(0), row = get_local_id(1);
    const int item = row * SIDE + column;
    const int first_pixel = get_group_id(0) * ROWS, first_channel = get_group_id(1) * COLUMNS;
    const int pixels = images * qh * qw;
    float sum[R][C];
    clear(sum);
    for (int t = 0; t < tap_count; t++) {
        const int dy = taps[3 * t] + dy_min, dx = taps[3 * t + 1] + dx_min, k = taps[3 * t + 2];
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
            multiply(a, b, min(DEPTH, cin - c0), row, column, sum);
            barrier(CLK_LOCAL_MEM_FENCE);
        }
    }
    for (int r = 0; r < R; r++) {
        const int q = first_pixel + row + SIDE * r;
        if (q >= pixels)
            break;
        const int oy = q / qw % qh * out_stride + phase_y, ox = q % qw * out_stride + phase_x;
        const size_t pixel = ((size_t)(q / (qw * qh)) * out_h + oy) * out_w + ox;
        for (int c = 0; c < C; c++) {
            const int o = first_channel + column + SIDE * c;
            if (o < cout)
                sink_store(to, pixel, o, sum[r][c] + (has_bias ? bias[o] : 0.0f));
        }
    }
}

/* Rows are (tap, channel) of the weights, columns output channels, the inner dimension runs over the
 * pixels of a chunk of images. The tiles of the first row also sum g, for the bias. */
kernel __attribute__((reqd_work_group_size(SIDE, SIDE, 1))) void
convolve_weight_gradient(VIEW_ARGS(x), VIEW_ARGS(g), global float *partial, global const int *taps,
                         int tap_count, int images, int chunk_images, int h, int w, int cin, int qh,
                         int qw, int cout, int in_stride, int dy_min, int dx_min)
{
    const view values = VIEW(x), gradients = VIEW(g);
    local float a[DEPTH][ROWS + 1], b[DEPTH][COLUMNS];
    const int column = get_local_id(0), row = get_local_id(1);
    const int item = row * SIDE + column;
    const int first_row = get_group_id(0) * ROWS, first_channel = get_group_id(1) * COLUMNS;
    const int chunk = get_group_id(2), rows = tap_count * cin, padded = get_num_groups(1) * COLUMNS;
    const int begin = chunk * chunk_images * qh * qw;
    const int end = min(images, (chunk + 1) * chunk_images) * qh * qw;
    float sum[R][C], bias[C];
    clear(sum);
    for (int c = 0; c < C; c++)
        bias[c] = 0.0f;
    for (int q0 = begin; q0 < end; q0 += DEPTH) {
        for (int i = item; i < ROWS * DEPTH; i += ITEMS) {
            const int m = min(first_row + i % ROWS, rows - 1), q = q0 + i / ROWS, t = m / cin;
            const int iy = q / qw % qh * in_stride + taps[3 * t] + dy_min;
            const int ix = q % qw * in_stride + taps[3 * t + 1] + dx_min;
            const size_t at = ((size_t)(q / (qw * qh)) * h + iy) * w + ix;
            const int inside = q < end && iy >= 0 && iy < h && ix >= 0 && ix < w;
            a[i / ROWS][i % ROWS] = inside ? view_load(values, at, m % cin) : 0.0f;
        }
        for (int i = item; i < COLUMNS * DEPTH; i += ITEMS) {
            const int q = q0 + i / COLUMNS, o = first_channel + i % COLUMNS;
            b[i / COLUMNS][i % COLUMNS] = q < end && o < cout ? view_load(gradients, q, o) : 0.0f;
        }
        barrier(CLK_LOCAL_MEM_FENCE);
        multiply(a, b, DEPTH, row, column, sum);
        if (first_row == 0 && row == 0)
            for (int k = 0; k < DEPTH; k++)
                for (int c = 0; c < C; c++)
                    bias[c] += b[k][column + SIDE * c];
        barrier(CLK_LOCAL_MEM_FENCE);
    }
    global float *sums = partial + (size_t)chunk * (rows + 1) * padded + first_channel;
    for (int c = 0; c < C; c++) {
        for (int r = 0; r < R; r++)
            if (first_row + row + SIDE * r < rows)
                sums[(size_t)(first_row + row + SIDE * r) * padded + column + SIDE * c] = sum[r][c];
        if (first_row == 0 && row == 0)
            sums[(size_t)rows * padded + column + SIDE * c] = bias[c];
    }
}
