/*
 * How a search spends its epochs: rung by rung. A random search has one rung, in which every trial
 * has all of train.epochs. Successive halving (Jamieson and Talwalkar 2016; the rungs of Li et al.
 * 2020, each finished before the next begins) gives every trial min_epochs, the best one in eta of
 * them eta times as many in all, and so on; those of the last rung have train.epochs. With eta 3,
 * min_epochs 1, 27 trials and 9 epochs: 27 x 1, 9 x 2 more, 3 x 6 more, 63 epochs instead of 243.
 */
#ifndef SEARCH_RUNGS_H
#define SEARCH_RUNGS_H

#include "search/trials.h"

long rungs_last(const space *s);

/* Epochs that a trial has had by the end of a rung. */
long rung_epochs(const space *s, long rung);

/* How many of `all` trials take part in a rung. */
size_t rung_size(const space *s, size_t all, long rung);

/* Whether that trial is to be trained in the rung, those before being over: it takes part, and has
 * no entry of this rung yet. */
bool rung_awaits(const trials *t, long rung, long number);

#endif
