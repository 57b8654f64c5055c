/*
 * What a convolution reads: one tensor, or two side by side on channels, so that nobody has to copy
 * them together; each as it lies in memory, or as a batch norm has left it for its readers to
 * finish: act(x * scale + shift), with act(x) = x < 0 ? slope * x : x. (src/layers/views.h)
 *
 * Two tensors, and anything left to do, come with channels in multiples of CHANNELS_UNIT.
 */
#ifndef VIEW_H
#define VIEW_H

#include "constants.h"
#include "view_layout.h"

/* As src/layers/views.h passes them: x_a, x_b (N, h, w, channels), moments (MOMENT_ROWS, channels).
 * */
#define VIEW_ARGS(x)                                                                               \
    global const float *x##_a, global const float *x##_a_moments, global const float *x##_b,       \
        global const float *x##_b_moments, view_layout x##_layout
#define VIEW(x)                                                                                    \
    {                                                                                              \
        {x##_a, x##_a_moments, x##_layout.a_channels, x##_layout.a_slope},                         \
        {                                                                                          \
            x##_b, x##_b_moments, x##_layout.b_channels, x##_layout.b_slope                        \
        }                                                                                          \
    }

typedef struct view_part {
    global const float *data, *moments;
    int channels;
    float slope; /* as view_layout's */
} view_part;

typedef struct view {
    view_part a, b;
} view;

/* The part that channel c of the view belongs to; *c becomes the channel within it. */
view_part part_of(view v, int *c)
{
    if (*c < v.a.channels)
        return v.a;
    *c -= v.a.channels;
    return v.b;
}

#define IS_DEFERRED(part) ((part).slope >= 0.0f)
#define SCALE_OF(part, c) ((part).moments + MOMENT_SCALE * (part).channels + (c))
#define SHIFT_OF(part, c) ((part).moments + MOMENT_SHIFT * (part).channels + (c))

/* The same bits as batch_norm.cl's normalise; NaN stays NaN. */
float finish(float x, float scale, float shift, float slope)
{
    const float y = fma(x, scale, shift);
    return y < 0.0f ? (slope > 0.0f ? y * slope : 0.0f) : y;
}

#ifdef VECTOR_DEVICE
float16 finish16(float16 x, float16 scale, float16 shift, float slope)
{
    const float16 y = fma(x, scale, shift);
    return select(y, slope > 0.0f ? y * slope : (float16)(0.0f), y < 0.0f);
}

/* 16 channels from c of one pixel. */
float16 view_load16(view v, size_t pixel, int c)
{
    const view_part p = part_of(v, &c);
    const float16 x = vload16(0, p.data + pixel * p.channels + c);
    if (!IS_DEFERRED(p))
        return x;
    return finish16(x, vload16(0, SCALE_OF(p, c)), vload16(0, SHIFT_OF(p, c)), p.slope);
}
#endif

float view_load(view v, size_t pixel, int c)
{
    const view_part p = part_of(v, &c);
    const float x = p.data[pixel * p.channels + c];
    return IS_DEFERRED(p) ? finish(x, *SCALE_OF(p, c), *SHIFT_OF(p, c), p.slope) : x;
}

/*
 * What a convolution writes: one tensor, or two side by side, each overwritten or added to.
 */
#define SINK_ARGS(y) global float *y##_a, global float *y##_b, sink_layout y##_layout
#define SINK(y)                                                                                    \
    {                                                                                              \
        {y##_a, y##_layout.a_channels, y##_layout.a_adds},                                         \
        {                                                                                          \
            y##_b, y##_layout.b_channels, y##_layout.b_adds                                        \
        }                                                                                          \
    }

typedef struct sink_part {
    global float *data;
    int channels, adds;
} sink_part;

typedef struct sink {
    sink_part a, b;
} sink;

/* As part_of(). */
sink_part sink_part_of(sink s, int *c)
{
    if (*c < s.a.channels)
        return s.a;
    *c -= s.a.channels;
    return s.b;
}

void sink_store(sink s, size_t pixel, int c, float value)
{
    const sink_part p = sink_part_of(s, &c);
    global float *to = p.data + pixel * p.channels + c;
    *to = value + (p.adds ? *to : 0.0f);
}

#ifdef VECTOR_DEVICE
/* 16 channels from c, of which only `left` exist. */
void sink_store16(sink s, size_t pixel, int c, int left, float16 value)
{
    const sink_part p = sink_part_of(s, &c);
    global float *to = p.data + pixel * p.channels + c;
    if (left >= 16) {
        vstore16(p.adds ? value + vload16(0, to) : value, 0, to);
        return;
    }
    float values[16];
    vstore16(value, 0, values);
    for (int i = 0; i < left; i++)
        to[i] = values[i] + (p.adds ? to[i] : 0.0f);
}
#endif

#endif
