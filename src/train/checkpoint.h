/*
 * Checkpoints: all that a training needs to resume bit-exactly. RUN/checkpoint.safetensors
 * holds the parameters, the optimizer's moments and moving average, and in the metadata the state
 * below; the one before is kept as RUN/checkpoint.previous.safetensors. Random numbers need no
 * state, being drawn from (seed, step). The best weights so far are RUN/model.safetensors, the
 * epochs so far RUN/history.json; both are written before the checkpoint that relies on them.
 */
#ifndef TRAIN_CHECKPOINT_H
#define TRAIN_CHECKPOINT_H

#include "train/early_stopping.h"
#include "train/run_directory.h"
#include "train/schedule.h"
#include "train/stepper.h"

typedef struct train_state {
    long epoch;      /* under way, from 1 */
    long frozen_as;  /* the epoch since which the current freezing has applied */
    long first_step; /* the stepper's step at its begin */
    step_sums sums;  /* of its finished steps */
    double seconds;  /* they took */
    double elapsed;  /* of train.minutes: seconds so far, of all epochs and resumed runs */
    struct schedule_state schedule;
    struct early_stopping_state stopping;
    long history;      /* epochs recorded */
    uint64_t pictures; /* batches_fingerprint(); 0: not recorded */
} train_state;

/* The stepper must have been drained. At any moment of the call, killed or not, there is a whole
 * checkpoint under the name: the old one or the new one. */
int checkpoint_write(const char *run, const stepper *t, const train_state *state);

/* About the size of its file, should all parameters be trained. */
size_t checkpoint_bytes(const stepper *t);

/* Whether there is one; fails as file_look() does. */
int checkpoint_look(const char *run, bool *there);

/* Removes both: the training will not be resumed. */
void checkpoint_remove(const char *run);

/* The epoch that was under way; fails as checkpoint_read() does. */
int checkpoint_epoch(const char *run, long *epoch);

/*
 * Into a stepper of the same settings. Parameters that were frozen when the checkpoint was written, and are not
 * in the stepper's network, begin with fresh moments; moments of parameters that are frozen now are left.
 * STATUS_DATA if there is none or it is damaged; then nothing has changed.
 */
int checkpoint_read(const char *run, stepper *t, const settings *s, train_state *state);

#endif
