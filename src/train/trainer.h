/*
 * Training: steps of a network on fresh random pairs, validation and files after each epoch.
 *
 *     trainer *t;
 *     if (trainer_new(&t, d, settings, "run")) ...
 *     trainer_run(t);
 *     trainer_free(t);
 */
#ifndef TRAIN_TRAINER_H
#define TRAIN_TRAINER_H

#include "models/network.h"
#include "train/history.h"

typedef struct trainer trainer;

/* Reads the data, builds the networks, draws the initial parameters; compiles kernels where the
 * device's cache does not have them. d and s stay the caller's. */
int trainer_new(trainer **out, device *d, const settings *s, const char *run_directory);
void trainer_free(trainer *t);

/* Everything the settings ask for. After each epoch run_directory/model.safetensors and history.json
 * are those of that epoch. A loss that is not finite ends it with STATUS_DIVERGED; the files of the
 * epoch before stay. */
int trainer_run(trainer *t);

/* For benchmarks: trains that many steps and says how long they took, to the last kernel. */
int trainer_time_steps(trainer *t, long steps, double *seconds);

const history *trainer_history(const trainer *t);

#endif
