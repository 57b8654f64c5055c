/*
 * Activations, as Keras defines them, and their slopes given the output y. ACTIVATION is one of
 * constants.h, passed as -DACTIVATION=n.
 */
#ifndef ACTIVATE_H
#define ACTIVATE_H

#include "constants.h"
#include "lanes.h"

lane activate(lane x)
{
#if ACTIVATION == ACTIVATION_RELU
    return select(x, (lane)(0.0f), (lane_mask)(x <= 0.0f)); /* NaN stays NaN */
#elif ACTIVATION == ACTIVATION_LEAKY_RELU
    return select(x, 0.2f * x, (lane_mask)(x < 0.0f));
#elif ACTIVATION == ACTIVATION_SIGMOID
    return 1.0f / (1.0f + exp(-x));
#elif ACTIVATION == ACTIVATION_TANH
    return tanh(x);
#else
    return x;
#endif
}

lane activation_slope(lane y)
{
#if ACTIVATION == ACTIVATION_RELU
    return select((lane)(1.0f), (lane)(0.0f), (lane_mask)(y <= 0.0f));
#elif ACTIVATION == ACTIVATION_LEAKY_RELU
    return select((lane)(1.0f), (lane)(0.2f), (lane_mask)(y < 0.0f));
#elif ACTIVATION == ACTIVATION_SIGMOID
    return y * (1.0f - y);
#elif ACTIVATION == ACTIVATION_TANH
    return 1.0f - y * y;
#else
    return (lane)(1.0f);
#endif
}

#endif
