/*
 * Adam (Kingma and Ba 2015, in Keras' form: beta 0.9 and 0.999, epsilon 1e-7 outside the bias
 * correction) and AdamW (Loshchilov and Hutter 2019) over all trainable params at once, with clipping
 * of the gradients' global norm and a moving average of the params.
 */
#ifndef TRAIN_OPTIMIZER_H
#define TRAIN_OPTIMIZER_H

#include "config/config.h"
#include "nn/params.h"
#include "opencl/kernel.h"

typedef struct optimizer {
    params *params;                                /* the caller's */
    double weight_decay, clip_norm, average_decay; /* 0: none */
    bool warm_average;                             /* averages.h */
    cl_mem first_moment, second_moment;            /* (trainable_floats) */
    cl_mem average; /* (trainable_floats); NULL without a moving average */
    cl_mem partial, scale;
    kernel *squares, *limit, *adam, *move_average;
    long step; /* steps done */
} optimizer;

/* p must have been allocated with gradients and hold its first values. */
int optimizer_new(optimizer **out, params *p, const struct train_config *c);
void optimizer_free(optimizer *o);

/*
 * One step from the params' gradients. status (one int) is set to the step's number if a gradient is
 * not finite; while it is not 0 nothing changes, so that parameters survive.
 */
int optimizer_step(optimizer *o, double learning_rate, cl_mem status);

/* Exchanges the params' values and the moving average, and back; nothing without one. What is not
 * trainable has no average of its own and stays. */
int optimizer_swap_average(optimizer *o);

#endif
