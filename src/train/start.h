/* The values that a training begins with. */
#ifndef TRAIN_START_H
#define TRAIN_START_H

#include "config/settings.h"
#include "nn/params.h"

/*
 * Initializes from train.seed, then loads the parameters of train.start_from that train.start_only selects, and logs
 * which. Stages that the model lacks keep random values. With train.start_mismatch = error, a missing or differently
 * shaped parameter is STATUS_DATA, and so is an unexpected one unless train.start_only is set; with skip they keep
 * their random values. STATUS_USAGE for a pattern that matches nothing.
 */
int start_values(params *p, const settings *s);

#endif
