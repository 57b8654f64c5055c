/*
 * Convolution with stride 1 and few output channels (1 to 4), where vectors of output channels
 * would be mostly empty: the heads of a network, CBAM's map. For CPUs: an item takes `strip` rows.
 *
 * The taps of one kernel row and all their channels lie side by side in memory, so a row of taps is
 * a run of kernel * cin floats, padded to whole vectors by weights of zero: an output is the sum of
 * `kernel` dot products.
 */
#include "fetch.h"
#include "patch.h"
#include "view.h"

#ifndef TILE
#define TILE 8
#endif

/* By index, because Oclgrind takes what .lo and .hi give for uninitialised. */
static float sum_of_lanes(float16 values)
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

/* Fetches ahead (fetch.h) row `row` of the strip of image n that begins at y0, or of the next image's
 * first strip. */
static void fetch_row(view v, int n, int y0, int row, int images, int h, int w)
{
    row += n * h + min(y0, h);
    if (row >= images * h)
        return;
    fetch(v.a.data + (size_t)row * w * v.a.channels, w * v.a.channels);
    if (v.b.channels)
        fetch(v.b.data + (size_t)row * w * v.b.channels, w * v.b.channels);
}

/*
 * y = bias + convolution of x. x (N, h, w, cin), y (N, h, w, cout). packed (cout, kernel, run), from
 * pack_narrow. pad: rows and columns of zeros before the image. patch: (patch_rows, patch_columns,
 * cin) and 16 floats.
 */
kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
convolve_narrow(VIEW_ARGS(x), global const float *packed, global const float *bias, SINK_ARGS(y),
                int h, int w, int cin, int cout, int kernel_size, int run, int pad, int strip,
                int patch_rows, int patch_columns, int has_bias, local float *patch)
{
    const view from = VIEW(x);
    const sink to = SINK(y);
    const int y0 = get_group_id(0) * strip, n = get_group_id(1);
    gather_patch(patch, from, (size_t)n * h * w, h, w, cin, y0 - pad, -pad, patch_rows,
                 patch_columns);
    for (int i = 0; i < 16; i++) /* read, and multiplied by zero */
        patch[patch_rows * patch_columns * cin + i] = 0.0f;
    for (int row = 0; row < min(strip, h - y0); row++) {
        fetch_row(from, n, y0 + strip, row, get_num_groups(1), h, w);
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
                global const float *weight = packed + (size_t)o * kernel_size * run;
                for (int ky = 0; ky < kernel_size; ky++, weight += run) {
                    local const float *value = patch + ky * patch_columns * cin;
                    for (int i = 0; i < run; i += 16) {
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

/* weights (K, K, A, B) to packed (cout, K, run), zero beyond K * cin. Forward A is cin and B cout;
 * adjoint the reverse, and the taps run backwards. Item (float of the run, ky, cout). */
kernel void pack_narrow(global const float *weights, global float *packed, int cin, int cout,
                        int kernel_size, int run, int adjoint)
{
    const int i = get_global_id(0), ky = get_global_id(1), o = get_global_id(2);
    if (i >= run)
        return;
    const int tap = ky * kernel_size + i / cin, c = i % cin;
    float value = 0.0f;
    if (i < kernel_size * cin)
        value = adjoint ? weights[((kernel_size * kernel_size - 1 - tap) * cout + o) * cin + c]
                        : weights[(tap * cin + c) * cout + o];
    packed[((size_t)o * kernel_size + ky) * run + i] = value;
}

/*
 * Weight gradient, first pass, over a chunk of images: vectors are runs of x again, their factors
 * values of g. partial (chunks, cout, kernel * run + 1); a run's floats beyond kernel * cin mean
 * nothing, the last float is the sum of g. patch as above.
 */
kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
narrow_weight_gradient(VIEW_ARGS(x), global const float *g, global float *partial, int images,
                       int chunk_images, int h, int w, int cin, int cout, int kernel_size, int run,
                       int pad, int strip, int patch_rows, int patch_columns, local float *patch)
{
    const view from = VIEW(x);
    const int chunk = get_group_id(0), vectors = kernel_size * run / 16;
    const int size = kernel_size * run + 1;
    global float *sums = partial + (size_t)chunk * cout * size;
    for (int i = 0; i < cout * size; i++)
        sums[i] = 0.0f;
    for (int i = 0; i < 16; i++)
        patch[patch_rows * patch_columns * cin + i] = 0.0f;
    for (int n = chunk * chunk_images; n < min(images, (chunk + 1) * chunk_images); n++) {
        for (int y0 = 0; y0 < h; y0 += strip) {
            const int rows = min(strip, h - y0);
            global const float *gradient = g + ((size_t)n * h + y0) * w * cout;
            gather_patch(patch, from, (size_t)n * h * w, h, w, cin, y0 - pad, -pad, patch_rows,
                         patch_columns);
            for (int o = 0; o < cout; o++) {
                for (int first = 0; first < vectors; first += TILE) {
                    int offset[TILE]; /* vectors beyond the last are computed and not stored */
                    float16 sum[TILE];
#pragma unroll
                    for (int r = 0; r < TILE; r++) {
                        const int i = min(first + r, vectors - 1) * 16;
                        offset[r] = i / run * patch_columns * cin + i % run;
                        sum[r] = 0.0f;
                    }
                    for (int row = 0; row < rows; row++) {
                        if (!o && !first)
                            fetch_row(from, n, y0 + strip, row, images, h, w);
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

/* Second pass: gradient (K, K, cin, cout), and bias_gradient (cout) if bias, summed over the chunks.
 * Item (weight, cout); weight K * K * cin stands for the bias. */
kernel void narrow_reduce(global const float *partial, global float *gradient,
                          global float *bias_gradient, int cin, int cout, int kernel_size, int run,
                          int chunks, int bias)
{
    const int row = kernel_size * cin, count = kernel_size * row;
    const int m = get_global_id(0), o = get_global_id(1), size = kernel_size * run + 1;
    if (m >= count + bias)
        return;
    const int at = m < count ? m / row * run + m % row : size - 1;
    float sum = 0.0f;
    for (int chunk = 0; chunk < chunks; chunk++)
        sum += partial[((size_t)chunk * cout + o) * size + at];
    if (m < count)
        gradient[m * cout + o] = sum;
    else
        bias_gradient[o] = sum;
}
