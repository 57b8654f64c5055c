/*
 * A lane: the channels that one work-item handles at a time. 16 in a vector on CPU devices; one on
 * GPUs, where neighbouring items take neighbouring channels. The last lane of a row may be partial.
 *
 *     FOR_PIXELS(p, pixels, span)
 *         FOR_LANES(c, channels)
 *             store_lane(load_lane(x + p * channels + c, channels - c) + 1, y + ..., channels - c);
 *
 * Dimension 1 of the range walks pixels (span each), dimension 0 lanes: src/compute/ranges.h makes
 * it.
 */
#ifndef LANES_H
#define LANES_H

#ifdef VECTOR_DEVICE
#define LANE 16
typedef float16 lane;
typedef int16 lane_mask;

lane load_lane(global const float *from, int left)
{
    if (left >= LANE)
        return vload16(0, from);
    float part[LANE];
    for (int i = 0; i < LANE; i++)
        part[i] = i < left ? from[i] : 0.0f;
    return vload16(0, part);
}

void store_lane(lane value, global float *to, int left)
{
    if (left >= LANE) {
        vstore16(value, 0, to);
        return;
    }
    float part[LANE];
    vstore16(value, 0, part);
    for (int i = 0; i < left; i++)
        to[i] = part[i];
}
#else
#define LANE 1
typedef float lane;
typedef int lane_mask;

lane load_lane(global const float *from, int left)
{
    return *from;
}

void store_lane(lane value, global float *to, int left)
{
    *to = value;
}
#endif

#define FOR_PIXELS(p, pixels, span)                                                                \
    for (int p = get_global_id(1) * (span), last_##p = min((pixels), p + (span)); p < last_##p; p++)
#define FOR_LANES(c, channels)                                                                     \
    for (int c = get_global_id(0) * LANE; c < (channels); c += get_global_size(0) * LANE)

#endif
