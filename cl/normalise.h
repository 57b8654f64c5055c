/*
 * Batch normalisation of a lane of channels, for batch_norm.cl and for those who finish its input's
 * gradient. moments (MOMENT_ROWS, channels) as constants.h has them; the normalised value before
 * gamma and beta is (x - mean) * inverse, what feeds the activation is x * scale + shift.
 */
#ifndef NORMALISE_H
#define NORMALISE_H

#include "constants.h"
#include "lanes.h"

typedef struct channel {
    lane mean, inverse, scale, shift;
} channel;

channel load_channel(global const float *moments, int c, int channels)
{
    const int left = channels - c;
    const channel k = {load_lane(moments + MOMENT_MEAN * channels + c, left),
                       load_lane(moments + MOMENT_INVERSE * channels + c, left),
                       load_lane(moments + MOMENT_SCALE * channels + c, left),
                       load_lane(moments + MOMENT_SHIFT * channels + c, left)};
    return k;
}

lane normalised(lane x, channel k)
{
    return (x - k.mean) * k.inverse;
}

/* dx = scale * (inside - mean of inside - normalised x * mean of inside * normalised x). inside:
 * the gradient before the activation; sum, product: over all pixels, of it and of it * normalised
 * x; part: 1 / pixels. */
lane normalise_gradient(lane inside, lane x, channel k, lane sum, lane product, float part)
{
    return k.scale * fma((lane)(-part), fma(normalised(x, k), product, sum), inside);
}

#endif
