/*
 * Training steps, and nothing around them: mixtures, forward, backward, optimizer, all handed to the
 * device; losses come back behind it. The bare loop that trainer.h wraps.
 */
#ifndef TRAIN_STEPPER_H
#define TRAIN_STEPPER_H

#include "data/batches.h"
#include "models/network.h"
#include "train/optimizer.h"

/* Steps the host may be ahead of the device: enough to keep it busy, few enough to stop soon. */
enum { STEPS_AHEAD = 2 };

/* What a step reports: the loss of each source, then the number of the first step that was not finite,
 * or 0. */
typedef struct step_in_flight {
    cl_event done; /* NULL: none */
    long step;
    float report[SOURCES_MAX + 1];
} step_in_flight;

/* Losses of finished steps, added up. */
typedef struct step_sums {
    long steps;
    double loss[SOURCES_MAX]; /* of each source */
} step_sums;

typedef struct stepper {
    device *device;
    batches *batches; /* the caller's */
    params *params;
    network *network;
    optimizer *optimizer;
    kernel *report_losses;
    cl_mem report, status;
    step_in_flight flight[STEPS_AHEAD];
    uint64_t seed;
    bool warm_averages;
    long step; /* steps handed to the device, over all epochs */
} stepper;

/* Over a training network and its allocated params, both the caller's. */
int stepper_new(stepper **out, batches *b, network *n, const struct train_config *c);
void stepper_free(stepper *t);

/* Hands one step to the device, after waiting for the step STEPS_AHEAD before it, whose losses are
 * added to *sums. STATUS_DIVERGED for a loss or gradient that is not finite, naming the step. */
int stepper_step(stepper *t, double learning_rate, step_sums *sums);

/* Waits for all steps. */
int stepper_drain(stepper *t, step_sums *sums);

#endif
