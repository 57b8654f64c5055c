/* Models of Keras as models of unblend, and back. */
#ifndef CONVERT_KERAS_H
#define CONVERT_KERAS_H

#include "models/model_file.h"

/*
 * Writes `to`, a model, from a file of Keras. overrides ("section.key=value") go over what is found in it.
 * STATUS_DATA for a file or a network that does not fit, naming the layer and both shapes.
 */
int keras_import(const char *from, const char *to, const char *const *overrides, size_t count);

/* As model_open(), and a file of Keras is imported on the way: into memory, the overrides as in keras_import(). */
int keras_model_open(const char *path, const char *const *overrides, size_t count, model_file *out);

/* The same for its parameters alone: without a warning of settings that a file of Keras does not contain. */
int keras_params_open(const char *path, model_file *out);

/*
 * Writes `to`, an .h5 file of weights in the form of Keras 2, which load_weights() of the same functional model
 * reads (tried in Keras 3.15). STATUS_USAGE for a network that Keras' systems do not have.
 */
int keras_export(const model_file *m, const char *to);

#endif
