/* sums[c] = sum over pixels of x (pixels, channels): span by span, then the spans in order. */
#include "lanes.h"

kernel void channel_sums_of_spans(global const float *x, global float *partial, int pixels,
                                  int channels, int span)
{
    const int first = get_global_id(1) * span, last = min(pixels, first + span);
    if (first >= last)
        return;
    FOR_LANES(c, channels) {
        lane sum = 0.0f;
        for (int p = first; p < last; p++)
            sum += load_lane(x + (size_t)p * channels + c, channels - c);
        store_lane(sum, partial + (size_t)get_global_id(1) * channels + c, channels - c);
    }
}

kernel void channel_sums(global const float *partial, global float *sums, int channels, int spans)
{
    const int c = get_global_id(0);
    if (c >= channels)
        return;
    float sum = 0.0f;
    for (int i = 0; i < spans; i++)
        sum += partial[(size_t)i * channels + c];
    sums[c] = sum;
}
