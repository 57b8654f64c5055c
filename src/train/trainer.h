/*
 * Training: the bare loop of stepper.h, and everything that unattended training needs around it:
 * validation, learning rate schedule, early stopping, checkpoints, history.
 *
 *     trainer *t;
 *     if (trainer_new(&t, d, settings, "run", false)) ...
 *     trainer_run(t);
 *     trainer_free(t);
 */
#ifndef TRAIN_TRAINER_H
#define TRAIN_TRAINER_H

#include "config/settings.h"
#include "models/network.h"
#include "train/history.h"

typedef struct trainer trainer;

/*
 * Reads the data, builds the networks, draws the initial parameters, or with resume takes them and
 * everything else from the checkpoint in run_directory; compiles kernels where the device's cache
 * does not have them. d and s stay the caller's.
 */
int trainer_new(trainer **out, device *d, const settings *s, const char *run_directory,
                bool resume);
void trainer_free(trainer *t);

/*
 * Everything the settings ask for. run_directory is there, and locked (run_directory.h). A new
 * training removes what an earlier one left there, but only after checking, as far as it can, that it
 * will be able to write its own files. config.ini is written then; after each epoch there
 * are the history and a checkpoint, and model.safetensors is the best epoch's (train.keep = last: the
 * last one's). STATUS_DIVERGED ends it where a loss is not finite, STATUS_SIGHUP, STATUS_SIGINT or
 * STATUS_SIGTERM where a signal came, after a checkpoint; what was saved stays.
 */
int trainer_run(trainer *t);

/* For benchmarks: trains that many steps and says how long they took, to the last kernel. With bare,
 * only stepper.h's loop. */
int trainer_time_steps(trainer *t, long steps, bool bare, double *seconds);

const history *trainer_history(const trainer *t);

/* What epochs of this training are judged by: val_loss if train.monitor says so and there is
 * validation, else loss. */
double trainer_monitored(const trainer *t, const epoch_record *epoch);

/* The lowest monitored loss so far and its epoch; infinity and 0 while there is none. */
double trainer_best(const trainer *t, long *epoch);

#endif
