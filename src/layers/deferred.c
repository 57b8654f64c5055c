#include "layers/deferred.h"

#include "layers/batch_norm.h"
#include "layers/layers.h"
#include <assert.h>

static enum activation activation_of(const layer *norm)
{
    assert(norm->type == &batch_norm_layer); /* no other kind defers anything */
    return ((const struct activation_options *)norm->options)->kind;
}

/* Whoever finishes the gradient reads the sums, which are the gradients of gamma and beta. */
void deferred_allow(layer *norm)
{
    if (!activation_is_piecewise_linear(activation_of(norm)))
        return;
    norm->flags |= CAN_DEFER_OUTPUT;
    if (param_is_trainable(norm->params[BATCH_NORM_GAMMA]) &&
        param_is_trainable(norm->params[BATCH_NORM_BETA]))
        norm->flags |= CAN_DEFER_GRADIENT;
}

deferred_output deferred_output_of(const tensor *t)
{
    const layer *norm = t->producer;
    if (!norm || !norm->output_deferred)
        return (deferred_output){t->data, -1};
    return (deferred_output){norm->saved[BATCH_NORM_MOMENTS].buffer,
                             activation_slope_below_zero(activation_of(norm))};
}

gradient_view gradient_view_of(cl_mem g)
{
    return (gradient_view){g, g, g, g, g, -1, 0};
}

gradient_view gradient_of_output(const layer *l)
{
    const tensor *t = l->output;
    const layer *norm = l->finishes;
    if (!norm)
        return gradient_view_of(t->gradient);
    return (gradient_view){.g = t->gradient,
                           .x = t->data,
                           .moments = norm->saved[BATCH_NORM_MOMENTS].buffer,
                           .dgamma = norm->params[BATCH_NORM_GAMMA]->gradient,
                           .dbeta = norm->params[BATCH_NORM_BETA]->gradient,
                           .slope = activation_slope_below_zero(activation_of(norm)),
                           .part = 1.0f / (float)(t->shape.n * t->shape.h * t->shape.w)};
}
