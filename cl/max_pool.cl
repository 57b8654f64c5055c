/*
 * Keras MaxPooling2D, 2 x 2 windows, stride 2, 'valid': x (N, h, w, channels) to
 * y (N, h/2, w/2, channels); an odd last row or column is left out. Pixels are those of y.
 * places (as y, bytes): which of the window's four values was the maximum, the first in row order.
 */
#include "lanes.h"
#include "view.h"

size_t window(int p, int h, int w, int channels)
{
    const int ow = w / 2, oh = h / 2;
    return (((size_t)(p / (ow * oh)) * h + p / ow % oh * 2) * w + p % ow * 2) * channels;
}

#if LANE == 1
lane_mask load_places(global const uchar *from, int left)
{
    return *from;
}

void store_places(lane_mask places, global uchar *to, int left)
{
    *to = places;
}
#else
lane_mask load_places(global const uchar *from, int left)
{
    if (left >= LANE)
        return convert_int16(vload16(0, from));
    int part[LANE];
    for (int i = 0; i < LANE; i++)
        part[i] = i < left ? from[i] : 0;
    return vload16(0, part);
}

void store_places(lane_mask places, global uchar *to, int left)
{
    uchar part[LANE];
    vstore16(convert_uchar16(places), 0, part);
    for (int i = 0; i < min(left, LANE); i++)
        to[i] = part[i];
}
#endif

/* A value of x, finished if it is pending (view.h). */
lane load_finished(part x, size_t at, int c)
{
    const int left = x.channels - c;
    const lane value = load_lane(x.data + at + c, left);
    if (!IS_PENDING(x))
        return value;
    const lane y = fma(value, load_lane(SCALE_OF(x, c), left), load_lane(SHIFT_OF(x, c), left));
    return select(y, fma(y, (lane)(x.slope), (lane)(0.0f)), (lane_mask)(y < 0.0f));
}

kernel void max_pool_forward(global const float *x, global const float *moments, int channels,
                             float slope, global float *y, global uchar *places, int pixels, int h,
                             int w, int span)
{
    const part from_x = {x, moments, channels, slope};
    FOR_PIXELS(p, pixels, span)
    {
        const size_t from = window(p, h, w, channels);
        FOR_LANES(c, channels)
        {
            const int left = channels - c;
            const size_t at = (size_t)p * channels + c;
            lane best = load_finished(from_x, from, c);
            lane_mask place = 0;
            for (int i = 1; i < 4; i++) {
                const size_t next = from + ((size_t)(i / 2) * w + i % 2) * channels;
                const lane value = load_finished(from_x, next, c);
                const lane_mask better = value > best || value != value; /* NaN stays visible */
                best = select(best, value, better);
                place = select(place, (lane_mask)(i), better);
            }
            store_lane(best, y + at, left);
            store_places(place, places + at, left);
        }
    }
}

/* Each of the window's four gets g or nothing. Without accumulate the caller has zeroed what odd
 * sizes leave out. */
kernel void max_pool_backward(global const uchar *places, global const float *g, global float *dx,
                              int pixels, int channels, int h, int w, int span, int accumulate)
{
    FOR_PIXELS(p, pixels, span)
    {
        const size_t to = window(p, h, w, channels);
        FOR_LANES(c, channels)
        {
            const int left = channels - c;
            const size_t at = (size_t)p * channels + c;
            const lane value = load_lane(g + at, left);
            const lane_mask place = load_places(places + at, left);
            for (int i = 0; i < 4; i++) {
                global float *corner = dx + to + ((size_t)(i / 2) * w + i % 2) * channels + c;
                lane part = select((lane)(0.0f), value, (lane_mask)(place == i));
                if (accumulate)
                    part += load_lane(corner, left);
                store_lane(part, corner, left);
            }
        }
    }
}
