/*
 * Keras MaxPooling2D, 2 x 2 windows, stride 2, 'valid': x (N, h, w, channels) to
 * y (N, h/2, w/2, channels); an odd last row or column is left out. Pixels are those of y.
 * places (as y, bytes): which of the window's four values was the maximum, the first in row order.
 */
#include "fetch.h"
#include "lanes.h"
#include "view.h"

/* The window of an output pixel: its first pixel of x, and its place in the row of windows. */
typedef struct window {
    int from, column;
} window;

window window_at(int p, int h, int w)
{
    const int ow = w / 2, oh = h / 2;
    window at;
    at.column = p % ow;
    at.from = (p / (ow * oh) * h + p / ow % oh * 2) * w + at.column * 2;
    return at;
}

/* That of pixel p + 1, given that of p: divides only at the end of a row. */
window next_window(window at, int p, int h, int w)
{
    at.column++;
    at.from += 2;
    return at.column < w / 2 ? at : window_at(p + 1, h, w);
}

/* Fetches 16 channels of the window below. */
void fetch_window_below(global const float *data, int channels, window at, int w)
{
    for (int i = 0; i < 4; i++)
        fetch(data + ((size_t)at.from + (2 + i / 2) * w + i % 2) * channels, 16);
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
    if (left >= LANE) {
        vstore16(convert_uchar16(places), 0, to);
        return;
    }
    uchar part[LANE];
    vstore16(convert_uchar16(places), 0, part);
    for (int i = 0; i < left; i++)
        to[i] = part[i];
}
#endif

kernel void max_pool_forward(global const float *x, global const float *moments, int channels,
                             float slope, global float *y, global uchar *places, int pixels, int h,
                             int w, int span)
{
    const view_part from_x = {x, moments, channels, slope};
    FOR_LANES(c, channels) {
        const int left = channels - c;
        lane scale = 1.0f, shift = 0.0f;
        if (IS_DEFERRED(from_x)) {
            scale = load_lane(SCALE_OF(from_x, c), left);
            shift = load_lane(SHIFT_OF(from_x, c), left);
        }
        window at = window_at(get_global_id(1) * span, h, w);
        FOR_PIXELS(p, pixels, span) {
            fetch_window_below(x + c, channels, at, w);
            lane best = 0.0f;
            lane_mask place = 0;
#pragma unroll
            for (int i = 0; i < 4; i++) {
                const size_t next = (size_t)at.from + i / 2 * w + i % 2;
                lane value = load_lane(x + next * channels + c, left);
                if (IS_DEFERRED(from_x)) { /* view.h's finish() */
                    value = fma(value, scale, shift);
                    value = select(value, slope > 0.0f ? value * slope : (lane)(0.0f),
                                   (lane_mask)(value < 0.0f));
                }
                const lane_mask better = value > best || value != value; /* NaN stays visible */
                best = i ? select(best, value, better) : value;
                place = i ? select(place, (lane_mask)(i), better) : place;
            }
            store_lane(best, y + (size_t)p * channels + c, left);
            store_places(place, places + (size_t)p * channels + c, left);
            at = next_window(at, p, h, w);
        }
    }
}

#ifndef INFERENCE

/* Each of the window's four gets g or nothing. Without accumulate the caller has zeroed what odd
 * sizes leave out. */
kernel void max_pool_backward(global const uchar *places, global const float *g, global float *dx,
                              int pixels, int channels, int h, int w, int span, int accumulate)
{
    FOR_LANES(c, channels) {
        const int left = channels - c;
        window at = window_at(get_global_id(1) * span, h, w);
        FOR_PIXELS(p, pixels, span) {
            fetch_window_below(dx + c, channels, at, w);
            const lane value = load_lane(g + (size_t)p * channels + c, left);
            const lane_mask place = load_places(places + (size_t)p * channels + c, left);
#pragma unroll
            for (int i = 0; i < 4; i++) {
                global float *corner = dx + ((size_t)at.from + i / 2 * w + i % 2) * channels + c;
                lane part = select((lane)(0.0f), value, (lane_mask)(place == i));
                if (accumulate)
                    part += load_lane(corner, left);
                store_lane(part, corner, left);
            }
            at = next_window(at, p, h, w);
        }
    }
}

#endif
