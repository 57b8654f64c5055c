/* What a person sees of a training: a live line on a terminal, a line an epoch everywhere. */
#ifndef TRAIN_PROGRESS_H
#define TRAIN_PROGRESS_H

#include "train/history.h"
#include "train/stepper.h"

typedef struct progress {
    const struct train_config *config;
    const mixture *mixture;
    double started;        /* this process' training */
    double begun, shown;   /* the epoch, the last live line */
    long batches_at_begin; /* of this epoch, done before it began (resumed) */
} progress;

/* elapsed: seconds of training so far, of all processes. */
void progress_step(progress *p, long epoch, const step_sums *sums, double elapsed,
                   double learning_rate);
void progress_epoch(const progress *p, const epoch_record *record, bool is_best);

#endif
