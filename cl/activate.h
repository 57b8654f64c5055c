/*
 * Activations, as Keras defines them, and their slopes given the output y. ACTIVATION is one of
 * enum activation (src/layers/layers.h), passed as -DACTIVATION=n.
 */
#ifndef ACTIVATE_H
#define ACTIVATE_H

#include "lanes.h"

#define LINEAR 0
#define RELU 1
#define LEAKY_RELU 2 /* slope 0.2 below zero */
#define SIGMOID 3
#define TANH 4

static inline lane activate(lane x)
{
#if ACTIVATION == RELU
    return select(x, (lane)(0.0f), (lane_mask)(x <= 0.0f)); /* NaN stays NaN */
#elif ACTIVATION == LEAKY_RELU
    return select(x, 0.2f * x, (lane_mask)(x < 0.0f));
#elif ACTIVATION == SIGMOID
    return 1.0f / (1.0f + exp(-x));
#elif ACTIVATION == TANH
    return tanh(x);
#else
    return x;
#endif
}

static inline lane slope(lane y)
{
#if ACTIVATION == RELU
    return select((lane)(1.0f), (lane)(0.0f), (lane_mask)(y <= 0.0f));
#elif ACTIVATION == LEAKY_RELU
    return select((lane)(1.0f), (lane)(0.2f), (lane_mask)(y < 0.0f));
#elif ACTIVATION == SIGMOID
    return y * (1.0f - y);
#elif ACTIVATION == TANH
    return 1.0f - y * y;
#else
    return (lane)(1.0f);
#endif
}

#endif
