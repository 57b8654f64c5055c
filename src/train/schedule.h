/*
 * The learning rate: constant, in steps, a cosine after a warm-up, or reduced when the monitored
 * loss stops falling (Keras' ReduceLROnPlateau).
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
    struct schedule_state {
        double rate, best;  /* plateau: the rate now, the lowest monitored loss so far */
        long wait, resting; /* plateau: epochs without improvement; epochs of cooldown left */
    } state;                /* all that a checkpoint has to keep */
} schedule;

schedule schedule_new(const struct train_config *c);

/* The rate of a step, counted from 0 over all epochs. */
double schedule_rate(const schedule *s, long step);

/* After an epoch. True if the rate was reduced. */
bool schedule_epoch_end(schedule *s, double monitored);

#endif
