/*
 * Timing variants in rounds. Two are timed in alternation, so that what slows the machine down for
 * a while slows both.
 */
#ifndef TUNE_ROUNDS_H
#define TUNE_ROUNDS_H

#include "tune/variant.h"

typedef struct rounds {
    int count;
    long steps; /* of each network in a round */
} rounds;

/* Rounds long enough for the clock, by the time that v takes. quick: fewer and shorter ones. */
int rounds_choose(rounds *r, const variant *v, bool quick);

/* Sets v's seconds: the median. What v runs must be compiled already. */
int rounds_time(const rounds *r, variant *v);

/* Sets the seconds of both, and *ratio, b's to a's: the median of the rounds'. A hopeless b is
 * given up after two rounds. */
int rounds_time_both(const rounds *r, variant *a, variant *b, double *ratio);

#endif
