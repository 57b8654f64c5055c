/* Sums over the pixels of each image; made for the few that global_pool leaves. */
#include "compute/ranges.h"
#include "layers/layers.h"
#include "opencl/kernel.h"

struct state {
    kernel *forward, *backward;
};

static int sum_pixels_shape(layer *l)
{
    shape x = l->inputs[0]->shape;
    return layer_output_shape(l, x.n, 1, 1, x.c);
}

static int sum_pixels_prepare(layer *l, device *d)
{
    struct state *s = l->state;
    s->forward = kernel_get(d, "sum_pixels", "", "sum_pixels_forward");
    s->backward = kernel_get(d, "sum_pixels", "", "sum_pixels_backward");
    return s->forward && s->backward ? 0 : -1;
}

static int sum_pixels_forward(layer *l, run *r)
{
    struct state *s = l->state;
    shape x = l->inputs[0]->shape;
    return LAUNCH(r->device, s->forward, range_flat((size_t)x.n * (size_t)x.c),
                  ARG(l->inputs[0]->data), ARG(l->output->data), ARG(x.n), ARG(x.h * x.w), ARG(x.c),
                  ARG(0));
}

static int sum_pixels_backward(layer *l, run *r)
{
    struct state *s = l->state;
    shape x = l->inputs[0]->shape;
    spans over = spans_elementwise(r->device, x);
    return LAUNCH(r->device, s->backward, spans_range(r->device, &over), ARG(l->output->gradient),
                  ARG(l->inputs[0]->gradient), ARG(over.pixels), ARG(x.h * x.w), ARG(over.channels),
                  ARG(over.span), ARG(l->beta[0]));
}

const layer_type sum_pixels_layer = {
    .name = "sum_pixels",
    .state_size = sizeof(struct state),
    .flags = READS_WHOLE_IMAGE,
    .shape = sum_pixels_shape,
    .prepare = sum_pixels_prepare,
    .forward = sum_pixels_forward,
    .backward = sum_pixels_backward,
};

tensor *sum_pixels(graph *g, const char *name, tensor *x)
{
    return graph_add(g, &sum_pixels_layer, name, NULL, &x, 1);
}
