/*
 * The record of a search: one entry for each trial that has ended, the best first. It is kept as
 * RUN/trials.json, from which a resumed search continues, and for spreadsheets as
 * RUN/trials.csv; both are written anew, atomically, whenever an entry is put in.
 *
 *     trials t = {.space = space, .points = &points};
 *     if (trials_read(&t, "run")) ...
 *     trials_put(&t, &entry);  trials_write(&t, "run");
 *     trials_release(&t);
 */
#ifndef SEARCH_TRIALS_H
#define SEARCH_TRIALS_H

#include "search/points.h"

enum trial_status {
    TRIAL_DONE,
    TRIAL_DIVERGED,
    TRIAL_MEMORY, /* host or device memory did not suffice */
    TRIAL_FAILED, /* no network can be built with these values */
    TRIAL_STATUSES
};

typedef struct trial {
    long number; /* from 1; its values are points.items[number - 1] */
    enum trial_status status;
    long rung;             /* the last one it took part in (rungs.h), from 0 */
    long epochs, steps;    /* trained in all */
    double seconds;        /* they took, validation left out */
    long best_epoch;       /* 0: none */
    double loss, val_loss; /* of that epoch; NaN where there is none */
} trial;

typedef struct trials {
    const space *space;
    const points *points;
    trial *items;
    size_t count, capacity;
} trials;

/* Takes in what run has, which is nothing at first. STATUS_DATA if that cannot be understood, or
 * was made with other values than the points. */
int trials_read(trials *t, const char *run);
int trials_write(const trials *t, const char *run);
void trials_release(trials *t);

/* Puts an entry in, in place of an earlier one of the same number. */
int trials_put(trials *t, const trial *entry);

/* NULL if that trial has no entry, or none is done. Good until the next trials_put. */
const trial *trials_find(const trials *t, long number);
const trial *trials_best(const trials *t);

/* What trials are compared by: val_loss, or without validation, loss. */
double trial_score(const trial *t);

/* "done", "diverged", ... */
const char *trial_status_name(enum trial_status status);

/* "model.filters = 32, train.learning_rate = 1e-3"; release with free(). */
char *trial_values_text(const trials *t, long number);

#endif
