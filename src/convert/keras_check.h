/* Checks that a Keras model computes the same as the network that takes its weights. */
#ifndef CONVERT_KERAS_CHECK_H
#define CONVERT_KERAS_CHECK_H

#include "convert/keras_slots.h"

/*
 * What the model's config says of each layer: strides, dilation, padding, data format, epsilon, the activation in it or
 * behind it, and the layers that it reads (keras_wiring.h). STATUS_DATA for what differs, naming the layer.
 * Nothing is checked in a file of weights alone.
 */
int keras_check(const keras_file *f, const keras_slots *slots, const settings *s);

/* "relu", of an activation layer of any class or of what another layer's config has; NULL: none, or linear. "other" for
 * what none of ours is. */
const char *keras_activation(const json_t *entry);

/* The same of the model's first activation layer. NULL also if there is none. */
const char *keras_first_activation(const keras_file *f);

#endif
