/* Softmax over the last axis of (rows, width), in place, and its backward. Item: a row. */
#include "lanes.h"

#if LANE == 1
float highest(lane v)
{
    return v;
}
float total(lane v)
{
    return v;
}
#else
float highest(lane v)
{
    const float8 a = max(v.lo, v.hi);
    const float4 b = max(a.lo, a.hi);
    const float2 c = max(b.lo, b.hi);
    return max(c.lo, c.hi);
}
float total(lane v)
{
    const float8 a = v.lo + v.hi;
    const float4 b = a.lo + a.hi;
    const float2 c = b.lo + b.hi;
    return c.lo + c.hi;
}
#endif

/* What stands beyond the row in its last lane becomes `fill`. */
lane load_filled(global const float *from, int left, float fill)
{
#if LANE == 1
    return *from;
#else
    if (left >= LANE)
        return vload16(0, from);
    float part[LANE];
    for (int i = 0; i < LANE; i++)
        part[i] = i < left ? from[i] : fill;
    return vload16(0, part);
#endif
}

kernel void softmax(global float *x, int rows, int width)
{
    const int row = get_global_id(0);
    if (row >= rows)
        return;
    global float *at = x + (size_t)row * width;
    lane most = -INFINITY, sum = 0.0f;
    for (int i = 0; i < width; i += LANE)
        most = fmax(most, load_filled(at + i, width - i, -INFINITY));
    const float top = highest(most);
    for (int i = 0; i < width; i += LANE) {
        const lane e = exp(load_filled(at + i, width - i, -INFINITY) - top);
        sum += e;
        store_lane(e, at + i, width - i);
    }
    const float part = 1.0f / total(sum);
    for (int i = 0; i < width; i += LANE)
        store_lane(load_lane(at + i, width - i) * part, at + i, width - i);
}

/* g, the gradient of y, becomes that of x: y * (g - sum of g * y). */
kernel void softmax_backward(global const float *y, global float *g, int rows, int width)
{
    const int row = get_global_id(0);
    if (row >= rows)
        return;
    global const float *value = y + (size_t)row * width;
    global float *at = g + (size_t)row * width;
    lane sum = 0.0f;
    for (int i = 0; i < width; i += LANE)
        sum += load_lane(value + i, width - i) * load_lane(at + i, width - i);
    const float around = total(sum);
    for (int i = 0; i < width; i += LANE)
        store_lane(load_lane(value + i, width - i) * (load_lane(at + i, width - i) - around), at + i,
                   width - i);
}
