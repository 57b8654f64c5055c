/*
 * Adam (Kingma and Ba 2015, in Keras' form: beta 0.9 and train.beta_2, epsilon 1e-7 outside the bias
 * correction) and AdamW (Loshchilov and Hutter 2019) over all trainable params at once, or Muon (muon.h)
 * over matrices and Adam over the others, with clipping of the gradients' global norm and a moving average
 * of the params.
 */
#ifndef TRAIN_OPTIMIZER_H
#define TRAIN_OPTIMIZER_H

#include "config/config.h"
#include "nn/params.h"
#include "opencl/kernel.h"
#include "train/muon.h"

/* Params that lie side by side and have the same rate and age. */
typedef struct adam_group {
    size_t offset, floats; /* in the params' values */
    double rate;           /* as a multiple of the training's */
    long since;            /* param.since: the bias corrections count from there */
} adam_group;

typedef struct optimizer {
    params *params; /* the caller's */
    double beta2;
    double weight_decay, clip_norm, average_decay; /* 0: none */
    bool warm_average;                             /* averages.h */
    cl_mem first_moment, second_moment;            /* (trainable_floats) */
    cl_mem average; /* (trainable_floats); NULL without a moving average */
    cl_mem so_far;  /* (trainable_floats): gradients of a step's batches so far; NULL: it has one */
    cl_mem partial, scale;
    kernel *add_up, *squares, *limit, *adam, *move_average;
    adam_group *groups; /* (group_count) of what Adam trains */
    size_t group_count;
    muon *muon;       /* of the matrices; NULL: Adam trains them too */
    double muon_part; /* its rate, as part of Adam's */
    long step;        /* steps done */
} optimizer;

/* p must have been allocated with gradients and hold its first values. */
int optimizer_new(optimizer **out, params *p, const struct train_config *c);
void optimizer_free(optimizer *o);

/* After a param's `since` has changed. */
int optimizer_regroup(optimizer *o);

/* Of a step of several batches, after batch number `batch` from 0: the params' gradients of the last are
 * then the mean over all. */
int optimizer_add_up(optimizer *o, int batch, int batches);

/*
 * One step from the params' gradients. status (one int) is set to the step's number if a gradient is
 * not finite; while it is not 0 nothing changes, so that parameters survive.
 */
int optimizer_step(optimizer *o, double learning_rate, cl_mem status);

/* Exchanges the params' values and the moving average, and back; nothing without one. What is not
 * trainable has no average of its own and stays. */
int optimizer_swap_average(optimizer *o);

#endif
