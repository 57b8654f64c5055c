/*
 * Keras' EarlyStopping: which epoch was the best, and whether it is time to stop; also where a loss is as low
 * as was asked for (train.stop_loss).
 */
#ifndef TRAIN_EARLY_STOPPING_H
#define TRAIN_EARLY_STOPPING_H

#include "config/config.h"
#include <stdbool.h>

typedef struct early_stopping {
    double min_delta; /* less than this is no improvement */
    double enough;    /* training ends when the best is at most this; 0: never */
    long patience;    /* epochs without improvement; 0: never stops */
    struct early_stopping_state {
        double best;
        long best_epoch; /* from 1; 0 while there is none */
        long wait;
    } state; /* all that a checkpoint has to keep */
} early_stopping;

early_stopping early_stopping_new(const struct train_config *c);

/* After an epoch, counted from 1. True if it is the best so far. A monitored value that is not a
 * number never is. */
bool early_stopping_epoch_end(early_stopping *e, long epoch, double monitored);
bool early_stopping_is_enough(const early_stopping *e);
bool early_stopping_is_due(const early_stopping *e);

#endif
