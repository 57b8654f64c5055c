/*
 * The learning rate: constant, in steps, a cosine after a warm-up, or reduced when the monitored
 * loss stops falling (Keras' ReduceLROnPlateau). And the batch, which may double as training goes on
 * (Smith et al. 2018).
 *
 * Progress is counted in steps of train.epochs, or in seconds of train.minutes where they are given.
 */
#ifndef TRAIN_SCHEDULE_H
#define TRAIN_SCHEDULE_H

#include "config/config.h"
#include <stdbool.h>

typedef struct schedule {
    enum schedule_kind kind;
    double base;                               /* train.learning_rate */
    double factor, min_rate, min_delta;        /* step and plateau; min_rate: also cosine's end */
    long patience, cooldown, every;            /* in epochs */
    long warmup, steps_per_epoch, total_steps; /* in steps */
    double seconds;                            /* train.minutes; 0: the steps count */
    int doublings;                             /* of the batch, over the whole training */
    struct schedule_state {
        double rate, best;  /* plateau: the rate now, the lowest monitored loss so far */
        long wait, resting; /* plateau: epochs without improvement; epochs of cooldown left */
    } state;                /* all that a checkpoint has to keep */
} schedule;

schedule schedule_new(const struct train_config *c);

/* Where a training is: steps and seconds of training before this one, over all epochs and resumed runs. */
typedef struct training_point {
    long step;
    double seconds;
} training_point;

double schedule_rate(const schedule *s, training_point at);

/* So many batches make a step: 1, then 2, 4, ... */
int schedule_batches(const schedule *s, training_point at);

/* After an epoch. True if the rate was reduced. */
bool schedule_epoch_end(schedule *s, double monitored);

#endif
