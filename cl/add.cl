/* y = a + b; y may be a. All (pixels, channels). Layout of ranges: lanes.h. */
#include "lanes.h"

kernel void add_forward(global const float *a, global const float *b, global float *y, int pixels,
                        int channels, int span)
{
    FOR_PIXELS(p, pixels, span)
        FOR_LANES(c, channels) {
            const int left = channels - c;
            const size_t at = (size_t)p * channels + c;
            store_lane(load_lane(a + at, left) + load_lane(b + at, left), y + at, left);
        }
}

#ifndef INFERENCE

/* dx = g for either input, added to dx if accumulate. */
kernel void add_backward(global const float *g, global float *dx, int pixels, int channels,
                         int span, int accumulate)
{
    FOR_PIXELS(p, pixels, span)
        FOR_LANES(c, channels) {
            const int left = channels - c;
            const size_t at = (size_t)p * channels + c;
            lane value = load_lane(g + at, left);
            if (accumulate)
                value += load_lane(dx + at, left);
            store_lane(value, dx + at, left);
        }
}

#endif
