/* Mean and maximum over the channels of each pixel: what CBAM's spatial attention starts from. */
#include "compute/ranges.h"
#include "layers/layers.h"
#include "opencl/kernel.h"

struct state {
    kernel *forward, *backward;
};

enum { PLACES }; /* of the maxima, ints (pixels) */

static int channel_pool_shape(layer *l)
{
    shape x = l->inputs[0]->shape;
    l->saved[PLACES].bytes = shape_count(x) / (size_t)x.c * sizeof(cl_int);
    return layer_output_shape(l, x.n, x.h, x.w, 2);
}

static int channel_pool_prepare(layer *l, device *d)
{
    struct state *s = l->state;
    s->forward = kernel_get(d, "channel_pool", "", "channel_pool_forward");
    s->backward = kernel_get(d, "channel_pool", "", "channel_pool_backward");
    return s->forward && s->backward ? 0 : -1;
}

static int channel_pool_forward(layer *l, run *r)
{
    struct state *s = l->state;
    spans over = spans_rows(r->device, l->inputs[0]->shape);
    return LAUNCH(r->device, s->forward, rows_range(r->device, &over), ARG(l->inputs[0]->data),
                  ARG(l->output->data), ARG(l->saved[PLACES].buffer), ARG(over.pixels),
                  ARG(over.channels), ARG(over.span));
}

static int channel_pool_backward(layer *l, run *r)
{
    struct state *s = l->state;
    spans over = spans_elementwise(r->device, l->inputs[0]->shape);
    return LAUNCH(r->device, s->backward, spans_range(r->device, &over),
                  ARG(l->saved[PLACES].buffer), ARG(l->output->gradient),
                  ARG(l->inputs[0]->gradient), ARG(over.pixels), ARG(over.channels), ARG(over.span),
                  ARG(l->beta[0]));
}

const layer_type channel_pool_layer = {
    .name = "channel_pool",
    .state_size = sizeof(struct state),
    .shape = channel_pool_shape,
    .prepare = channel_pool_prepare,
    .forward = channel_pool_forward,
    .backward = channel_pool_backward,
};

tensor *channel_pool(graph *g, const char *name, tensor *x)
{
    return graph_add(g, &channel_pool_layer, name, NULL, &x, 1);
}
