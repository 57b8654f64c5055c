/*
 * Mean and maximum over the pixels of each image: x (images, pixels, channels) to
 * y (images, 2, channels). An image is `parts` spans; pixels are counted over all images. Layout of
 * ranges: lanes.h.
 */
#include "int_lanes.h"

/* sums, places (images, parts, channels): the span's sum, and the pixel of its first maximum. */
kernel void pool_spans(global const float *x, global float *sums, global int *places, int pixels,
                       int channels, int span)
{
    const int first = get_global_id(1) * span, last = min(pixels, first + span);
    if (first >= last)
        return;
    FOR_LANES(c, channels) {
        const int left = channels - c;
        const size_t at = (size_t)get_global_id(1) * channels + c;
        lane best = load_lane(x + (size_t)first * channels + c, left), sum = best;
        lane_mask place = first;
        for (int p = first + 1; p < last; p++) {
            const lane value = load_lane(x + (size_t)p * channels + c, left);
            const lane_mask better = value > best || value != value; /* NaN stays visible */
            best = select(best, value, better);
            place = select(place, (lane_mask)(p), better);
            sum += value;
        }
        store_lane(sum, sums + at, left);
        store_ints(place, places + at, left);
    }
}

/* Of the places, that of the image's first maximum stays; the others become -1.
 * Item: image * channels + channel. */
kernel void pool_images(global const float *x, global const float *sums, global int *places,
                        global float *y, int images, int parts, int pixels_per_image, int channels)
{
    const int image = get_global_id(0) / channels, c = get_global_id(0) % channels;
    if (image >= images)
        return;
    const size_t first = (size_t)image * parts * channels + c;
    float sum = 0.0f, best = -INFINITY;
    int best_part = 0;
    for (int i = 0; i < parts; i++) {
        const float value = x[(size_t)places[first + (size_t)i * channels] * channels + c];
        sum += sums[first + (size_t)i * channels];
        if (value > best || value != value) {
            best = value;
            best_part = i;
        }
    }
    for (int i = 0; i < parts; i++)
        if (i != best_part)
            places[first + (size_t)i * channels] = -1;
    y[((size_t)image * 2) * channels + c] = sum / pixels_per_image;
    y[((size_t)image * 2 + 1) * channels + c] = best;
}

/* g as y. Spans here are the same as in the forward. */
kernel void pool_backward(global const int *places, global const float *g, global float *dx,
                          int pixels, int channels, int span, int pixels_per_image, int accumulate)
{
    global const float *mean_gradient =
        g + (size_t)(get_global_id(1) * span / pixels_per_image) * 2 * channels;
    global const int *span_places = places + (size_t)get_global_id(1) * channels;
    const float share = 1.0f / pixels_per_image;
    FOR_PIXELS(p, pixels, span)
        FOR_LANES(c, channels) {
            const int left = channels - c;
            const size_t at = (size_t)p * channels + c;
            const lane_mask is_maximum = load_ints(span_places + c, left) == p;
            const lane largest = load_lane(mean_gradient + channels + c, left);
            lane value = share * load_lane(mean_gradient + c, left) +
                         select((lane)(0.0f), largest, is_maximum);
            if (accumulate)
                value += load_lane(dx + at, left);
            store_lane(value, dx + at, left);
        }
}
