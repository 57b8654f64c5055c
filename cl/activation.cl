/* Element-wise activations over rows of channels; see activate.h. Layout of ranges: lanes.h. */
#include "activate.h"

kernel void activation_forward(global const float *x, global float *y, int pixels, int channels,
                               int span)
{
    FOR_PIXELS(p, pixels, span)
        FOR_LANES(c, channels) {
            const size_t at = (size_t)p * channels + c;
            store_lane(activate(load_lane(x + at, channels - c)), y + at, channels - c);
        }
}

/* dx = g * slope(y), added to dx if accumulate. dx may be g itself. */
kernel void activation_backward(global const float *y, global const float *g, global float *dx,
                                int pixels, int channels, int span, int accumulate)
{
    FOR_PIXELS(p, pixels, span)
        FOR_LANES(c, channels) {
            const size_t at = (size_t)p * channels + c;
            const int left = channels - c;
            lane value = load_lane(g + at, left) * activation_slope(load_lane(y + at, left));
            if (accumulate)
                value += load_lane(dx + at, left);
            store_lane(value, dx + at, left);
        }
}
