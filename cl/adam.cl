/*
 * Adam (Kingma and Ba 2015) in Keras' form: p -= rate * m / (sqrt(v) + epsilon), where rate already
 * holds the bias corrections. Layout of ranges: lanes.h;
 * padding between parameters has gradient 0 and stays 0.
 *
 * status: [0] is the first step whose loss was not finite, 0 while there is none. From then on
 * nothing moves, so that the parameters stay those of the last good step.
 */
#include "lanes.h"

kernel void adam(global float *values, global const float *gradients, global float *first_moment,
                 global float *second_moment, global const int *status, float rate,
                 float one_less_beta1, float one_less_beta2, float epsilon, int pixels, int channels,
                 int span)
{
    if (status[0])
        return;
    FOR_PIXELS(p, pixels, span)
    FOR_LANES(c, channels)
    {
        const size_t i = (size_t)p * channels + c;
        const int left = channels - c;
        const lane g = load_lane(gradients + i, left);
        lane m = load_lane(first_moment + i, left), v = load_lane(second_moment + i, left);
        m += (g - m) * one_less_beta1;
        v += (g * g - v) * one_less_beta2;
        store_lane(m, first_moment + i, left);
        store_lane(v, second_moment + i, left);
        store_lane(load_lane(values + i, left) - rate * m / (sqrt(v) + epsilon), values + i, left);
    }
}
