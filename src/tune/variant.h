/*
 * The networks that a device is to be fast at, under one tuning.
 *
 *     variant v;
 *     if (variant_open(&v, d, &tuning, models, count)) ...
 *     variant_run(&v, steps);
 *     variant_close(&v);
 *
 * The variants of a model share its params, and have the same input.
 */
#ifndef TUNE_VARIANT_H
#define TUNE_VARIANT_H

#include "models/network.h"

typedef struct tuned_model {
    const settings *settings; /* not owned */
    params *params;
} tuned_model;

typedef struct variant {
    device *device;
    tuning tuning;
    network **networks; /* one for each model */
    int count;
    double seconds; /* of a step of every network, as last timed; 0: not yet */
} variant;

/* Starts the params with the first variant of a model. v is closed also after a failure. */
int variant_open(variant *v, device *d, const tuning *values, const tuned_model *models, int count);
void variant_close(variant *v);

/* Makes its tuning the device's. Kernels read their sizes whenever they are launched. */
void variant_select(const variant *v);

/* So many steps of each network, forward and backward; waits for the last. */
int variant_run(const variant *v, long steps);

#endif
