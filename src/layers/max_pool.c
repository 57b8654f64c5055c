/* Keras MaxPooling2D, 2x2, stride 2, 'valid'. Where each maximum stood is kept for the backward, a
 * byte a value, so that the input need not be. */
#include "compute/ranges.h"
#include "layers/layers.h"
#include "layers/views.h"
#include "opencl/kernel.h"

struct state {
    kernel *forward, *backward;
};

enum { PLACES };

static int max_pool_shape(layer *l)
{
    shape x = l->inputs[0]->shape;
    if (layer_output_shape(l, x.n, x.h / 2, x.w / 2, x.c))
        return -1;
    l->saved[PLACES].bytes = shape_count(l->output->shape);
    return 0;
}

static int max_pool_prepare(layer *l, device *d)
{
    struct state *s = l->state;
    s->forward = kernel_get(d, "max_pool", "", "max_pool_forward");
    s->backward = kernel_get(d, "max_pool", "", "max_pool_backward");
    return s->forward && s->backward ? 0 : -1;
}

static int max_pool_forward(layer *l, run *r)
{
    struct state *s = l->state;
    shape x = l->inputs[0]->shape;
    spans over = spans_elementwise(r->device, l->output->shape);
    view from = view_of_inputs(l);
    return LAUNCH(r->device, s->forward, spans_range(r->device, &over), PART_ARGS(from.a),
                  ARG(l->output->data), ARG(l->saved[PLACES].buffer), ARG(over.pixels), ARG(x.h),
                  ARG(x.w), ARG(over.span));
}

static int max_pool_backward(layer *l, run *r)
{
    struct state *s = l->state;
    shape x = l->inputs[0]->shape;
    cl_mem dx = l->inputs[0]->gradient;
    spans over = spans_elementwise(r->device, l->output->shape);
    if (!l->beta[0] && (x.h % 2 || x.w % 2) &&
        buffer_fill(r->device, dx, 0, 0, shape_count(x) * sizeof(float)))
        return -1;
    return LAUNCH(r->device, s->backward, spans_range(r->device, &over),
                  ARG(l->saved[PLACES].buffer), ARG(l->output->gradient), ARG(dx), ARG(over.pixels),
                  ARG(over.channels), ARG(x.h), ARG(x.w), ARG(over.span), ARG(l->beta[0]));
}

static span max_pool_reach(const layer *l, span output)
{
    (void)l;
    return (span){2 * output.first, 2 * output.last + 1};
}

const layer_type max_pool_layer = {
    .name = "max_pool",
    .state_size = sizeof(struct state),
    .flags = READS_DEFERRED,
    .shape = max_pool_shape,
    .prepare = max_pool_prepare,
    .forward = max_pool_forward,
    .backward = max_pool_backward,
    .reach = max_pool_reach,
};

tensor *max_pool(graph *g, const char *name, tensor *x)
{
    return graph_add(g, &max_pool_layer, name, NULL, &x, 1);
}
