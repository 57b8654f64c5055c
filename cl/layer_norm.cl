/*
 * Layer normalisation over the channels of each pixel, as Keras' LayerNormalization:
 * y = gamma * z + beta with z = (x - mean) * inverse, inverse = 1 / sqrt(variance + epsilon),
 * variance biased. x, y, g, dx: (pixels, channels); moments (pixels, 2): mean, inverse.
 */
#include "rows.h"

kernel void layer_norm_forward(global const float *x, global const float *gamma,
                               global const float *beta, global float *y, global float *moments,
                               int pixels, int channels, int span, float epsilon)
{
    local float meeting[ROW_GROUP];
    FOR_PIXELS(p, pixels, span) {
        global const float *row = x + (size_t)p * channels;
        lane sum = 0.0f, squares = 0.0f;
        FOR_LANES(c, channels)
            sum += load_lane(row + c, channels - c);
        const float mean = row_sum(sum, meeting) / channels;
        FOR_LANES(c, channels) {
            const lane d = or_other(load_lane(row + c, channels - c) - mean, channels - c, 0.0f);
            squares += d * d;
        }
        const float inverse = 1.0f / sqrt(row_sum(squares, meeting) / channels + epsilon);
        FOR_LANES(c, channels) {
            const int left = channels - c;
            const lane z = (load_lane(row + c, left) - mean) * inverse;
            store_lane(fma(z, load_lane(gamma + c, left), load_lane(beta + c, left)),
                       y + (size_t)p * channels + c, left);
        }
        if (get_local_id(0) == 0)
            vstore2((float2)(mean, inverse), p, moments);
    }
}

/* With e = g * gamma: dx = inverse * (e - mean of e - z * mean of e * z). */
kernel void layer_norm_backward(global const float *x, global const float *g,
                                global const float *gamma, global const float *moments,
                                global float *dx, int pixels, int channels, int span,
                                int accumulate)
{
    local float meeting[ROW_GROUP];
    FOR_PIXELS(p, pixels, span) {
        const size_t row = (size_t)p * channels;
        const float mean = moments[2 * p], inverse = moments[2 * p + 1];
        lane sum = 0.0f, product = 0.0f;
        FOR_LANES(c, channels) {
            const int left = channels - c;
            const lane e = load_lane(g + row + c, left) * load_lane(gamma + c, left);
            sum += e;
            product += e * ((load_lane(x + row + c, left) - mean) * inverse);
        }
        const float mean_e = row_sum(sum, meeting) / channels;
        const float mean_product = row_sum(product, meeting) / channels;
        FOR_LANES(c, channels) {
            const int left = channels - c;
            const lane e = load_lane(g + row + c, left) * load_lane(gamma + c, left);
            const lane z = (load_lane(x + row + c, left) - mean) * inverse;
            lane value = inverse * (e - mean_e - z * mean_product);
            if (accumulate)
                value += load_lane(dx + row + c, left);
            store_lane(value, dx + row + c, left);
        }
    }
}

/* partial (spans, 2, channels): sums over the span of g * z and of g. */
kernel void gradient_sums_of_spans(global const float *x, global const float *g,
                                   global const float *moments, global float *partial, int pixels,
                                   int channels, int span)
{
    const int first = get_global_id(1) * span, last = min(pixels, first + span);
    global float *to = partial + (size_t)get_global_id(1) * 2 * channels;
    if (first >= last)
        return;
    FOR_LANES(c, channels) {
        const int left = channels - c;
        lane product = 0.0f, sum = 0.0f;
        for (int p = first; p < last; p++) {
            const size_t at = (size_t)p * channels + c;
            const lane value = load_lane(g + at, left);
            product += value * ((load_lane(x + at, left) - moments[2 * p]) * moments[2 * p + 1]);
            sum += value;
        }
        store_lane(product, to + c, left);
        store_lane(sum, to + channels + c, left);
    }
}

/* Adds the spans up in order. Item: channel. */
kernel void gradient_sums(global const float *partial, global float *dgamma, global float *dbeta,
                          int channels, int spans)
{
    const int c = get_global_id(0);
    if (c >= channels)
        return;
    float product = 0.0f, sum = 0.0f;
    for (int i = 0; i < spans; i++) {
        product += partial[(size_t)i * 2 * channels + c];
        sum += partial[((size_t)i * 2 + 1) * channels + c];
    }
    dgamma[c] = product;
    dbeta[c] = sum;
}
