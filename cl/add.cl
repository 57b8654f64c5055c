/* y = a + b over `count` elements; y may be a. */
#include "flat.h"

kernel void add_forward(global const float *a, global const float *b, global float *y, int count,
                        int span)
{
    FOR_FLAT(i, count, span)
    {
        const int left = last_i - i;
        store_lane(load_lane(a + i, left) + load_lane(b + i, left), y + i, left);
    }
}

/* dx = g for either input, added to dx if accumulate. */
kernel void add_backward(global const float *g, global float *dx, int count, int span, int accumulate)
{
    FOR_FLAT(i, count, span)
    {
        const int left = last_i - i;
        lane value = load_lane(g + i, left);
        if (accumulate)
            value += load_lane(dx + i, left);
        store_lane(value, dx + i, left);
    }
}
