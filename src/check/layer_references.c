/* Which reference belongs to which layer. */
#include "check/layer_check.h"
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

static void transpose_forward(reference_run *r)
{
    struct reference_conv shape = conv_of(r->layer, 3, 2);
    reference_conv2d_transpose_forward(&shape, r->inputs[0], r->params[0], r->params[1], r->y);
}

static void transpose_backward(reference_run *r)
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

static void batch_norm_forward(reference_run *r)
{
    const struct activation_options *o = r->layer->options;
    struct reference_rows rows = rows_of(r->layer);
    if (r->inference)
        reference_batch_norm_inference(&rows, r->inputs[0], r->params[GAMMA], r->params[BETA],
                                       r->params[MOVING_MEAN], r->params[MOVING_VARIANCE], r->y);
    else
        reference_batch_norm_forward(&rows, r->inputs[0], r->params[GAMMA], r->params[BETA],
                                     r->params[MOVING_MEAN], r->params[MOVING_VARIANCE], r->y);
    activate(o->kind, rows.rows * rows.channels, r->y, r->y);
}

static void batch_norm_backward(reference_run *r)
{
    const struct activation_options *o = r->layer->options;
    struct reference_rows rows = rows_of(r->layer);
    size_t count = rows.rows * rows.channels;
    double *inside = calloc(count, sizeof *inside), *unused = calloc(rows.channels, sizeof *unused);
    if (inside && unused) {
        reference_batch_norm_forward(&rows, r->inputs[0], r->params[GAMMA], r->params[BETA], unused,
                                     unused, inside);
        for (size_t i = 0; i < count; i++)
            if (fabs(inside[i]) < 1e-4 && (o->kind == ACT_RELU || o->kind == ACT_LEAKY_RELU))
                r->g[i] = 0;
        activate_backward(o->kind, count, r->y, r->g, inside);
        reference_batch_norm_backward(&rows, r->inputs[0], r->params[GAMMA], inside, r->dinputs[0],
                                      r->dparams[GAMMA], r->dparams[BETA]);
    }
    free(inside);
    free(unused);
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

static void mse_forward(reference_run *r)
{
    *r->y =
        reference_mse_forward(shape_count(r->layer->inputs[0]->shape), r->inputs[0], r->inputs[1]);
}

static void mse_backward(reference_run *r)
{
    reference_mse_backward(shape_count(r->layer->inputs[0]->shape), r->inputs[0], r->inputs[1],
                           r->dinputs[0]);
}

const layer_reference layer_references[] = {
    {&conv2d_layer, conv2d_forward, conv2d_backward},
    {&conv2d_transpose_layer, transpose_forward, transpose_backward},
    {&batch_norm_layer, batch_norm_forward, batch_norm_backward},
    {&activation_layer, activation_forward, activation_backward},
    {&max_pool_layer, max_pool_forward, max_pool_backward},
    {&concat_layer, concat_forward, concat_backward},
    {&mse_layer, mse_forward, mse_backward},
};
const size_t layer_reference_count = sizeof layer_references / sizeof *layer_references;
