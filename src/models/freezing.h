/*
 * Which parameters training freezes, and the factors on the rates of the others. It follows from the settings
 * and the epoch alone:
 *
 *     [train]     freeze = encoder*, bottleneck*
 *     [unfreeze]  5 = bottleneck/block3*
 *                 10 = bottleneck*
 *     [freeze]    20 = bottleneck*
 *     [rate]      encoder* = 0.1
 *
 * Beginning with train.freeze, each epoch's [freeze] and then its [unfreeze] are applied, up to the epoch in
 * question. With `every = N`, epoch N + 1 is as epoch 1, and so on. Transfer learning in this manner is Howard
 * and Ruder 2018 (ULMFiT: gradual unfreezing, discriminative rates).
 */
#ifndef MODELS_FREEZING_H
#define MODELS_FREEZING_H

#include "config/settings.h"
#include "nn/params.h"

/* Params with the rules of that epoch (1 is the first). */
int freezing_params(params **out, device *d, const settings *s, long epoch);

/* The next epoch of the first cycle that the settings name; 0: there is none. */
long freezing_next(const settings *s, long epoch);

/* Whether that epoch freezes what is frozen in p. */
int freezing_is_same(const settings *s, const params *p, long epoch, bool *same);

/* The last epoch up to this one that the settings name, in its cycle, or the cycle's first; 1 where nothing ever
 * changes. */
long freezing_since(const settings *s, long epoch);

/* Once the network has declared its params: STATUS_USAGE for a pattern that no name matches, with the nearest
 * names, and for an epoch that trains nothing. */
int freezing_check(const settings *s, const params *p);

/* A pattern of that key must match a name. */
int freezing_check_pattern(const params *p, const char *key, const char *pattern);

/* Trainable parameters in that epoch, as params_trainable() counts. 0 also after fail(). */
size_t freezing_trainable(const settings *s, const params *p, long epoch);

#endif
