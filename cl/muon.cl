/*
 * Muon (src/train/muon.h) without its matrix products. All matrices lie behind one another in rows of
 * MUON_ROW values. Layout of ranges: lanes.h.
 */
#include "muon_place.h"
#include "rows.h"

#define MOMENTUM 0.95f

/* moments = MOMENTUM * moments + (1 - MOMENTUM) * gradients, and the same once more for x (Nesterov). */
kernel void muon_start(global const float *gradients, global float *moments, global float *x,
                       global const int *status, global const float *scale, ulong offset,
                       int pixels, int channels, int span)
{
    if (status[0])
        return;
    FOR_PIXELS(p, pixels, span)
        FOR_LANES(c, channels) {
            const size_t i = (size_t)p * channels + c;
            const int left = channels - c;
            const lane g = load_lane(gradients + offset + i, left) * scale[0];
            lane m = load_lane(moments + offset + i, left);
            m += (g - m) * (1 - MOMENTUM);
            store_lane(m, moments + offset + i, left);
            store_lane(m + (g - m) * (1 - MOMENTUM), x + i, left);
        }
}

/* scales[i] = 1 / the Frobenius norm of matrix i. A group (vector: an item) for each. */
kernel void muon_norms(global const float *x, constant muon_place *places, global float *scales)
{
    local float meeting[ROW_GROUP];
    const int i = get_global_id(1);
    lane sum = 0.0f;
    for (int p = places[i].first; p < places[i].first + places[i].rows; p++)
        FOR_LANES(c, MUON_ROW) {
            const lane value = load_lane(x + (size_t)p * MUON_ROW + c, MUON_ROW - c);
            sum += value * value;
        }
    const float total = row_sum(sum, meeting);
    if (get_local_id(0) == 0)
        scales[i] = 1.0f / (sqrt(total) + 1e-7f);
}

/* Matrix i times scales[i]. */
kernel void muon_scale(global float *x, constant muon_place *places, global const float *scales)
{
    const int i = get_global_id(1);
    for (int p = places[i].first; p < places[i].first + places[i].rows; p++)
        FOR_LANES(c, MUON_ROW) {
            global float *at = x + (size_t)p * MUON_ROW + c;
            store_lane(load_lane(at, MUON_ROW - c) * scales[i], at, MUON_ROW - c);
        }
}

/* values -= rate * length * x */
kernel void muon_update(global float *values, global const float *x, constant muon_place *places,
                        global const int *status, float rate, ulong offset)
{
    const int i = get_global_id(1);
    if (status[0])
        return;
    const float step = rate * places[i].length;
    for (int p = places[i].first; p < places[i].first + places[i].rows; p++)
        FOR_LANES(c, MUON_ROW) {
            const size_t at = (size_t)p * MUON_ROW + c;
            const lane value = load_lane(values + offset + at, MUON_ROW - c);
            store_lane(value - step * load_lane(x + at, MUON_ROW - c), values + offset + at,
                       MUON_ROW - c);
        }
}
