/* One trial's training, in a run directory of its own. */
#ifndef SEARCH_TRIAL_RUN_H
#define SEARCH_TRIAL_RUN_H

#include "opencl/device.h"
#include "search/trials.h"

/* Trains as config says, from the directory's checkpoint if it has one, and fills all of *entry but
 * number and rung. A training that failed of its own accord is a status of the entry; -1 on any
 * other failure. */
int trial_run(device *d, const settings *config, const char *directory, trial *entry);

/* The same without a record, where every failure is one. */
int trial_run_only(device *d, const settings *config, const char *directory);

/* Removes its checkpoints: it will not be resumed. They are most of what a trial leaves on disk. */
void trial_end(const char *directory);

/* Replaces directory/name. */
int write_text(const char *directory, const char *name, const char *text);

#endif
