/* Keras Concatenate on channels. Copies one part: rows of `channels` values at `from_offset` of
 * rows of from_channels to `to_offset` of rows of to_channels. Layout of ranges: lanes.h. */
#include "lanes.h"

kernel void copy_channels(global const float *from, int from_channels, int from_offset,
                          global float *to, int to_channels, int to_offset, int channels,
                          int pixels, int span, int accumulate)
{
    if (channels <
        LANE) { /* on a CPU: of the few values of a head, the most of a lane would be empty */
        FOR_PIXELS(p, pixels, span)
            for (int c = 0; c < channels; c++) {
                global float *target = to + (size_t)p * to_channels + to_offset + c;
                const float value = from[(size_t)p * from_channels + from_offset + c];
                *target = accumulate ? *target + value : value;
            }
        return;
    }
    FOR_PIXELS(p, pixels, span)
        FOR_LANES(c, channels) {
            global float *target = to + (size_t)p * to_channels + to_offset + c;
            lane value =
                load_lane(from + (size_t)p * from_channels + from_offset + c, channels - c);
            if (accumulate)
                value += load_lane(target, channels - c);
            store_lane(value, target, channels - c);
        }
}
