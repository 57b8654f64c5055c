/* Adam over all trainable params at once (Kingma and Ba 2015, in Keras' form: beta 0.9 and 0.999,
 * epsilon 1e-7 outside the bias correction). */
#ifndef TRAIN_OPTIMIZER_H
#define TRAIN_OPTIMIZER_H

#include "device/kernel.h"
#include "nn/params.h"

typedef struct optimizer optimizer;

/* p must have been allocated with gradients; it stays the caller's. */
int optimizer_new(optimizer **out, params *p);
void optimizer_free(optimizer *o);

/*
 * One step from the params' gradients. status (one int) stops it: while it is not 0 nothing changes,
 * so that parameters survive a loss that is not finite.
 */
int optimizer_step(optimizer *o, double learning_rate, cl_mem status);

#endif
