/*
 * The error of a network on random pairs, by the metric of the published results:
 * mse = (mean((A'-A)^2) + mean((B'-B)^2)) / 2 over the full 32x32 image.
 */
#ifndef TRAIN_EVALUATE_H
#define TRAIN_EVALUATE_H

#include "data/mixer.h"
#include "models/network.h"

typedef struct evaluator evaluator;

/* n: a NETWORK_INFER network, prepared; both stay the caller's. */
int evaluator_new(evaluator **out, network *n, mixer *m);
void evaluator_free(evaluator *e);

/* Mean squared error per source over the pairs position .. position + samples - 1 of the sequence
 * (split, seed, stream). */
int evaluator_run(evaluator *e, enum split split, unsigned long seed, unsigned stream,
                  unsigned long position, long samples, double mse[SOURCES]);

#endif
