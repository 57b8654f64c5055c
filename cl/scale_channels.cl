/*
 * y = x * factor, one factor per image and channel. x, y, g, dx: (images, pixels, channels), factor
 * (images, channels). Pixels are counted over all images. Layout of ranges: lanes.h.
 */
#include "lanes.h"

kernel void scale_channels_forward(global const float *x, global const float *factor,
                                   global float *y, int pixels, int pixels_per_image, int channels,
                                   int span)
{
    FOR_PIXELS(p, pixels, span)
        FOR_LANES(c, channels) {
            const int left = channels - c;
            const size_t at = (size_t)p * channels + c;
            const lane by = load_lane(factor + (size_t)(p / pixels_per_image) * channels + c, left);
            store_lane(load_lane(x + at, left) * by, y + at, left);
        }
}

/*
 * dx = g * factor, and partial (spans, channels) = sums over a span of g * x, in one reading of g.
 * No span crosses from image to image. dx: 0 if unwanted (then any buffer), 1 to overwrite, 2 to
 * add to.
 */
kernel void scale_channels_backward(global const float *x, global const float *factor,
                                    global const float *g, global float *dx, global float *partial,
                                    int pixels, int pixels_per_image, int channels, int span,
                                    int write_dx)
{
    const int first = get_global_id(1) * span, last = min(pixels, first + span);
    if (first >= last)
        return;
    global const float *factors = factor + (size_t)(first / pixels_per_image) * channels;
    FOR_LANES(c, channels) {
        const int left = channels - c;
        const lane by = load_lane(factors + c, left);
        lane sum = 0.0f;
        for (int p = first; p < last; p++) {
            const size_t at = (size_t)p * channels + c;
            const lane value = load_lane(g + at, left);
            sum += value * load_lane(x + at, left);
            if (write_dx == 1)
                store_lane(value * by, dx + at, left);
            else if (write_dx == 2)
                store_lane(value * by + load_lane(dx + at, left), dx + at, left);
        }
        store_lane(sum, partial + (size_t)get_global_id(1) * channels + c, left);
    }
}
