/* What a person sees of a training: a live line on a terminal, a line an epoch everywhere. */
#ifndef TRAIN_PROGRESS_H
#define TRAIN_PROGRESS_H

#include "train/history.h"
#include "train/stepper.h"

typedef struct progress {
    const struct train_config *config;
    const mixture *mixture;
    double started;      /* the training, for train.time_limit */
    double begun, shown; /* the epoch, the last live line */
    long steps_at_begin; /* of this epoch, done before it began (resumed) */
} progress;

void progress_step(progress *p, long epoch, const step_sums *sums, double learning_rate);
void progress_epoch(const progress *p, const epoch_record *record, bool is_best);

#endif
