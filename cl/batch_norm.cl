/*
 * Batch normalisation over the pixels of each channel, with an activation behind it, as Keras'
 * BatchNormalization followed by Activation: y = act(gamma * (x - mean) / sqrt(variance + epsilon)
 * + beta), variance biased. x, y, g, dx: (pixels, channels). Layout of ranges: lanes.h.
 *
 * Sums over pixels take two passes: an item sums its span into partial, then one item a channel
 * adds the spans up in order.
 */
#include "activate.h"
#include "fetch.h"
#include "normalise.h"

#define PIXELS_AHEAD 32 /* that are fetched ahead */

#ifndef INFERENCE

/* partial (spans, 2, channels): mean of the span, and sum of squares around it. */
kernel void moments_of_spans(global const float *x, global float *partial, int pixels, int channels,
                             int span)
{
    const int first = get_global_id(1) * span, last = min(pixels, first + span);
    global float *to = partial + (size_t)get_global_id(1) * 2 * channels;
    if (first >= last)
        return;
    FOR_LANES(c, channels) {
        const int left = channels - c;
        lane sum = 0.0f, squares = 0.0f;
        for (int p = first; p < last; p++)
            sum += load_lane(x + (size_t)p * channels + c, left);
        const lane mean = sum / (float)(last - first);
        for (int p = first; p < last; p++) { /* the span is near by now, the next one not yet */
            if (p + span < pixels)
                fetch(x + (size_t)(p + span) * channels + c, 16);
            const lane d = load_lane(x + (size_t)p * channels + c, left) - mean;
            squares += d * d;
        }
        store_lane(mean, to + c, left);
        store_lane(squares, to + channels + c, left);
    }
}

#endif

void scale_and_shift(global float *moments, global const float *gamma, global const float *beta,
                     int c, int channels, float mean, float variance, float epsilon)
{
    const float inverse = 1.0f / sqrt(variance + epsilon);
    moments[MOMENT_MEAN * channels + c] = mean;
    moments[MOMENT_INVERSE * channels + c] = inverse;
    moments[MOMENT_SCALE * channels + c] = gamma[c] * inverse;
    moments[MOMENT_SHIFT * channels + c] = beta[c] - gamma[c] * inverse * mean;
}

#ifndef INFERENCE

/* Merges the spans (Chan, Golub and LeVeque 1979), moves the moving statistics. Item: channel. */
kernel void moments_of_batch(global const float *partial, global const float *gamma,
                             global const float *beta, global float *moving_mean,
                             global float *moving_variance, global float *moments, int pixels,
                             int channels, int span, float momentum, float epsilon)
{
    const int c = get_global_id(0);
    if (c >= channels)
        return;
    float mean = 0.0f, squares = 0.0f;
    for (int first = 0, i = 0; first < pixels; first += span, i++) {
        const float count = min(span, pixels - first), total = first + count;
        const float d = partial[(size_t)i * 2 * channels + c] - mean;
        mean += d * (count / total);
        squares += partial[((size_t)i * 2 + 1) * channels + c] + d * d * (first * (count / total));
    }
    const float variance = squares / pixels;
    moving_mean[c] = momentum * moving_mean[c] + (1.0f - momentum) * mean;
    moving_variance[c] = momentum * moving_variance[c] + (1.0f - momentum) * variance;
    scale_and_shift(moments, gamma, beta, c, channels, mean, variance, epsilon);
}

#endif

kernel void moments_of_moving(global const float *gamma, global const float *beta,
                              global const float *moving_mean, global const float *moving_variance,
                              global float *moments, int channels, float epsilon)
{
    const int c = get_global_id(0);
    if (c >= channels)
        return;
    scale_and_shift(moments, gamma, beta, c, channels, moving_mean[c], moving_variance[c], epsilon);
}

kernel void normalise(global const float *x, global const float *moments, global float *y,
                      int pixels, int channels, int span)
{
    FOR_LANES(c, channels) {
        const int left = channels - c;
        const channel k = load_channel(moments, c, channels);
        FOR_PIXELS(p, pixels, span) {
            const size_t at = (size_t)p * channels + c;
            store_lane(activate(fma(load_lane(x + at, left), k.scale, k.shift)), y + at, left);
        }
    }
}

/* The gradient before the activation. Its output is computed again from x rather than kept. */
lane gradient_inside(lane x, lane g, channel k)
{
    return g * activation_slope(activate(fma(x, k.scale, k.shift)));
}

#ifndef INFERENCE

/* partial (spans, 2, channels): sums of the gradient and of gradient * normalised x. */
kernel void gradient_sums_of_spans(global const float *x, global const float *g,
                                   global const float *moments, global float *partial, int pixels,
                                   int channels, int span)
{
    const int first = get_global_id(1) * span;
    global float *to = partial + (size_t)get_global_id(1) * 2 * channels;
    if (first >= pixels)
        return;
    FOR_LANES(c, channels) {
        const int left = channels - c;
        const channel k = load_channel(moments, c, channels);
        lane sum = 0.0f, product = 0.0f;
        FOR_PIXELS(p, pixels, span) {
            const size_t at = (size_t)p * channels + c;
            fetch(x + at + PIXELS_AHEAD * channels, 16);
            fetch(g + at + PIXELS_AHEAD * channels, 16);
            const lane value = load_lane(x + at, left);
            const lane inside = gradient_inside(value, load_lane(g + at, left), k);
            sum += inside;
            product += inside * normalised(value, k);
        }
        store_lane(sum, to + c, left);
        store_lane(product, to + channels + c, left);
    }
}

/* Item: channel. */
kernel void gradient_sums(global const float *partial, global float *dgamma, global float *dbeta,
                          int pixels, int channels, int span)
{
    const int c = get_global_id(0);
    if (c >= channels)
        return;
    float sum = 0.0f, product = 0.0f;
    for (int first = 0, i = 0; first < pixels; first += span, i++) {
        sum += partial[(size_t)i * 2 * channels + c];
        product += partial[((size_t)i * 2 + 1) * channels + c];
    }
    dbeta[c] = sum;
    dgamma[c] = product;
}

/* The input's gradient, dx; it may be g itself. */
kernel void normalise_backward(global const float *x, global const float *g,
                               global const float *moments, global const float *dgamma,
                               global const float *dbeta, global float *dx, int pixels,
                               int channels, int span, int accumulate)
{
    const float part = 1.0f / pixels;
    FOR_LANES(c, channels) {
        const int left = channels - c;
        const channel k = load_channel(moments, c, channels);
        const lane sum = load_lane(dbeta + c, left), product = load_lane(dgamma + c, left);
        FOR_PIXELS(p, pixels, span) {
            const size_t at = (size_t)p * channels + c;
            const lane value = load_lane(x + at, left);
            const lane inside = gradient_inside(value, load_lane(g + at, left), k);
            lane result = normalise_gradient(inside, value, k, sum, product, part);
            if (accumulate)
                result += load_lane(dx + at, left);
            store_lane(result, dx + at, left);
        }
    }
}

/* The same where the moments are constants: of a norm that is frozen. */
kernel void normalise_backward_frozen(global const float *x, global const float *g,
                                      global const float *moments, global float *dx, int pixels,
                                      int channels, int span, int accumulate)
{
    FOR_LANES(c, channels) {
        const int left = channels - c;
        const channel k = load_channel(moments, c, channels);
        FOR_PIXELS(p, pixels, span) {
            const size_t at = (size_t)p * channels + c;
            lane result =
                k.scale * gradient_inside(load_lane(x + at, left), load_lane(g + at, left), k);
            if (accumulate)
                result += load_lane(dx + at, left);
            store_lane(result, dx + at, left);
        }
    }
}

#endif
