/* The small kernels around a convolution: weights into the order that the vector kernels read, and
 * the second pass of the weight gradient. */
#include "convolution_shape.h"

/*
 * weights (K, K, A, B) to packed (ceil(out_channels / width), taps, in_channels, width), zero
 * beyond out_channels. Forward A is in and B out; adjoint the reverse. Item (tap * in_channels +
 * channel, panel).
 */
kernel void pack_weights(global const float *weights, global float *packed, global const tap *taps,
                         int first_tap, int tap_count, int in_channels, int out_channels, int width,
                         int adjoint)
{
    const size_t offset = (size_t)first_tap * in_channels * get_global_size(1) * width;
    const int row = get_global_id(0), panel = get_global_id(1);
    if (row >= tap_count * in_channels)
        return;
    const int k = taps[first_tap + row / in_channels].index, in = row % in_channels;
    global float *to = packed + offset + ((size_t)panel * tap_count * in_channels + row) * width;
    for (int i = 0; i < width; i++) {
        const int out = panel * width + i;
        const size_t from = adjoint ? ((size_t)k * out_channels + out) * in_channels + in
                                    : ((size_t)k * in_channels + in) * out_channels + out;
        to[i] = out < out_channels ? weights[from] : 0.0f;
    }
}

#ifndef INFERENCE

/*
 * gradient[m, co] = sum over chunks of partial[chunk, m, co] for the `rows` rows of the weights;
 * row `rows` goes to bias_gradient. partial (chunks, rows + 1, padded). Item m * cout + co; bias is
 * 0 without a bias gradient.
 */
kernel void reduce_weight_gradient(global const float *partial, global float *gradient,
                                   global float *bias_gradient, int rows, int cout, int padded,
                                   int chunks, int bias)
{
    const int m = get_global_id(0) / cout, co = get_global_id(0) % cout;
    if (m >= rows + bias)
        return;
    float sum = 0.0f;
    for (int chunk = 0; chunk < chunks; chunk++)
        sum += partial[((size_t)chunk * (rows + 1) + m) * padded + co];
    if (m < rows)
        gradient[(size_t)m * cout + co] = sum;
    else
        bias_gradient[co] = sum;
}

#endif
