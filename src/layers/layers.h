/*
 * The layers a model builder can add, each a call that takes tensors to a tensor (NULL once an
 * addition failed, see nn/graph.h). Semantics are Keras', layouts NHWC, everything fp32.
 */
#ifndef LAYERS_LAYERS_H
#define LAYERS_LAYERS_H

#include "../cl/constants.h"
#include "nn/graph.h"

enum activation {
    ACT_LINEAR = ACTIVATION_LINEAR,
    ACT_RELU = ACTIVATION_RELU,
    ACT_LEAKY_RELU = ACTIVATION_LEAKY_RELU,
    ACT_SIGMOID = ACTIVATION_SIGMOID,
    ACT_TANH = ACTIVATION_TANH
};

/* What the layers keep of their calls below, in layer->options. */
enum conv2d_flags {
    CONV2D_NO_BIAS = 1,
    CONV2D_HE_NORMAL = 2 /* the kernel starts He normal rather than Glorot uniform */
};
struct conv2d_options {
    int filters, kernel, stride;
    unsigned flags; /* of enum conv2d_flags */
};
struct conv2d_transpose_options {
    int filters;
};
struct activation_options { /* of activation and of batch_norm */
    enum activation kind;
};
struct dense_options {
    int units, heads;  /* units: of each head */
    bool out_of_heads; /* the heads are the input's, and units the output */
    bool he_normal;    /* the kernel starts He normal rather than Glorot uniform */
};
struct attention_options {
    int heads;
};
struct position_embedding_options {
    bool fixed; /* the table stays as it starts */
};
struct dropout_options {
    double rate;
};
enum { LAYER_SOURCES_MAX = 4 };
struct mse_options {
    int sources;
    float weights[LAYER_SOURCES_MAX]; /* of their losses in what training makes small */
};

struct assignment_options {
    int sources;
};

struct consistent_options {
    int sources;
    float weights[LAYER_SOURCES_MAX]; /* of the sources in the mixture */
};

/* "relu", ...; ACT_LINEAR for an unknown name. */
enum activation activation_named(const char *name);
/* act(x) = x < 0 ? slope * x : x, and with which slope. */
bool activation_is_piecewise_linear(enum activation a);
float activation_slope_below_zero(enum activation a);

/* Conv2D 'same' with bias, odd kernel, stride 1 or 2: (n, h, w, c) to (n, ceil(h/stride),
 * ceil(w/stride), filters). Params kernel (kernel, kernel, c, filters), bias (filters). */
tensor *conv2d(graph *g, const char *name, tensor *x, int filters, int kernel, int stride);

/* So many heads in one Conv2D with stride 1, a head's filters side by side: the kernel starts as those of
 * separate heads would. */
tensor *conv2d_heads(graph *g, const char *name, tensor *x, int filters, int heads, int kernel);

/* Conv2D with stride 1, without bias, He normal: CBAM's spatial attention. Param kernel. */
tensor *conv2d_plain(graph *g, const char *name, tensor *x, int filters, int kernel);

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

/* Add. Runs in place of a where nobody else needs a: of a residual pair, give the branch first. */
tensor *add(graph *g, const char *name, tensor *a, tensor *b);

/* a * sigmoid(b) (gated linear unit, Dauphin et al. 2017), where a is the first half of x's channels and b the
 * second: (n, h, w, 2c) to (n, h, w, c). An odd number of channels is an error. */
tensor *gate(graph *g, const char *name, tensor *x);

/* Dense on the channels of each pixel: (n, h, w, c) to (n, h, w, units). Params kernel (c, units),
 * bias (units). dense_he() starts He normal. */
tensor *dense(graph *g, const char *name, tensor *x, int units);
tensor *dense_he(graph *g, const char *name, tensor *x, int units);

/* The projections of Keras' MultiHeadAttention: into heads of `units` channels each, kernel (c, heads,
 * units), bias (heads, units); and from heads to `units` channels, kernel (heads, c / heads, units). */
tensor *dense_into_heads(graph *g, const char *name, tensor *x, int heads, int units);
tensor *dense_out_of_heads(graph *g, const char *name, tensor *x, int heads, int units);

/* For each head softmax(q k^T / sqrt(d)) v over the tokens, which are an image's pixels; q, k, v and
 * the result are (n, h, w, heads * d). */
tensor *attention(graph *g, const char *name, tensor *q, tensor *k, tensor *v, int heads);

/* LayerNormalization over channels, epsilon 1e-6. Params gamma, beta (c). */
tensor *layer_norm(graph *g, const char *name, tensor *x);

/* x + table, where a token is a pixel. The param bears the layer's name: (h * w, c), starts normal,
 * and stays so if not trained. May run in place. */
tensor *position_embedding(graph *g, const char *name, tensor *x, bool trained);

/* Dropout, 0 <= rate < 1. The mask follows from run.seed, run.step and the layer's name. May
 * run in place. */
tensor *dropout(graph *g, const char *name, tensor *x, double rate);

/* The mean and the maximum over each image's pixels: (n, h, w, c) to (n, 2, 1, c), mean first. On
 * ties the first maximum in row order takes the gradient. */
tensor *global_pool(graph *g, const char *name, tensor *x);

/* Sums over each image's (few) pixels: (n, h, w, c) to (n, 1, 1, c). */
tensor *sum_pixels(graph *g, const char *name, tensor *x);

/* The mean and the maximum over each pixel's channels: (n, h, w, c) to (n, h, w, 2), mean first. On
 * ties the lowest channel takes the gradient. */
tensor *channel_pool(graph *g, const char *name, tensor *x);

/* x (n, h, w, c) * factor, which is (n, 1, 1, c) of channels or (n, h, w, 1) of pixels. */
tensor *scale_channels(graph *g, const char *name, tensor *x, tensor *factor);
tensor *scale_pixels(graph *g, const char *name, tensor *x, tensor *factor);

/* MeanSquaredError of each source, whose channels lie side by side in (n, h, w, sources * c): losses
 * (1, 1, 1, sources). Gradients are those of the losses' sum, each times its weight; NULL for weights of
 * 1. truth gets no gradient. */
tensor *mse(graph *g, const char *name, tensor *prediction, tensor *truth, int sources,
            const float weights[]);

/* truth with the sources of each picture in the order that is nearest to the output: the smallest sum of squared
 * errors, of equal ones the first. Both are (n, h, w, sources * c), as is the result. No gradients: what trains
 * an output towards it is the loss behind (permutation invariant training, Yu et al. 2017). */
tensor *assignment(graph *g, const char *name, tensor *output, tensor *truth, int sources);

/* Of all sources in 0..1 whose blend, each times its weight, is the mixture (n, h, w, c), those nearest to z
 * (n, h, w, sources * c): the Euclidean projection. Weights are above 0. Gradients pass as if there were
 * no limits of 0 and 1 (straight-through). May run in place. */
tensor *consistent(graph *g, const char *name, tensor *z, tensor *mixture, int sources,
                   const float weights[]);

/* Every kind of layer: x.c has x_layer, and src/check has x_reference for it. */
#define LAYERS(X)                                                                                  \
    X(conv2d)                                                                                      \
    X(conv2d_transpose)                                                                            \
    X(batch_norm)                                                                                  \
    X(activation)                                                                                  \
    X(max_pool)                                                                                    \
    X(concat)                                                                                      \
    X(mse)                                                                                         \
    X(layer_norm)                                                                                  \
    X(position_embedding)                                                                          \
    X(dropout)                                                                                     \
    X(add)                                                                                         \
    X(global_pool)                                                                                 \
    X(sum_pixels)                                                                                  \
    X(channel_pool)                                                                                \
    X(scale_channels)                                                                              \
    X(scale_pixels)                                                                                \
    X(dense)                                                                                       \
    X(attention)                                                                                   \
    X(consistent)                                                                                  \
    X(gate)                                                                                        \
    X(assignment)
#define DECLARE_LAYER(name) extern const layer_type name##_layer;
LAYERS(DECLARE_LAYER)

#endif
