/*
 * How moving averages begin (train.moving_averages). One that always keeps 99 % is, after n steps, still
 * 0.99^n what it started from: batch norm's averages, which start at 0 and 1, are of no use before step
 * 500, and a model that is validated with them looks untrained. Warm averages keep less in the first
 * steps.
 */
#ifndef TRAIN_AVERAGES_H
#define TRAIN_AVERAGES_H

#include <stdbool.h>

/*
 * The share that an average keeps in the step after `steps` others: decay, or while it is warming up
 * (1 + steps) / (10 + steps), as TensorFlow's ExponentialMovingAverage does it. So the first step keeps
 * a tenth, the window is about a ninth of the steps so far, and 0.99 is reached at step 891.
 */
double averages_decay(double decay, bool warm, long steps);

#endif
