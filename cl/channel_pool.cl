/*
 * Mean and maximum over the channels of each pixel: x (pixels, channels) to y (pixels, 2).
 * places (pixels): the lowest channel that holds the maximum.
 */
#include "rows.h"

kernel void channel_pool_forward(global const float *x, global float *y, global int *places,
                                 int pixels, int channels, int span)
{
    local float meeting[ROW_GROUP];
    local int place_meeting[ROW_GROUP];
    FOR_PIXELS(p, pixels, span) {
        lane sum = 0.0f, best = -INFINITY;
        lane_mask place = 0;
        FOR_LANES(c, channels) {
            const int left = channels - c;
            const lane value = load_lane(x + (size_t)p * channels + c, left);
            const lane seen = or_other(value, left, -INFINITY);
            const lane_mask better = seen > best || seen != seen; /* NaN stays visible */
            best = select(best, seen, better);
            place = select(place, c + LANE_OFFSETS, better);
            sum += value;
        }
        const float mean = row_sum(sum, meeting) / channels;
        const float largest = row_largest(best, meeting);
        const lane_mask candidates =
            select((lane_mask)(INT_MAX), place, (lane_mask)(best == largest));
        const int lowest = row_smallest_int(candidates, place_meeting);
        if (get_local_id(0) == 0) {
            vstore2((float2)(mean, largest), p, y);
            places[p] = lowest;
        }
    }
}

/* g as y. Layout of ranges: lanes.h. */
kernel void channel_pool_backward(global const int *places, global const float *g, global float *dx,
                                  int pixels, int channels, int span, int accumulate)
{
    FOR_PIXELS(p, pixels, span) {
        const float mean = g[2 * p] / channels, largest = g[2 * p + 1];
        FOR_LANES(c, channels) {
            const int left = channels - c;
            const size_t at = (size_t)p * channels + c;
            const lane_mask is_maximum = c + LANE_OFFSETS == places[p];
            lane value = mean + select((lane)(0.0f), (lane)(largest), is_maximum);
            if (accumulate)
                value += load_lane(dx + at, left);
            store_lane(value, dx + at, left);
        }
    }
}
