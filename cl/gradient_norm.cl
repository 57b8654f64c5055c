/*
 * The norm over all gradients at once, in two passes; what it is for: clipping, and noticing a
 * gradient that is not finite before the optimizer spreads it. Layout of ranges: lanes.h.
 */
#include "rows.h"

/* partial[span] = sum of squares. One item (vector) or one group of ROW_GROUP items a span. */
kernel void squares_of_spans(global const float *gradients, global float *partial, int pixels,
                             int channels, int span)
{
    local float meeting[ROW_GROUP];
    lane sum = 0.0f;
    FOR_PIXELS(p, pixels, span)
        FOR_LANES(c, channels) {
            const lane g = load_lane(gradients + (size_t)p * channels + c, channels - c);
            sum += g * g;
        }
    const float total = row_sum(sum, meeting);
    if (get_local_id(0) == 0)
        partial[get_global_id(1)] = total;
}

/* scale[0]: what brings the norm down to limit; 1 if it is below, or limit is 0. status: see
 * adam.cl. One item. */
kernel void scale_to_limit(global const float *partial, int spans, float limit, global float *scale,
                           global int *status, int step)
{
    float sum = 0.0f;
    for (int i = 0; i < spans; i++)
        sum += partial[i];
    const float norm = sqrt(sum);
    scale[0] = limit > 0.0f && norm > limit ? limit / norm : 1.0f;
    if (!isfinite(norm) && !status[0])
        status[0] = step;
}
