/* Keras Multiply of an image with one factor per pixel: CBAM's spatial attention. */
#include "base/error.h"
#include "compute/ranges.h"
#include "layers/layers.h"
#include "opencl/kernel.h"

struct state {
    kernel *forward, *backward;
};

enum { X, FACTOR };

static int scale_pixels_shape(layer *l)
{
    shape x = l->inputs[X]->shape, f = l->inputs[FACTOR]->shape;
    if (!shape_equal(f, (shape){x.n, x.h, x.w, 1}))
        return fail(STATUS_RUNTIME, "factors are %d x %d x %d x %d and should be %d x %d x %d x 1",
                    f.n, f.h, f.w, f.c, x.n, x.h, x.w);
    return layer_output_shape(l, x.n, x.h, x.w, x.c);
}

static int scale_pixels_prepare(layer *l, device *d)
{
    struct state *s = l->state;
    s->forward = kernel_get(d, "scale_pixels", "", "scale_pixels_forward");
    s->backward = kernel_get(d, "scale_pixels", "", "scale_pixels_backward");
    return s->forward && s->backward ? 0 : -1;
}

static int scale_pixels_forward(layer *l, run *r)
{
    struct state *s = l->state;
    spans over = spans_elementwise(r->device, l->output->shape);
    return LAUNCH(r->device, s->forward, spans_range(r->device, &over), ARG(l->inputs[X]->data),
                  ARG(l->inputs[FACTOR]->data), ARG(l->output->data), ARG(over.pixels),
                  ARG(over.channels), ARG(over.span));
}

static int scale_pixels_backward(layer *l, run *r)
{
    struct state *s = l->state;
    cl_mem x = l->inputs[X]->data, g = l->output->gradient;
    cl_mem dx = l->inputs[X]->gradient, dfactor = l->inputs[FACTOR]->gradient;
    spans over = spans_rows(r->device, l->output->shape);
    return LAUNCH(r->device, s->backward, rows_range(r->device, &over), ARG(x),
                  ARG(l->inputs[FACTOR]->data), ARG(g), ARG(dx ? dx : dfactor),
                  ARG(dfactor ? dfactor : dx), ARG(over.pixels), ARG(over.channels), ARG(over.span),
                  ARG(dx ? 1 + l->beta[X] : 0), ARG(dfactor ? 1 + l->beta[FACTOR] : 0));
}

const layer_type scale_pixels_layer = {
    .name = "scale_pixels",
    .state_size = sizeof(struct state),
    .flags = BACKWARD_NEEDS_X,
    .shape = scale_pixels_shape,
    .prepare = scale_pixels_prepare,
    .forward = scale_pixels_forward,
    .backward = scale_pixels_backward,
};

tensor *scale_pixels(graph *g, const char *name, tensor *x, tensor *factor)
{
    return graph_add(g, &scale_pixels_layer, name, NULL, (tensor *[]){x, factor}, 2);
}
