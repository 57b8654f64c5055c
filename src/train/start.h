/* The values that a training begins with. */
#ifndef TRAIN_START_H
#define TRAIN_START_H

#include "config/settings.h"
#include "nn/params.h"

/*
 * Random values from train.seed; then, of train.start_from, the parameters that train.start_only names, and a
 * line that says which were taken. Stages that the model has not begin at random. With train.start_mismatch = error, a parameter that the model lacks or has
 * in another shape is STATUS_DATA, and without train.start_only also one that only the model has; with skip
 * they stay random. STATUS_USAGE for a pattern that no parameter has.
 */
int start_values(params *p, const settings *s);

#endif
