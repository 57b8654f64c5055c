/*
 * Where Keras keeps the parameters of one of our networks: which layer of which class, in the order that a
 * functional model has, and which of its arrays. Decoders of the sources take turns, because Keras sorts
 * layers by depth; a U-Net's heads, one layer here, are a layer for each source there.
 */
#ifndef CONVERT_KERAS_SLOTS_H
#define CONVERT_KERAS_SLOTS_H

#include "convert/keras_file.h"
#include "models/network.h"

typedef struct keras_slot {
    const param *param;
    enum keras_class class;
    size_t index;    /* among the layers of that class */
    int array;       /* among the layer's arrays */
    int part, parts; /* of the param's last dimension; 1 where the array is all of it */
} keras_slot;

typedef struct keras_slots {
    keras_slot *items; /* in the order of Keras' layers and arrays */
    size_t count, capacity;
    size_t layers[KERAS_CLASSES]; /* of each class */
} keras_slots;

/* STATUS_USAGE for a network that Keras cannot have: stages, gates, residual modules. Starts as {0}; release
 * also after a failure. */
int keras_slots_of(keras_slots *out, const network *n, const settings *s);
void keras_slots_release(keras_slots *s);

/* The part of the param's values that belongs to a slot, from (to_param) or to a Keras array. */
void keras_slot_copy(const keras_slot *slot, float *param_values, float *array, bool to_param);

/* How many arrays the slot's layer has in Keras. */
int keras_slot_arrays(const keras_slots *s, const keras_slot *slot);

/* What the array's shape is in Keras; an attention's head count is that of its layer. */
int keras_slot_dims(const keras_slot *slot, size_t dims[4]);

#endif
