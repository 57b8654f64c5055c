/* What others need to know of a batch_norm layer to do what it has deferred: where it keeps what. */
#ifndef LAYERS_BATCH_NORM_H
#define LAYERS_BATCH_NORM_H

/* layer->params, all (channels), and layer->saved. */
enum { BATCH_NORM_GAMMA, BATCH_NORM_BETA, BATCH_NORM_MOVING_MEAN, BATCH_NORM_MOVING_VARIANCE };
enum { BATCH_NORM_MOMENTS }; /* (MOMENT_ROWS, channels) as cl/constants.h has them */

#endif
