/*
 * Which parameters a training leaves as they are, and how fast it moves the others. It follows from the
 * settings and the epoch alone:
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

/* Whether other parameters may be frozen than in the epoch before. */
bool freezing_changes(const settings *s, long epoch);

/* The first epoch of the stretch without a change that the epoch is in. */
long freezing_since(const settings *s, long epoch);

/* Once the network has declared its params: STATUS_USAGE for a pattern that no name matches, with the nearest
 * names, and for an epoch that trains nothing. */
int freezing_check(const settings *s, const params *p);

/* A pattern of that key must match a name. */
int freezing_check_pattern(const params *p, const char *key, const char *pattern);

/* Trainable parameters in that epoch, as params_trainable() counts. 0 also after fail(). */
size_t freezing_trainable(const settings *s, const params *p, long epoch);

/* The last epoch that the settings name; 1 if they name none. */
long freezing_last_change(const settings *s);

/* Epochs after which it begins anew; 0: never. */
long freezing_period(const settings *s);

#endif
