/*
 * What the class's defaults compute, which every other tuning must compute too.
 *
 *     reference_results r = {0};
 *     if (reference_results_take(&r, d, network_with_defaults)) ...
 *     if (reference_results_compare(&r, d, other_network)) ...     STATUS_SELFTEST: wrong results
 *     reference_results_release(&r);
 *
 * This finds gross errors before time is spent on a tuning; in one that is taken over, each layer
 * is compared with plain C (check/network_check.h).
 */
#ifndef TUNE_REFERENCE_RESULTS_H
#define TUNE_REFERENCE_RESULTS_H

#include "models/network.h"

typedef struct reference_results {
    float *values;   /* outputs, losses and gradients, one tensor after the other, */
    double *allowed; /* and how far from them each tensor's may be */
} reference_results;

/* Runs some steps; the network's input is as before afterwards. Released also after a failure. */
int reference_results_take(reference_results *r, device *d, const network *n);

/* Runs a step of a network over the same params and input. */
int reference_results_compare(const reference_results *r, device *d, const network *n);

void reference_results_release(reference_results *r);

#endif
