/*
 * Adam (Kingma and Ba 2015) in Keras' form: p -= rate * m / (sqrt(v) + epsilon), where rate already
 * holds the bias corrections. Before it, as Keras' AdamW (Loshchilov and Hutter 2019),
 * p -= decay * p, with decay = learning rate * weight decay. Gradients are first multiplied by
 * scale[0]. A range of all parameters, which begins at offset. Layout of ranges: lanes.h; padding between
 * parameters has gradient 0 and stays 0.
 *
 * status: [0] is the first step whose loss or gradient was not finite, 0 while there is none. From
 * then on nothing moves, so that the parameters stay those of the last good step.
 */
#include "lanes.h"

kernel void adam(global float *values, global const float *gradients, global float *first_moment,
                 global float *second_moment, global const int *status, global const float *scale,
                 ulong offset, float rate, float decay, float one_less_beta1, float one_less_beta2,
                 float epsilon, int pixels, int channels, int span)
{
    if (status[0])
        return;
    FOR_PIXELS(p, pixels, span)
        FOR_LANES(c, channels) {
            const size_t i = offset + (size_t)p * channels + c;
            const int left = channels - c;
            const lane g = load_lane(gradients + i, left) * scale[0];
            lane m = load_lane(first_moment + i, left), v = load_lane(second_moment + i, left);
            lane value = load_lane(values + i, left);
            m += (g - m) * one_less_beta1;
            v += (g * g - v) * one_less_beta2;
            value -= decay * value;
            store_lane(m, first_moment + i, left);
            store_lane(v, second_moment + i, left);
            store_lane(value - rate * m / (sqrt(v) + epsilon), values + i, left);
        }
}

/* average = decay * average + (1 - decay) * value */
kernel void move_average(global const float *values, global float *average,
                         global const int *status, float one_less_decay, int pixels, int channels,
                         int span)
{
    if (status[0])
        return;
    FOR_PIXELS(p, pixels, span)
        FOR_LANES(c, channels) {
            const size_t i = (size_t)p * channels + c;
            const int left = channels - c;
            const lane old = load_lane(average + i, left);
            store_lane(old + (load_lane(values + i, left) - old) * one_less_decay, average + i,
                       left);
        }
}

/*
 * The gradients of a step of several batches, part = 1 / batches of each: so_far += part * gradients.
 * In the first so_far is overwritten; in the last it is left, and the sum goes to gradients.
 */
kernel void add_up_gradients(global float *gradients, global float *so_far, float part, int first,
                             int last, int pixels, int channels, int span)
{
    FOR_PIXELS(p, pixels, span)
        FOR_LANES(c, channels) {
            const size_t i = (size_t)p * channels + c;
            const int left = channels - c;
            lane sum = part * load_lane(gradients + i, left);
            if (!first)
                sum += load_lane(so_far + i, left);
            store_lane(sum, (last ? gradients : so_far) + i, left);
        }
}
