/* Keras Add of two tensors of one shape. */
#include "base/error.h"
#include "compute/ranges.h"
#include "layers/layers.h"
#include "opencl/kernel.h"

struct state {
    kernel *forward, *backward;
};

static int add_shape(layer *l)
{
    shape a = l->inputs[0]->shape, b = l->inputs[1]->shape;
    if (!shape_equal(a, b))
        return fail(STATUS_RUNTIME, "cannot add %d x %d x %d x %d to %d x %d x %d x %d", b.n, b.h,
                    b.w, b.c, a.n, a.h, a.w, a.c);
    return layer_output_shape(l, a.n, a.h, a.w, a.c);
}

static int add_prepare(layer *l, device *d)
{
    struct state *s = l->state;
    s->forward = kernel_get(d, "add", "", "add_forward");
    s->backward = kernel_get(d, "add", "", "add_backward");
    return s->forward && s->backward ? 0 : -1;
}

static int add_forward(layer *l, run *r)
{
    struct state *s = l->state;
    spans over = spans_flat(r->device, l->output->shape);
    return LAUNCH(r->device, s->forward, spans_range(r->device, &over), ARG(l->inputs[0]->data),
                  ARG(l->inputs[1]->data), ARG(l->output->data), ARG(over.pixels),
                  ARG(over.channels), ARG(over.span));
}

/* Where a was overwritten in place, its gradient is already there: it is that of the output. */
static int add_backward(layer *l, run *r)
{
    struct state *s = l->state;
    spans over = spans_flat(r->device, l->output->shape);
    cl_mem g = l->output->gradient;
    for (int i = 0; i < 2; i++) {
        cl_mem dx = l->inputs[i]->gradient;
        if (dx && dx != g &&
            LAUNCH(r->device, s->backward, spans_range(r->device, &over), ARG(g), ARG(dx),
                   ARG(over.pixels), ARG(over.channels), ARG(over.span), ARG(l->beta[i])))
            return -1;
    }
    return 0;
}

const layer_type add_layer = {
    .name = "add",
    .state_size = sizeof(struct state),
    .flags = CAN_RUN_IN_PLACE,
    .shape = add_shape,
    .prepare = add_prepare,
    .forward = add_forward,
    .backward = add_backward,
};

tensor *add(graph *g, const char *name, tensor *a, tensor *b)
{
    return graph_add(g, &add_layer, name, NULL, (tensor *[]){a, b}, 2);
}
