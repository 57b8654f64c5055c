/*
 * y (pixels, channels) = a * sigmoid(b), where x (pixels, 2 * channels) has a in its first channels and b
 * behind them. Layout of ranges: lanes.h.
 */
#include "lanes.h"

lane sigmoid(lane b)
{
    return 1.0f / (1.0f + exp(-b));
}

kernel void gate_forward(global const float *x, global float *y, int pixels, int channels, int span)
{
    FOR_PIXELS(p, pixels, span)
        FOR_LANES(c, channels) {
            const int left = channels - c;
            global const float *a = x + (size_t)p * 2 * channels + c;
            store_lane(load_lane(a, left) * sigmoid(load_lane(a + channels, left)),
                       y + (size_t)p * channels + c, left);
        }
}

#ifndef INFERENCE

/* dx = g * dy/dx, or added to dx if accumulate. */
kernel void gate_backward(global const float *x, global const float *g, global float *dx,
                          int pixels, int channels, int span, int accumulate)
{
    FOR_PIXELS(p, pixels, span)
        FOR_LANES(c, channels) {
            const int left = channels - c;
            const size_t at = (size_t)p * 2 * channels + c;
            const lane s = sigmoid(load_lane(x + at + channels, left));
            lane da = load_lane(g + (size_t)p * channels + c, left) * s;
            lane db = da * load_lane(x + at, left) * (1.0f - s);
            if (accumulate) {
                da += load_lane(dx + at, left);
                db += load_lane(dx + at + channels, left);
            }
            store_lane(da, dx + at, left);
            store_lane(db, dx + at + channels, left);
        }
}

#endif
