/* Which layer of a Keras model reads which, by its config. */
#ifndef CONVERT_KERAS_WIRING_H
#define CONVERT_KERAS_WIRING_H

#include "config/settings.h"
#include "convert/keras_file.h"
#include <stdbool.h>

/* The index-th layer that the entry reads; NULL behind the last. */
const json_t *keras_input(const keras_file *f, const json_t *entry, int index);

/* The first layer that reads the one of that name; NULL: none. */
const json_t *keras_follower(const keras_file *f, const char *name);

/* Whether it is a layer of its own for an activation, of any kind. */
bool keras_is_activation(const json_t *entry);

/* fail(): the layer of that name differs from ours; what: "has unsupported strides". */
int keras_differs(const keras_file *f, const char *name, const char *what);

/*
 * That pools halve, that a U-Net has no layers but its own, that each of them reads what it reads in ours, and that the
 * outputs are in the order of their layers. Of a UNet-Transformer, which has many ways of being written, only what is
 * certainly another network is found. STATUS_DATA, naming the layer.
 */
int keras_check_wiring(const keras_file *f, const settings *s);

#endif
