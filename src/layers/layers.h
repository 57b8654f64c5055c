/*
 * The layers a model builder can add, each a call that takes tensors to a tensor (NULL once an
 * addition failed, see nn/graph.h). Semantics are Keras', layouts NHWC, everything fp32.
 */
#ifndef LAYERS_LAYERS_H
#define LAYERS_LAYERS_H

#include "nn/graph.h"

enum activation { ACT_LINEAR, ACT_RELU, ACT_LEAKY_RELU, ACT_SIGMOID, ACT_TANH };

/* What the layers keep of their calls below, in layer->options. */
struct conv2d_options {
    int filters, kernel, stride;
};
struct conv2d_transpose_options {
    int filters;
};
struct activation_options { /* of activation and of batch_norm */
    enum activation kind;
};

/* "relu", ...; ACT_LINEAR for an unknown name. */
enum activation activation_named(const char *name);
const char *activation_name(enum activation a);

/* Conv2D 'same' with bias, odd kernel, stride 1 or 2: (n, h, w, c) to (n, ceil(h/stride),
 * ceil(w/stride), filters). Params kernel (kernel, kernel, c, filters), bias (filters). */
tensor *conv2d(graph *g, const char *name, tensor *x, int filters, int kernel, int stride);

/* Conv2DTranspose 3x3, stride 2, 'same', with bias: (n, h, w, c) to (n, 2h, 2w, filters). Params
 * kernel (3, 3, filters, c), bias (filters). */
tensor *conv2d_transpose(graph *g, const char *name, tensor *x, int filters);

/* BatchNormalization (momentum 0.99, epsilon 1e-3, biased variance) and an activation behind it.
 * Params gamma, beta and the moving_mean, moving_variance that inference uses, all (c). */
tensor *batch_norm(graph *g, const char *name, tensor *x, enum activation a);

/* An activation alone; runs in place where the plan finds that nobody else needs x. */
tensor *activation(graph *g, const char *name, tensor *x, enum activation a);

/* MaxPooling2D 2x2, stride 2, 'valid': (n, h, w, c) to (n, h/2, w/2, c). */
tensor *max_pool(graph *g, const char *name, tensor *x);

/* Concatenate on channels: a's, then b's. */
tensor *concat(graph *g, const char *name, tensor *a, tensor *b);

/* MeanSquaredError over all elements: a loss, (1, 1, 1, 1). truth gets no gradient. */
tensor *mse(graph *g, const char *name, tensor *prediction, tensor *truth);

/* Every kind of layer, for whoever checks or lists them. */
extern const layer_type *const layer_table[];
extern const size_t layer_table_count;
extern const layer_type conv2d_layer, conv2d_transpose_layer, batch_norm_layer, activation_layer,
    max_pool_layer, concat_layer, mse_layer;

#endif
