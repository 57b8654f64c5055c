/* y[p, c] = bias[c], what a dense layer adds its product to. Layout of ranges: lanes.h. */
#include "lanes.h"

kernel void bias_rows(global const float *bias, global float *y, int pixels, int channels, int span)
{
    FOR_PIXELS(p, pixels, span)
        FOR_LANES(c, channels)
            store_lane(load_lane(bias + c, channels - c), y + (size_t)p * channels + c,
                       channels - c);
}
