/* The references of layers, from the functions of reference.h. One in a file of its own is as good. */
#include "check/layer_check.h"

#include "base/rng.h"
#include "base/streams.h"
#include "check/reference.h"
#include "layers/layers.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static struct reference_conv conv_of(const layer *l, int kernel, int stride)
{
    shape x = l->inputs[0]->shape;
    return (struct reference_conv){x.n, x.h, x.w, x.c, l->output->shape.c, kernel, stride};
}

static void conv2d_forward(reference_run *r)
{
    const struct conv2d_options *o = r->layer->options;
    struct reference_conv shape = conv_of(r->layer, o->kernel, o->stride);
    reference_conv2d_forward(&shape, r->inputs[0], r->params[0], r->params[1], r->y);
}

static void conv2d_backward(reference_run *r)
{
    const struct conv2d_options *o = r->layer->options;
    struct reference_conv shape = conv_of(r->layer, o->kernel, o->stride);
    reference_conv2d_backward(&shape, r->inputs[0], r->params[0], r->g, r->dinputs[0],
                              r->dparams[0], r->dparams[1]);
}

static void conv2d_transpose_forward(reference_run *r)
{
    struct reference_conv shape = conv_of(r->layer, 3, 2);
    reference_conv2d_transpose_forward(&shape, r->inputs[0], r->params[0], r->params[1], r->y);
}

static void conv2d_transpose_backward(reference_run *r)
{
    struct reference_conv shape = conv_of(r->layer, 3, 2);
    reference_conv2d_transpose_backward(&shape, r->inputs[0], r->params[0], r->g, r->dinputs[0],
                                        r->dparams[0], r->dparams[1]);
}

static void activate(enum activation kind, size_t count, const double *x, double *y)
{
    switch (kind) {
    case ACT_LINEAR:
        memmove(y, x, count * sizeof *y);
        break;
    case ACT_RELU:
        reference_relu_forward(count, x, y);
        break;
    case ACT_LEAKY_RELU:
        reference_leaky_relu_forward(count, x, y);
        break;
    case ACT_SIGMOID:
        reference_sigmoid_forward(count, x, y);
        break;
    case ACT_TANH:
        reference_tanh_forward(count, x, y);
        break;
    }
}

static void activate_backward(enum activation kind, size_t count, const double *y, const double *g,
                              double *dx)
{
    switch (kind) {
    case ACT_LINEAR:
        memmove(dx, g, count * sizeof *dx);
        break;
    case ACT_RELU:
        reference_relu_backward(count, y, g, dx);
        break;
    case ACT_LEAKY_RELU:
        reference_leaky_relu_backward(count, y, g, dx);
        break;
    case ACT_SIGMOID:
        reference_sigmoid_backward(count, y, g, dx);
        break;
    case ACT_TANH:
        reference_tanh_backward(count, y, g, dx);
        break;
    }
}

static void activation_forward(reference_run *r)
{
    const struct activation_options *o = r->layer->options;
    activate(o->kind, shape_count(r->layer->output->shape), r->inputs[0], r->y);
}

static void activation_backward(reference_run *r)
{
    const struct activation_options *o = r->layer->options;
    activate_backward(o->kind, shape_count(r->layer->output->shape), r->y, r->g, r->dinputs[0]);
}

static struct reference_rows rows_of(const layer *l)
{
    shape y = l->output->shape;
    return (struct reference_rows){(size_t)y.n * y.h * y.w, (size_t)y.c};
}

enum { GAMMA, BETA, MOVING_MEAN, MOVING_VARIANCE };

/* A frozen norm does in training what it does in inference. */
static bool norm_is_frozen(const layer *l)
{
    return l->params[GAMMA]->frozen && l->params[BETA]->frozen;
}

/* Before the activation. Frozen statistics do not move. */
static void normalise(const reference_run *r, double *y)
{
    struct reference_rows rows = rows_of(r->layer);
    const double *x = r->inputs[0], *gamma = r->params[GAMMA], *beta = r->params[BETA];
    double *mean = r->params[MOVING_MEAN], *variance = r->params[MOVING_VARIANCE];
    if (r->inference || norm_is_frozen(r->layer)) {
        reference_batch_norm_inference(&rows, x, gamma, beta, mean, variance, y);
        return;
    }
    double *unused = calloc(rows.channels, sizeof *unused);
    bool still = r->layer->params[MOVING_MEAN]->frozen;
    if (unused)
        reference_batch_norm_forward(&rows, x, gamma, beta, still ? unused : mean,
                                     still ? unused : variance, y);
    free(unused);
}

static void batch_norm_forward(reference_run *r)
{
    const struct activation_options *o = r->layer->options;
    normalise(r, r->y);
    activate(o->kind, shape_count(r->layer->output->shape), r->y, r->y);
}

static void batch_norm_backward(reference_run *r)
{
    const struct activation_options *o = r->layer->options;
    struct reference_rows rows = rows_of(r->layer);
    size_t count = rows.rows * rows.channels, bytes = rows.channels * sizeof(double);
    double *inside = calloc(count, sizeof *inside), *kept = calloc(rows.channels, 2 * sizeof *kept);
    if (inside && kept) {
        reference_run again = *r; /* with statistics of its own: they move once a step */
        again.params[MOVING_MEAN] = memcpy(kept, r->params[MOVING_MEAN], bytes);
        again.params[MOVING_VARIANCE] =
            memcpy(kept + rows.channels, r->params[MOVING_VARIANCE], bytes);
        normalise(&again, inside);
        for (size_t i = 0; i < count; i++)
            if (fabs(inside[i]) < 1e-4 && (o->kind == ACT_RELU || o->kind == ACT_LEAKY_RELU))
                r->g[i] = 0;
        activate_backward(o->kind, count, r->y, r->g, inside);
        if (norm_is_frozen(r->layer))
            reference_batch_norm_frozen_backward(&rows, r->params[GAMMA],
                                                 r->params[MOVING_VARIANCE], inside, r->dinputs[0]);
        else
            reference_batch_norm_backward(&rows, r->inputs[0], r->params[GAMMA], inside,
                                          r->dinputs[0], r->dparams[GAMMA], r->dparams[BETA]);
    }
    free(inside);
    free(kept);
}

static struct reference_image image_of(const layer *l)
{
    shape x = l->inputs[0]->shape;
    return (struct reference_image){x.n, x.h, x.w, x.c};
}

static void max_pool_forward(reference_run *r)
{
    struct reference_image shape = image_of(r->layer);
    reference_max_pool_forward(&shape, r->inputs[0], r->y);
}

static void max_pool_backward(reference_run *r)
{
    struct reference_image shape = image_of(r->layer);
    reference_max_pool_backward(&shape, r->inputs[0], r->g, r->dinputs[0]);
}

static void concat_forward(reference_run *r)
{
    const layer *l = r->layer;
    reference_concat_forward(rows_of(l).rows, (size_t)l->inputs[0]->shape.c,
                             (size_t)l->inputs[1]->shape.c, r->inputs[0], r->inputs[1], r->y);
}

static void concat_backward(reference_run *r)
{
    const layer *l = r->layer;
    reference_concat_backward(rows_of(l).rows, (size_t)l->inputs[0]->shape.c,
                              (size_t)l->inputs[1]->shape.c, r->g, r->dinputs[0], r->dinputs[1]);
}

static struct reference_mse mse_of(const layer *l)
{
    const struct mse_options *o = l->options;
    shape s = l->inputs[0]->shape;
    size_t sources = (size_t)o->sources;
    return (struct reference_mse){shape_count(s) / (size_t)s.c, sources, (size_t)s.c / sources,
                                  o->weights};
}

static void mse_forward(reference_run *r)
{
    struct reference_mse m = mse_of(r->layer);
    reference_mse_forward(&m, r->inputs[0], r->inputs[1], r->y);
}

static void mse_backward(reference_run *r)
{
    struct reference_mse m = mse_of(r->layer);
    reference_mse_backward(&m, r->inputs[0], r->inputs[1], r->dinputs[0]);
}

static void layer_norm_forward(reference_run *r)
{
    struct reference_rows rows = rows_of(r->layer);
    reference_layer_norm_forward(&rows, r->inputs[0], r->params[GAMMA], r->params[BETA], r->y);
}

static void layer_norm_backward(reference_run *r)
{
    struct reference_rows rows = rows_of(r->layer);
    reference_layer_norm_backward(&rows, r->inputs[0], r->params[GAMMA], r->g, r->dinputs[0],
                                  r->dparams[GAMMA], r->dparams[BETA]);
}

static void position_embedding_forward(reference_run *r)
{
    size_t count = shape_count(r->layer->output->shape), values = r->layer->params[0]->count;
    for (size_t i = 0; i < count; i += values)
        reference_add_forward(values, r->inputs[0] + i, r->params[0], r->y + i);
}

static void position_embedding_backward(reference_run *r)
{
    size_t count = shape_count(r->layer->output->shape), values = r->layer->params[0]->count;
    memmove(r->dinputs[0], r->g, count * sizeof *r->g);
    for (size_t k = 0; r->dparams[0] && k < values; k++) {
        r->dparams[0][k] = 0;
        for (size_t i = k; i < count; i += values)
            r->dparams[0][k] += r->g[i];
    }
}

/* to = from times the mask; layer_check() leaves the run's seed and step at 0. */
static void drop(const layer *l, const double *from, double *to)
{
    double rate = ((const struct dropout_options *)l->options)->rate;
    size_t count = shape_count(l->output->shape);
    rng random = rng_start(0, stream_of_name(STREAM_DROPOUT, l->name));
    for (size_t i = 0; i < count; i++)
        to[i] = rng_word(&random) < floor(rate * 4294967296.0) ? 0 : from[i] / (1 - rate);
}

static void dropout_forward(reference_run *r)
{
    if (r->inference)
        memmove(r->y, r->inputs[0], shape_count(r->layer->output->shape) * sizeof *r->y);
    else
        drop(r->layer, r->inputs[0], r->y);
}

static void dropout_backward(reference_run *r)
{
    drop(r->layer, r->g, r->dinputs[0]);
}

static void add_forward(reference_run *r)
{
    reference_add_forward(shape_count(r->layer->output->shape), r->inputs[0], r->inputs[1], r->y);
}

static void add_backward(reference_run *r)
{
    reference_add_backward(shape_count(r->layer->output->shape), r->g, r->dinputs[0],
                           r->dinputs[1]);
}

static void gate_forward(reference_run *r)
{
    shape y = r->layer->output->shape;
    reference_gate_forward(shape_count(y) / (size_t)y.c, (size_t)y.c, r->inputs[0], r->y);
}

static void gate_backward(reference_run *r)
{
    shape y = r->layer->output->shape;
    reference_gate_backward(shape_count(y) / (size_t)y.c, (size_t)y.c, r->inputs[0], r->g,
                            r->dinputs[0]);
}

/* Image by image, as the reference keeps means and maxima apart. */
static void global_pool_forward(reference_run *r)
{
    struct reference_image image = image_of(r->layer);
    size_t c = (size_t)image.c, values = (size_t)image.h * (size_t)image.w * c;
    int images = image.n;
    image.n = 1;
    for (int n = 0; n < images; n++) {
        reference_global_average_forward(&image, r->inputs[0] + n * values, r->y + 2 * n * c);
        reference_global_max_forward(&image, r->inputs[0] + n * values, r->y + 2 * n * c + c);
    }
}

static void global_pool_backward(reference_run *r)
{
    struct reference_image image = image_of(r->layer);
    size_t c = (size_t)image.c, values = (size_t)image.h * (size_t)image.w * c;
    int images = image.n;
    double *part = calloc(values, sizeof *part);
    image.n = 1;
    for (int n = 0; part && n < images; n++) {
        const double *x = r->inputs[0] + n * values, *g = r->g + 2 * n * c;
        double *dx = r->dinputs[0] + n * values;
        reference_global_average_backward(&image, g, dx);
        reference_global_max_backward(&image, x, g + c, part);
        reference_add_forward(values, dx, part, dx);
    }
    free(part);
}

static void sum_pixels_forward(reference_run *r)
{
    struct reference_image shape = image_of(r->layer);
    reference_global_average_forward(&shape, r->inputs[0], r->y);
    for (int i = 0; i < shape.n * shape.c; i++)
        r->y[i] *= shape.h * shape.w;
}

static void sum_pixels_backward(reference_run *r)
{
    struct reference_image shape = image_of(r->layer);
    size_t count = shape_count(r->layer->inputs[0]->shape);
    reference_global_average_backward(&shape, r->g, r->dinputs[0]);
    for (size_t i = 0; i < count; i++)
        r->dinputs[0][i] *= shape.h * shape.w;
}

/* Row by row, as the reference keeps means and maxima apart. */
static void channel_pool_forward(reference_run *r)
{
    struct reference_rows all = rows_of(r->layer);
    size_t c = (size_t)r->layer->inputs[0]->shape.c;
    struct reference_rows row = {1, c};
    for (size_t i = 0; i < all.rows; i++) {
        reference_channel_mean_forward(&row, r->inputs[0] + i * c, r->y + 2 * i);
        reference_channel_max_forward(&row, r->inputs[0] + i * c, r->y + 2 * i + 1);
    }
}

static void channel_pool_backward(reference_run *r)
{
    struct reference_rows all = rows_of(r->layer);
    size_t c = (size_t)r->layer->inputs[0]->shape.c;
    struct reference_rows row = {1, c};
    double *part = calloc(c, sizeof *part);
    for (size_t i = 0; part && i < all.rows; i++) {
        double *dx = r->dinputs[0] + i * c;
        reference_channel_mean_backward(&row, r->g + 2 * i, dx);
        reference_channel_max_backward(&row, r->inputs[0] + i * c, r->g + 2 * i + 1, part);
        reference_add_forward(c, dx, part, dx);
    }
    free(part);
}

static void scale_channels_forward(reference_run *r)
{
    struct reference_image shape = image_of(r->layer);
    reference_scale_channels_forward(&shape, r->inputs[0], r->inputs[1], r->y);
}

static void scale_channels_backward(reference_run *r)
{
    struct reference_image shape = image_of(r->layer);
    reference_scale_channels_backward(&shape, r->inputs[0], r->inputs[1], r->g, r->dinputs[0],
                                      r->dinputs[1]);
}

static void scale_pixels_forward(reference_run *r)
{
    struct reference_rows rows = rows_of(r->layer);
    reference_scale_pixels_forward(&rows, r->inputs[0], r->inputs[1], r->y);
}

static void scale_pixels_backward(reference_run *r)
{
    struct reference_rows rows = rows_of(r->layer);
    reference_scale_pixels_backward(&rows, r->inputs[0], r->inputs[1], r->g, r->dinputs[0],
                                    r->dinputs[1]);
}

static struct reference_dense dense_of(const layer *l)
{
    return (struct reference_dense){rows_of(l).rows, (size_t)l->inputs[0]->shape.c,
                                    (size_t)l->output->shape.c};
}

static void dense_forward(reference_run *r)
{
    struct reference_dense shape = dense_of(r->layer);
    reference_dense_forward(&shape, r->inputs[0], r->params[0], r->params[1], r->y);
}

static void dense_backward(reference_run *r)
{
    struct reference_dense shape = dense_of(r->layer);
    reference_dense_backward(&shape, r->inputs[0], r->params[0], r->g, r->dinputs[0], r->dparams[0],
                             r->dparams[1]);
}

static struct reference_attention attention_of(const layer *l)
{
    const struct attention_options *o = l->options;
    shape q = l->inputs[0]->shape;
    return (struct reference_attention){(size_t)q.n, (size_t)q.h * (size_t)q.w, (size_t)o->heads,
                                        (size_t)(q.c / o->heads)};
}

static double *new_weights(const struct reference_attention *shape)
{
    return calloc(shape->n * shape->heads * shape->tokens * shape->tokens, sizeof(double));
}

static void attention_forward(reference_run *r)
{
    struct reference_attention shape = attention_of(r->layer);
    double *weights = new_weights(&shape);
    if (weights)
        reference_attention_forward(&shape, r->inputs[0], r->inputs[1], r->inputs[2], weights,
                                    r->y);
    free(weights);
}

static void attention_backward(reference_run *r)
{
    struct reference_attention shape = attention_of(r->layer);
    double *weights = new_weights(&shape);
    if (weights) {
        reference_attention_forward(&shape, r->inputs[0], r->inputs[1], r->inputs[2], weights,
                                    r->y);
        reference_attention_backward(&shape, r->inputs[0], r->inputs[1], r->inputs[2], weights,
                                     r->g, r->dinputs[0], r->dinputs[1], r->dinputs[2]);
    }
    free(weights);
}

static struct reference_mixture mixture_of(const layer *l, double weights[])
{
    const struct consistent_options *o = l->options;
    shape x = l->inputs[1]->shape;
    for (int k = 0; k < o->sources; k++)
        weights[k] = (double)o->weights[k];
    return (struct reference_mixture){(size_t)x.n * (size_t)x.h * (size_t)x.w, (size_t)x.c,
                                      (size_t)o->sources, weights};
}

static void consistent_forward(reference_run *r)
{
    double weights[LAYER_SOURCES_MAX];
    struct reference_mixture shape = mixture_of(r->layer, weights);
    reference_consistent_forward(&shape, r->inputs[0], r->inputs[1], r->y);
}

static void consistent_backward(reference_run *r)
{
    double weights[LAYER_SOURCES_MAX];
    struct reference_mixture shape = mixture_of(r->layer, weights);
    reference_consistent_backward(&shape, r->g, r->dinputs[0], r->dinputs[1]);
}

#define REFERENCE(name) const layer_reference name##_reference = {name##_forward, name##_backward};
REFERENCE(conv2d)
REFERENCE(conv2d_transpose)
REFERENCE(batch_norm)
REFERENCE(activation)
REFERENCE(max_pool)
REFERENCE(concat)
REFERENCE(mse)
REFERENCE(gate)
REFERENCE(layer_norm)
REFERENCE(position_embedding)
REFERENCE(dropout)
REFERENCE(add)
REFERENCE(global_pool)
REFERENCE(sum_pixels)
REFERENCE(channel_pool)
REFERENCE(scale_channels)
REFERENCE(scale_pixels)
REFERENCE(dense)
REFERENCE(attention)
REFERENCE(consistent)
