/* Keras Multiply of an image with one factor per image and channel: CBAM's channel attention. */
#include "base/error.h"
#include "compute/ranges.h"
#include "layers/layers.h"
#include "opencl/kernel.h"

struct state {
    kernel *forward, *backward, *sum_spans;
};

enum { X, FACTOR };

static int scale_channels_shape(layer *l)
{
    shape x = l->inputs[X]->shape, f = l->inputs[FACTOR]->shape;
    if (!shape_equal(f, (shape){x.n, 1, 1, x.c}))
        return fail(STATUS_RUNTIME, "factors are %d x %d x %d x %d and should be %d x 1 x 1 x %d",
                    f.n, f.h, f.w, f.c, x.n, x.c);
    l->workspace_bytes =
        (size_t)spans_in_images(l->store->device, x).count * (size_t)x.c * sizeof(float);
    return layer_output_shape(l, x.n, x.h, x.w, x.c);
}

static int scale_channels_prepare(layer *l, device *d)
{
    struct state *s = l->state;
    s->forward = kernel_get(d, "scale_channels", "", "scale_channels_forward");
    s->backward = kernel_get(d, "scale_channels", "", "scale_channels_backward");
    s->sum_spans = kernel_get(d, "sum_pixels", "", "sum_pixels_forward");
    return s->forward && s->backward && s->sum_spans ? 0 : -1;
}

static int scale_channels_forward(layer *l, run *r)
{
    struct state *s = l->state;
    shape x = l->output->shape;
    spans over = spans_elementwise(r->device, x);
    return LAUNCH(r->device, s->forward, spans_range(r->device, &over), ARG(l->inputs[X]->data),
                  ARG(l->inputs[FACTOR]->data), ARG(l->output->data), ARG(over.pixels),
                  ARG(x.h * x.w), ARG(over.channels), ARG(over.span));
}

static int scale_channels_backward(layer *l, run *r)
{
    struct state *s = l->state;
    shape x = l->output->shape;
    cl_mem g = l->output->gradient, dx = l->inputs[X]->gradient;
    cl_mem dfactor = l->inputs[FACTOR]->gradient;
    spans over = spans_in_images(r->device, x);
    if (LAUNCH(r->device, s->backward, spans_range(r->device, &over), ARG(l->inputs[X]->data),
               ARG(l->inputs[FACTOR]->data), ARG(g), ARG(dx ? dx : r->workspace), ARG(r->workspace),
               ARG(over.pixels), ARG(x.h * x.w), ARG(over.channels), ARG(over.span),
               ARG(dx ? 1 + l->beta[X] : 0)))
        return -1;
    if (!dfactor)
        return 0;
    return LAUNCH(r->device, s->sum_spans, range_flat((size_t)x.n * (size_t)x.c), ARG(r->workspace),
                  ARG(dfactor), ARG(x.n), ARG(over.count / x.n), ARG(x.c), ARG(l->beta[FACTOR]));
}

const layer_type scale_channels_layer = {
    .name = "scale_channels",
    .state_size = sizeof(struct state),
    .flags = BACKWARD_NEEDS_X,
    .shape = scale_channels_shape,
    .prepare = scale_channels_prepare,
    .forward = scale_channels_forward,
    .backward = scale_channels_backward,
};

tensor *scale_channels(graph *g, const char *name, tensor *x, tensor *factor)
{
    return graph_add(g, &scale_channels_layer, name, NULL, (tensor *[]){x, factor}, 2);
}
