/*
 * A search: trains the points of a space, rung by rung (rungs.h), and keeps in RUN
 *
 *     search.ini             the space, as it was searched
 *     trials.json, .csv      the record (trials.h), written as each trial ends
 *     best.ini               the winner's config under [final], ready for `train`
 *     trials/NNN/            each trial's run directory, as of `train`; once it cannot be resumed, only
 *                            model, history and config stay
 *     best/                  the winner, trained
 *
 * Nothing else is remembered: which trials there are follows from the space, which are over from the
 * record, and one that was interrupted resumes from its own checkpoint. So a search that was stopped
 * at any moment ends as one that was not. (A space with
 * train.time_limit or train.minutes is the exception.)
 */
#ifndef SEARCH_SEARCH_H
#define SEARCH_SEARCH_H

#include "opencl/device.h"
#include "search/space.h"

/* In the run's directory. */
#define SPACE_NAME "search.ini"
#define BEST_NAME "best.ini"

/* Trains every trial that run does not have yet. Those that diverge, do not fit into memory, or
 * cannot be built are recorded; any other error ends it, as do SIGINT, SIGTERM and SIGHUP after a
 * checkpoint. run is there, and locked (train/run_directory.h).
 * STATUS_RUNTIME if no trial is done in the end. d and s stay the caller's. */
int search_run(device *d, const space *s, const char *run);

/* Removes what other searches and trainings have left in run, so that it is not taken for this
 * search's. */
int search_clear(const char *run);

/* Trains run/best.ini into run/best, or resumes that. */
int search_train_best(device *d, const char *run);

#endif
