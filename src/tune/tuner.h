/*
 * Finds the fastest tuning (compute/tunables.h) for a device: coordinate descent over the sizes of
 * its kernel family, by the time of forward and backward of a training step, summed over the given
 * networks. A candidate's results must be those of the class's defaults, or its time does not
 * count.
 *
 *     tuner_report r;
 *     if (tuner_run(&r, d, models, 2, false, print_choice)) ...
 */
#ifndef TUNE_TUNER_H
#define TUNE_TUNER_H

#include "compute/tunables.h"
#include "config/settings.h"
#include "opencl/device.h"

/* What came of one value. */
typedef struct tuner_trial {
    int value;
    double seconds;      /* a step of every network; 0: not timed */
    double ratio;        /* to what was best so far, in the same rounds; 0: it is that */
    const char *skipped; /* why; NULL if it was timed */
} tuner_trial;

/* What came of one row of the table. */
typedef struct tuner_choice {
    const tunable *what;
    tuner_trial trials[CANDIDATES_MAX + 1]; /* the first: the value before */
    int trial_count, chosen;                /* index of the chosen trial */
} tuner_choice;

typedef struct tuner_report {
    tuning best;
    double before, after; /* seconds that a step of every network takes with the class's defaults,
                             and with the best, timed in alternation */
    bool defaults_stay;   /* nothing was faster */
} tuner_report;

/* What is tuned on the device: the section of its kernel family. */
enum tuning_section tuner_section(const device *d);

/*
 * d is one of open_device_untuned(); its tuning is the best afterwards. quick: fewer rounds, and of
 * each row only the neighbours of the value so far. told is called for every choice.
 * STATUS_SELFTEST if the device computes wrong results with the defaults. Takes the memory of two
 * training runs of each network.
 */
int tuner_run(tuner_report *out, device *d, const settings *const *models, int count, bool quick,
              void (*told)(const tuner_choice *c));

#endif
