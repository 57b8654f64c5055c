/* Keras Activation: relu, leaky_relu (slope 0.2), sigmoid, tanh; the backward needs only y. */
#include "layers/layers.h"

#include "compute/ranges.h"
#include "opencl/kernel.h"
#include <stdio.h>
#include <string.h>

static const char *const names[] = {"linear", "relu", "leaky_relu", "sigmoid", "tanh"};

enum activation activation_named(const char *name)
{
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!strcmp(names[i], name))
            return (enum activation)i;
    return ACT_LINEAR;
}

bool activation_is_piecewise_linear(enum activation a)
{
    return a == ACT_LINEAR || a == ACT_RELU || a == ACT_LEAKY_RELU;
}

float activation_slope_below_zero(enum activation a)
{
    return a == ACT_RELU ? 0.0f : a == ACT_LEAKY_RELU ? 0.2f : 1.0f;
}

struct state {
    kernel *forward, *backward;
};

static int activation_shape(layer *l)
{
    shape x = l->inputs[0]->shape;
    return layer_output_shape(l, x.n, x.h, x.w, x.c);
}

static int activation_prepare(layer *l, device *d)
{
    struct state *s = l->state;
    char defines[32];
    snprintf(defines, sizeof defines, "-DACTIVATION=%d",
             ((struct activation_options *)l->options)->kind);
    s->forward = kernel_get(d, "activation", defines, "activation_forward");
    s->backward = kernel_get(d, "activation", defines, "activation_backward");
    return s->forward && s->backward ? 0 : -1;
}

static int activation_forward(layer *l, run *r)
{
    struct state *s = l->state;
    spans over = spans_flat(r->device, l->output->shape);
    return LAUNCH(r->device, s->forward, spans_range(r->device, &over), ARG(l->inputs[0]->data),
                  ARG(l->output->data), ARG(over.pixels), ARG(over.channels), ARG(over.span));
}

static int activation_backward(layer *l, run *r)
{
    struct state *s = l->state;
    spans over = spans_flat(r->device, l->output->shape);
    return LAUNCH(r->device, s->backward, spans_range(r->device, &over), ARG(l->output->data),
                  ARG(l->output->gradient), ARG(l->inputs[0]->gradient), ARG(over.pixels),
                  ARG(over.channels), ARG(over.span), ARG(l->beta[0]));
}

const layer_type activation_layer = {
    .name = "activation",
    .options_size = sizeof(struct activation_options),
    .state_size = sizeof(struct state),
    .flags = BACKWARD_NEEDS_Y | CAN_RUN_IN_PLACE,
    .shape = activation_shape,
    .prepare = activation_prepare,
    .forward = activation_forward,
    .backward = activation_backward,
};

tensor *activation(graph *g, const char *name, tensor *x, enum activation a)
{
    struct activation_options o = {a};
    return graph_add(g, &activation_layer, name, &o, &x, 1);
}
