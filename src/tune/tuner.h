/*
 * Finds the fastest tuning (opencl/tuning.h) for a device: coordinate descent over what its kernel
 * family can be tuned in, by the time of forward and backward of a training step, summed over the
 * given networks. A candidate's results must be those of the class's defaults, or its time does not
 * count.
 *
 *     tuner_report r;
 *     if (tuner_run(&r, d, models, 2, false, print_choice)) ...
 */
#ifndef TUNE_TUNER_H
#define TUNE_TUNER_H

#include "config/settings.h"
#include "opencl/device.h"

enum { TUNER_MODELS_MAX = 2 };

/* What came of one value, or set of values. */
typedef struct tuner_trial {
    int candidate;       /* its number in the table; -1: what was there before */
    double seconds;      /* a step of every network; 0: not timed */
    double ratio;        /* to what was best so far, in the same rounds where that is possible */
    const char *skipped; /* why; NULL if it was timed */
} tuner_trial;

/* What came of one row of the table, or of a set. */
typedef struct tuner_choice {
    const tunable *what; /* of a set its first row */
    tuner_trial trials[CANDIDATES_MAX + 1];
    int trial_count, chosen; /* index of the chosen trial */
    int before;              /* the row's value before */
} tuner_choice;

typedef struct tuner_report {
    tuning best;
    double before, after; /* seconds that a step of every network takes with the class's defaults,
                             and with the best */
    bool side_by_side;    /* in alternation at the end; else by the ratios of what was taken over */
    bool defaults_stay;   /* nothing was faster */
} tuner_report;

/*
 * d is one of device_open_untuned(); its tuning is the best afterwards. quick: fewer rounds, and of
 * each row only the neighbours of the value that stands. told is called for every choice.
 * STATUS_SELFTEST if the device computes wrong results with the defaults. Takes the memory of two
 * training runs of each network.
 */
int tuner_run(tuner_report *out, device *d, const settings *const *models, int count, bool quick,
              void (*told)(const tuner_choice *c));

#endif
