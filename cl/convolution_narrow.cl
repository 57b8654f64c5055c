/*
 * Convolution with stride 1 and few output channels (1 to 4), where vectors of output channels
 * would be mostly empty: the heads of a network, CBAM's map. For CPUs: an item takes `strip.rows`
 * rows.
 *
 * The taps of one row of the window and all their channels lie side by side in memory, so vectors
 * go along this tap row, and an output is the sum of K dot products:
 *
 *     patch, one row:   ... [ x-1: c c c ][ x: c c c ][ x+1: c c c ] ...        K = 3, cin = 3
 *     tap row of x:         |<---------- K * cin floats ---------->|0 0 ...|    in whole vectors
 *     packed weights:       [ w w w        w w w       w w w       |0 0 ...]
 *
 * What convolve_narrow computes, one value after the other (pixels outside the image are zero):
 *
 *     for (n, y, x, o) {
 *         float sum = bias[o];
 *         for (ky = 0; ky < K; ky++)
 *             for (kx = 0; kx < K; kx++)
 *                 for (c = 0; c < cin; c++)
 *                     sum += x[n][y + ky - pad][x + kx - pad][c] * weights[ky][kx][c][o];
 *         y[n][y][x][o] = sum;
 *     }
 */
#include "convolution_shape.h"
#include "fetch.h"
#include "patch.h"
#include "view.h"

#ifndef TILE
#define TILE 8
#endif

/* By index, because Oclgrind takes what .lo and .hi give for uninitialised. */
float sum_of_lanes(float16 values)
{
    float part[16];
    vstore16(values, 0, part);
#pragma unroll
    for (int half_lane = 8; half_lane > 0; half_lane /= 2)
#pragma unroll
        for (int i = 0; i < half_lane; i++)
            part[i] += part[i + half_lane];
    return part[0];
}

/*
 * y = bias + convolution of x. packed (cout, K, tap_row), from pack_narrow. patch: (patch_rows,
 * patch_columns, cin) and 16 floats.
 */
kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
convolve_narrow(VIEW_ARGS(x), global const float *packed, global const float *bias, SINK_ARGS(y),
                narrow_shape shape, strip_shape strip, int has_bias, local float *patch)
{
    const view from = VIEW(x);
    const sink to = SINK(y);
    const int h = shape.h, w = shape.w, cin = shape.cin, cout = shape.cout;
    const int tap_row = shape.tap_row, patch_columns = strip.patch_columns;
    const int y0 = get_group_id(0) * strip.rows, n = get_group_id(1);
    gather_patch(patch, from, (size_t)n * h * w, h, w, cin, y0 - shape.pad, -shape.pad,
                 strip.patch_rows, patch_columns);
    for (int i = 0; i < 16; i++) /* read, and multiplied by zero */
        patch[strip.patch_rows * patch_columns * cin + i] = 0.0f;
    const int next = n * h + min(y0 + strip.rows, h); /* first row of the strip behind */
    for (int row = 0; row < min(strip.rows, h - y0); row++) {
        fetch_view_row(from, next + row, shape.images * h, w);
        for (int x0 = 0; x0 < w; x0 += TILE) {
            int offset[TILE]; /* pixels beyond the row's end are computed and not stored */
#pragma unroll
            for (int r = 0; r < TILE; r++)
                offset[r] = (row * patch_columns + min(x0 + r, w - 1)) * cin;
            for (int o = 0; o < cout; o++) {
                float16 sum[TILE];
#pragma unroll
                for (int r = 0; r < TILE; r++)
                    sum[r] = 0.0f;
                global const float *weight = packed + (size_t)o * shape.kernel_size * tap_row;
                for (int ky = 0; ky < shape.kernel_size; ky++, weight += tap_row) {
                    local const float *value = patch + ky * patch_columns * cin;
                    for (int i = 0; i < tap_row; i += 16) {
                        const float16 k = vload16(0, weight + i);
#pragma unroll
                        for (int r = 0; r < TILE; r++)
                            sum[r] = fma(vload16(0, value + offset[r] + i), k, sum[r]);
                    }
                }
                const float b = has_bias ? bias[o] : 0.0f;
                for (int r = 0; r < TILE && x0 + r < w; r++)
                    sink_store(to, ((size_t)n * h + y0 + row) * w + x0 + r, o,
                               sum_of_lanes(sum[r]) + b);
            }
        }
    }
}

/* weights (K, K, A, B) to packed (cout, K, tap_row), zero beyond K * cin. Forward A is cin and B
 * cout; adjoint the reverse, and the taps run backwards. Item (float of the tap row, ky, cout). */
kernel void pack_narrow(global const float *weights, global float *packed, narrow_shape shape,
                        int adjoint)
{
    const int i = get_global_id(0), ky = get_global_id(1), o = get_global_id(2);
    const int kernel_size = shape.kernel_size, cin = shape.cin, cout = shape.cout;
    if (i >= shape.tap_row)
        return;
    const int tap = ky * kernel_size + i / cin, c = i % cin;
    float value = 0.0f;
    if (i < kernel_size * cin)
        value = adjoint ? weights[((kernel_size * kernel_size - 1 - tap) * cout + o) * cin + c]
                        : weights[(tap * cin + c) * cout + o];
    packed[((size_t)o * kernel_size + ky) * shape.tap_row + i] = value;
}

#ifndef INFERENCE

/*
 * Weight gradient, first pass, over a chunk of images: vectors lie along tap rows of x again, their
 * factors are values of g (images, h, w, cout). partial (chunks, cout, K * tap_row + 1); a tap
 * row's floats beyond K * cin mean nothing, the last float is the sum of g. patch as above.
 */
kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
narrow_weight_gradient(VIEW_ARGS(x), global const float *g, global float *partial,
                       narrow_shape shape, strip_shape strip, int chunk_images, local float *patch)
{
    const view from = VIEW(x);
    const int h = shape.h, w = shape.w, cin = shape.cin, cout = shape.cout;
    const int tap_row = shape.tap_row, patch_columns = strip.patch_columns;
    const int vectors = shape.kernel_size * tap_row / 16, size = shape.kernel_size * tap_row + 1;
    const int chunk = get_group_id(0), last = min(shape.images, (chunk + 1) * chunk_images);
    global float *sums = partial + (size_t)chunk * cout * size;
    for (int i = 0; i < cout * size; i++)
        sums[i] = 0.0f;
    for (int i = 0; i < 16; i++)
        patch[strip.patch_rows * patch_columns * cin + i] = 0.0f;
    for (int n = chunk * chunk_images; n < last; n++) {
        for (int y0 = 0; y0 < h; y0 += strip.rows) {
            const int rows = min(strip.rows, h - y0), next = n * h + min(y0 + strip.rows, h);
            global const float *gradient = g + ((size_t)n * h + y0) * w * cout;
            gather_patch(patch, from, (size_t)n * h * w, h, w, cin, y0 - shape.pad, -shape.pad,
                         strip.patch_rows, patch_columns);
            for (int o = 0; o < cout; o++) {
                for (int first = 0; first < vectors; first += TILE) {
                    int offset[TILE]; /* vectors beyond the last are computed and not stored */
                    float16 sum[TILE];
#pragma unroll
                    for (int r = 0; r < TILE; r++) {
                        const int i = min(first + r, vectors - 1) * 16;
                        offset[r] = i / tap_row * patch_columns * cin + i % tap_row;
                        sum[r] = 0.0f;
                    }
                    for (int row = 0; row < rows; row++) {
                        if (!o && !first)
                            fetch_view_row(from, next + row, shape.images * h, w);
                        local const float *value = patch + row * patch_columns * cin;
                        for (int q = 0; q < w; q++, value += cin) {
                            const float16 k = gradient[(row * w + q) * cout + o];
#pragma unroll
                            for (int r = 0; r < TILE; r++)
                                sum[r] = fma(vload16(0, value + offset[r]), k, sum[r]);
                        }
                    }
                    for (int r = 0; r < TILE && first + r < vectors; r++) {
                        global float *to = sums + o * size + (first + r) * 16;
                        vstore16(vload16(0, to) + sum[r], 0, to);
                    }
                }
                float total = 0.0f;
                for (int q = 0; q < rows * w; q++)
                    total += gradient[q * cout + o];
                sums[o * size + size - 1] += total;
            }
        }
    }
}

/* Second pass: gradient (K, K, cin, cout), and bias_gradient (cout) if bias, summed over the
 * chunks. Item (weight, cout); weight K * K * cin stands for the bias. */
kernel void narrow_reduce(global const float *partial, global float *gradient,
                          global float *bias_gradient, narrow_shape shape, int chunks, int bias)
{
    const int row = shape.kernel_size * shape.cin, count = shape.kernel_size * row;
    const int size = shape.kernel_size * shape.tap_row + 1, cout = shape.cout;
    const int m = get_global_id(0), o = get_global_id(1);
    if (m >= count + bias)
        return;
    const int at = m < count ? m / row * shape.tap_row + m % row : size - 1;
    float sum = 0.0f;
    for (int chunk = 0; chunk < chunks; chunk++)
        sum += partial[((size_t)chunk * cout + o) * size + at];
    if (m < count)
        gradient[m * cout + o] = sum;
    else
        bias_gradient[o] = sum;
}

#endif
