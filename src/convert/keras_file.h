/*
 * What Keras has saved (.h5 of a whole model or of weights, .keras), as a list of layers with their arrays in
 * the order that Keras keeps them in.
 *
 *     keras_file *f;
 *     if (keras_open(&f, "my_best_model.h5")) ...
 *     keras_layer *first = keras_nth(f, KERAS_CONV2D, 0);
 *     keras_close(f);
 *
 * Within a class the order is that of the model, which for a functional model is by depth. Between classes it
 * is not known for weights of Keras 3, which are stored by class.
 */
#ifndef CONVERT_KERAS_FILE_H
#define CONVERT_KERAS_FILE_H

#include "exchange/safetensors.h"
#include <jansson.h>
#include <stdbool.h>

enum keras_class {
    KERAS_CONV2D,
    KERAS_CONV2D_TRANSPOSE,
    KERAS_BATCH_NORMALIZATION,
    KERAS_DENSE,
    KERAS_LAYER_NORMALIZATION,
    KERAS_ATTENTION, /* MultiHeadAttention */
    KERAS_EMBEDDING,
    KERAS_OTHER,
    KERAS_CLASSES
};

enum { KERAS_ARRAYS_MAX = 16 };

/* Arrays of an attention: kernel and bias of query, key, value and output. */
typedef struct keras_layer {
    char *name;
    enum keras_class class;
    const struct stored_tensor *arrays[KERAS_ARRAYS_MAX];
    int array_count;
} keras_layer;

typedef struct keras_file {
    const char *path;
    safetensors *tensors;
    json_t *config;      /* of the model; NULL in a file of weights alone */
    keras_layer *layers; /* those with arrays */
    size_t count, capacity;
} keras_file;

/* path must outlive the file. STATUS_DATA for what is no whole file of a Keras model. */
int keras_open(keras_file **out, const char *path);
void keras_close(keras_file *f);

size_t keras_count(const keras_file *f, enum keras_class class);

/* The index-th layer of that class; NULL behind the last. */
const keras_layer *keras_nth(const keras_file *f, enum keras_class class, size_t index);

/* Entries of the model's config, {"class_name": ..., "config": {"name": ...}, "inbound_nodes": ...}: the index-th, that of a
 * name, and the index-th of a class ("Activation"). NULL: there is none. */
const json_t *keras_entry(const keras_file *f, size_t index);
const json_t *keras_entry_named(const keras_file *f, const char *name);
const json_t *keras_entry_of_class(const keras_file *f, const char *class_name, size_t index);

/* A text of an entry or its config; NULL where there is none. */
const char *keras_text(const json_t *object, const char *key);

/* Whether the number, or each of a list, is this one; also where there is none, as Keras has it by default. */
bool keras_all_are(const json_t *value, long number);

/* "Conv2D", for messages. */
const char *keras_class_name(enum keras_class class);

/* "conv2d", what names of layers begin with. */
const char *keras_class_stem(enum keras_class class);

#endif
