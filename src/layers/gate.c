/* Gated linear unit (Dauphin et al. 2017): half of the channels times the sigmoid of the other half. */
#include "base/error.h"
#include "compute/ranges.h"
#include "layers/layers.h"
#include "opencl/kernel.h"

struct state {
    kernel *forward, *backward;
};

static int gate_shape(layer *l)
{
    shape x = l->inputs[0]->shape;
    if (x.c % 2)
        return fail(STATUS_RUNTIME, "%d channels cannot be halved", x.c);
    return layer_output_shape(l, x.n, x.h, x.w, x.c / 2);
}

static int gate_prepare(layer *l, device *d)
{
    struct state *s = l->state;
    s->forward = kernel_get(d, "gate", "", "gate_forward");
    s->backward = kernel_get(d, "gate", "", "gate_backward");
    return s->forward && s->backward ? 0 : -1;
}

static int gate_forward(layer *l, run *r)
{
    struct state *s = l->state;
    spans over = spans_elementwise(r->device, l->output->shape);
    return LAUNCH(r->device, s->forward, spans_range(r->device, &over), ARG(l->inputs[0]->data),
                  ARG(l->output->data), ARG(over.pixels), ARG(over.channels), ARG(over.span));
}

static int gate_backward(layer *l, run *r)
{
    struct state *s = l->state;
    spans over = spans_elementwise(r->device, l->output->shape);
    return LAUNCH(r->device, s->backward, spans_range(r->device, &over), ARG(l->inputs[0]->data),
                  ARG(l->output->gradient), ARG(l->inputs[0]->gradient), ARG(over.pixels),
                  ARG(over.channels), ARG(over.span), ARG(l->beta[0]));
}

const layer_type gate_layer = {
    .name = "gate",
    .state_size = sizeof(struct state),
    .flags = BACKWARD_NEEDS_X,
    .shape = gate_shape,
    .prepare = gate_prepare,
    .forward = gate_forward,
    .backward = gate_backward,
};

tensor *gate(graph *g, const char *name, tensor *x)
{
    return graph_add(g, &gate_layer, name, NULL, &x, 1);
}
