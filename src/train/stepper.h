/*
 * Training steps, and nothing around them: mixtures, forward, backward, optimizer, all handed to the
 * device; losses come back behind it. The bare loop that trainer.h wraps.
 */
#ifndef TRAIN_STEPPER_H
#define TRAIN_STEPPER_H

#include "data/batches.h"
#include "models/network.h"
#include "train/optimizer.h"

/* Batches the host may be ahead of the device: enough to keep it busy, few enough to stop soon. */
enum { BATCHES_AHEAD = 2 };

/* What a batch reports: the loss of each source, then the number of the first step that was not finite,
 * or 0. */
typedef struct batch_in_flight {
    cl_event done; /* NULL: none */
    bool ends_step;
    float report[SOURCES_MAX + 1];
} batch_in_flight;

/* Losses of finished batches, added up. */
typedef struct step_sums {
    long steps, batches; /* finished; a step is one batch, or more as train.batch_last has it */
    double loss[SOURCES_MAX]; /* of each source, the sum over the batches */
} step_sums;

typedef struct stepper {
    device *device;
    batches *batches; /* the caller's */
    params *params;
    network *network;
    optimizer *optimizer;
    kernel *report_losses;
    cl_mem report, status;
    batch_in_flight flight[BATCHES_AHEAD];
    uint64_t seed;
    bool warm_averages;
    long step, batches_done; /* handed to the device, over all epochs */
} stepper;

/* Over a training network and its allocated params, both the caller's. */
int stepper_new(stepper **out, batches *b, network *n, const struct train_config *c);
void stepper_free(stepper *t);

/* Hands one step of so many batches to the device, waiting before each for the batch BATCHES_AHEAD before it,
 * whose losses are added to *sums. More than one only where train.batch_last allows it. STATUS_DIVERGED
 * for a loss or gradient that is not finite, naming the step. */
int stepper_step(stepper *t, double learning_rate, int batches, step_sums *sums);

/* Waits for all steps. */
int stepper_drain(stepper *t, step_sums *sums);

#endif
