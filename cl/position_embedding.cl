/*
 * y = x + table, the same table for every image. x, y, g, dx: (images, tokens, channels), seen as
 * rows of pixels; table (tokens, channels). Layout of ranges: lanes.h.
 */
#include "lanes.h"

/* y may be x. */
kernel void add_positions(global const float *x, global const float *table, global float *y,
                          int pixels, int tokens, int channels, int span)
{
    FOR_PIXELS(p, pixels, span)
        FOR_LANES(c, channels) {
            const int left = channels - c;
            const size_t at = (size_t)p * channels + c;
            const lane position = load_lane(table + (size_t)(p % tokens) * channels + c, left);
            store_lane(load_lane(x + at, left) + position, y + at, left);
        }
}

/* dtable = the sum over images of g; values = tokens * channels, this kernel's channels. */
kernel void position_gradient(global const float *g, global float *dtable, int images, int values)
{
    FOR_LANES(c, values) {
        lane sum = 0.0f;
        for (int n = 0; n < images; n++)
            sum += load_lane(g + (size_t)n * values + c, values - c);
        store_lane(sum, dtable + c, values - c);
    }
}
