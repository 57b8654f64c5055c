/*
 * Keras BatchNormalization (Ioffe and Szegedy 2015) on channels, with an activation behind it.
 * Training uses the batch's mean and biased variance and moves the moving ones; inference uses the
 * moving ones. A norm whose gamma and beta are frozen uses the moving ones in training too, as a constant
 * scale and shift.
 */
#include "layers/batch_norm.h"
#include "compute/ranges.h"
#include "layers/deferred.h"
#include "layers/layers.h"
#include "opencl/kernel.h"
#include <stdio.h>

static const float epsilon = 1e-3f;

struct state {
    kernel *span_moments, *batch_moments, *moving_moments, *normalise;
    kernel *span_sums, *sums, *backward, *frozen_backward;
};

static bool is_frozen(const layer *l)
{
    return !param_is_trainable(l->params[BATCH_NORM_GAMMA]) &&
           !param_is_trainable(l->params[BATCH_NORM_BETA]);
}

static int batch_norm_shape(layer *l)
{
    shape x = l->inputs[0]->shape;
    int dims[] = {x.c};
    if (layer_output_shape(l, x.n, x.h, x.w, x.c) ||
        layer_param(l, "gamma", dims, 1, INIT_ONES, PARAM_WEIGHT) ||
        layer_param(l, "beta", dims, 1, INIT_ZEROS, PARAM_WEIGHT) ||
        layer_param(l, "moving_mean", dims, 1, INIT_ZEROS, PARAM_STATISTICS) ||
        layer_param(l, "moving_variance", dims, 1, INIT_ONES, PARAM_STATISTICS))
        return -1;
    l->saved[BATCH_NORM_MOMENTS].bytes = MOMENT_ROWS * (size_t)x.c * sizeof(float);
    deferred_allow(l);
    l->workspace_bytes =
        (size_t)spans_reduction(l->store->device, x).count * 2 * (size_t)x.c * sizeof(float);
    return 0;
}

static int batch_norm_prepare(layer *l, device *d)
{
    struct state *s = l->state;
    char defines[32];
    snprintf(defines, sizeof defines, "-DACTIVATION=%d",
             ((struct activation_options *)l->options)->kind);
    const struct {
        kernel **k;
        const char *name;
    } wanted[] = {
        {&s->span_moments, "moments_of_spans"},
        {&s->batch_moments, "moments_of_batch"},
        {&s->moving_moments, "moments_of_moving"},
        {&s->normalise, "normalise"},
        {&s->span_sums, "gradient_sums_of_spans"},
        {&s->sums, "gradient_sums"},
        {&s->backward, "normalise_backward"},
        {&s->frozen_backward, "normalise_backward_frozen"},
    };
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
        if (!(*wanted[i].k = kernel_get(d, "batch_norm", defines, wanted[i].name)))
            return -1;
    return 0;
}

/* Frozen statistics stay what they are, also where gamma or beta is trained; of either frozen, both. */
static int batch_moments(layer *l, run *r)
{
    struct state *s = l->state;
    bool still =
        l->params[BATCH_NORM_MOVING_MEAN]->frozen || l->params[BATCH_NORM_MOVING_VARIANCE]->frozen;
    spans over = spans_reduction(r->device, l->output->shape);
    if (LAUNCH(r->device, s->span_moments, spans_range(r->device, &over), ARG(l->inputs[0]->data),
               ARG(r->workspace), ARG(over.pixels), ARG(over.channels), ARG(over.span)))
        return -1;
    return LAUNCH(r->device, s->batch_moments, range_flat((size_t)over.channels), ARG(r->workspace),
                  ARG(l->params[BATCH_NORM_GAMMA]->data), ARG(l->params[BATCH_NORM_BETA]->data),
                  ARG(l->params[BATCH_NORM_MOVING_MEAN]->data),
                  ARG(l->params[BATCH_NORM_MOVING_VARIANCE]->data),
                  ARG(l->saved[BATCH_NORM_MOMENTS].buffer), ARG(over.pixels), ARG(over.channels),
                  ARG(over.span), ARG(still ? 1.0f : r->norm_momentum), ARG(epsilon));
}

static int moving_moments(layer *l, run *r)
{
    struct state *s = l->state;
    int channels = l->output->shape.c;
    return LAUNCH(r->device, s->moving_moments, range_flat((size_t)channels),
                  ARG(l->params[BATCH_NORM_GAMMA]->data), ARG(l->params[BATCH_NORM_BETA]->data),
                  ARG(l->params[BATCH_NORM_MOVING_MEAN]->data),
                  ARG(l->params[BATCH_NORM_MOVING_VARIANCE]->data),
                  ARG(l->saved[BATCH_NORM_MOMENTS].buffer), ARG(channels), ARG(epsilon));
}

static int batch_norm_forward(layer *l, run *r)
{
    struct state *s = l->state;
    if (r->training && !is_frozen(l) ? batch_moments(l, r) : moving_moments(l, r))
        return -1;
    if (l->output_deferred)
        return 0;
    spans over = spans_elementwise(r->device, l->output->shape);
    return LAUNCH(r->device, s->normalise, spans_range(r->device, &over), ARG(l->inputs[0]->data),
                  ARG(l->saved[BATCH_NORM_MOMENTS].buffer), ARG(l->output->data), ARG(over.pixels),
                  ARG(over.channels), ARG(over.span));
}

static int frozen_backward(layer *l, run *r)
{
    struct state *s = l->state;
    spans over = spans_elementwise(r->device, l->output->shape);
    return LAUNCH(r->device, s->frozen_backward, spans_range(r->device, &over),
                  ARG(l->inputs[0]->data), ARG(l->output->gradient),
                  ARG(l->saved[BATCH_NORM_MOMENTS].buffer), ARG(l->inputs[0]->gradient),
                  ARG(over.pixels), ARG(over.channels), ARG(over.span), ARG(l->beta[0]));
}

/* The sums that are the gradients of gamma and beta are needed for the input's too. Where one of the two
 * is not trained, its sum goes to the workspace: an item writes there what only it has read. */
static int batch_norm_backward(layer *l, run *r)
{
    struct state *s = l->state;
    if (is_frozen(l))
        return l->inputs[0]->gradient ? frozen_backward(l, r) : 0;
    cl_mem x = l->inputs[0]->data, g = l->output->gradient,
           moments = l->saved[BATCH_NORM_MOMENTS].buffer;
    cl_mem dgamma = l->params[BATCH_NORM_GAMMA]->gradient,
           dbeta = l->params[BATCH_NORM_BETA]->gradient;
    dgamma = dgamma ? dgamma : r->workspace;
    dbeta = dbeta ? dbeta : r->workspace;
    spans over = spans_reduction(r->device, l->output->shape);
    if (LAUNCH(r->device, s->span_sums, spans_range(r->device, &over), ARG(x), ARG(g), ARG(moments),
               ARG(r->workspace), ARG(over.pixels), ARG(over.channels), ARG(over.span)) ||
        LAUNCH(r->device, s->sums, range_flat((size_t)over.channels), ARG(r->workspace),
               ARG(dgamma), ARG(dbeta), ARG(over.pixels), ARG(over.channels), ARG(over.span)))
        return -1;
    if (!l->inputs[0]->gradient || l->gradient_deferred)
        return 0;
    over = spans_elementwise(r->device, l->output->shape);
    return LAUNCH(r->device, s->backward, spans_range(r->device, &over), ARG(x), ARG(g),
                  ARG(moments), ARG(dgamma), ARG(dbeta), ARG(l->inputs[0]->gradient),
                  ARG(over.pixels), ARG(over.channels), ARG(over.span), ARG(l->beta[0]));
}

const layer_type batch_norm_layer = {
    .name = "batch_norm",
    .options_size = sizeof(struct activation_options),
    .state_size = sizeof(struct state),
    .flags = BACKWARD_NEEDS_X | GRADIENT_IN_PLACE | KEEPS_STATISTICS,
    .shape = batch_norm_shape,
    .prepare = batch_norm_prepare,
    .forward = batch_norm_forward,
    .backward = batch_norm_backward,
};

tensor *batch_norm(graph *g, const char *name, tensor *x, enum activation a)
{
    struct activation_options o = {a};
    return graph_add(g, &batch_norm_layer, name, &o, &x, 1);
}
