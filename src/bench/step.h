/*
 * A training step on random input, and what comes of it.
 *
 *     step_results r;
 *     if (!step_run_for_results(d, n, &r)) ...
 *     step_results_release(&r);
 */
#ifndef BENCH_STEP_H
#define BENCH_STEP_H

#include "base/rng.h"
#include "models/network.h"

/* Values of t's data in 0..1. */
int step_write_random(device *d, const tensor *t, rng *random);

/* Forward and backward. As in training, the parameters have changed: whatever is derived from them
 * is derived anew. */
int step_run(const network *n);

/* A step's results: outputs, losses, gradients. */
typedef struct step_part {
    const char *name;
    cl_mem buffer;
    size_t first, count; /* of its floats in the results' values */
} step_part;

typedef struct step_results {
    step_part *parts;
    size_t count;
    float *values;
    size_t value_count;
} step_results;

/* Runs a step, which compiles what is not compiled yet, and reads what came of it. out is released
 * also after a failure. */
int step_run_for_results(device *d, const network *n, step_results *out);
void step_results_release(step_results *r);

/* The shortest first. */
void step_sort_seconds(double *seconds, size_t count);

#endif
