/* y (images, channels) = sums over the pixels of each image of x (images, pixels, channels), in
 * order. Also the second pass of sums that were taken span by span. */
#include "lanes.h"

/* Item: image * channels + channel. Added to y if accumulate. */
kernel void sum_pixels_forward(global const float *x, global float *y, int images, int pixels,
                               int channels, int accumulate)
{
    const int image = get_global_id(0) / channels, c = get_global_id(0) % channels;
    if (image >= images)
        return;
    float sum = accumulate ? y[get_global_id(0)] : 0.0f;
    for (int p = 0; p < pixels; p++)
        sum += x[((size_t)image * pixels + p) * channels + c];
    y[get_global_id(0)] = sum;
}

/* dx = g of its image and channel. Pixels are counted over all images. Ranges: lanes.h. */
kernel void sum_pixels_backward(global const float *g, global float *dx, int pixels,
                                int pixels_per_image, int channels, int span, int accumulate)
{
    FOR_PIXELS(p, pixels, span)
        FOR_LANES(c, channels) {
            const int left = channels - c;
            const size_t at = (size_t)p * channels + c;
            lane value = load_lane(g + (size_t)(p / pixels_per_image) * channels + c, left);
            if (accumulate)
                value += load_lane(dx + at, left);
            store_lane(value, dx + at, left);
        }
}
