/*
 * Gradients that a batch norm behind may have left to be finished, in place, by who reads them
 * first (layer.gradient_deferred). g (N, h, w, channels) is then the gradient behind the norm's
 * piecewise linear activation, and x the norm's input. For CPUs; channels come in multiples of 16.
 */
#ifndef GRADIENTS_H
#define GRADIENTS_H

#include "normalise.h"

/* As src/layers/deferred.h passes them. dgamma, dbeta: the norm's. */
#define GRADIENTS_ARGS(g)                                                                          \
    global float *g##_data, global const float *g##_x, global const float *g##_moments,            \
        global const float *g##_dgamma, global const float *g##_dbeta, float g##_slope,            \
        float g##_part
#define GRADIENTS(g, channels)                                                                     \
    {                                                                                              \
        g##_data, g##_x, g##_moments, g##_dgamma, g##_dbeta, g##_slope, g##_part, channels         \
    }

typedef struct gradients {
    global float *data;
    global const float *x, *moments, *dgamma, *dbeta;
    float slope; /* of the activation below zero; negative: nothing is to be finished */
    float part;  /* 1 / pixels */
    int channels;
} gradients;

#define IS_UNFINISHED(gradients) ((gradients).slope >= 0.0f)

/* What finishing needs of 16 channels. */
typedef struct finisher {
    channel k;
    float16 sum, product;
} finisher;

finisher finisher_of(gradients g, int c)
{
    const finisher f = {load_channel(g.moments, c, g.channels), vload16(0, g.dbeta + c),
                        vload16(0, g.dgamma + c)};
    return f;
}

/* Finishes 16 channels from c of so many pixels; the same bits as batch_norm.cl's
 * normalise_backward. */
void finish_pixels(gradients g, finisher f, int c, size_t first, int pixels)
{
    for (size_t p = first; p < first + pixels; p++) {
        const size_t at = p * g.channels + c;
        const float16 x = vload16(0, g.x + at), y = fma(x, f.k.scale, f.k.shift);
        const int16 below = g.slope > 0.0f ? y < 0.0f : y <= 0.0f;
        const float16 inside =
            vload16(0, g.data + at) * select((float16)(1.0f), (float16)(g.slope), below);
        vstore16(normalise_gradient(inside, x, f.k, f.sum, f.product, g.part), 0, g.data + at);
    }
}

#endif
