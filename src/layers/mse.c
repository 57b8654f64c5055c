/* Keras MeanSquaredError, the mean over all elements of (prediction - truth)^2. */
#include "base/error.h"
#include "layers/layers.h"
#include "opencl/kernel.h"

enum { SPAN = 1024 }; /* elements summed by one item */

struct state {
    kernel *span_errors, *mean, *backward;
};

static int span_count(const layer *l)
{
    return (int)((shape_count(l->inputs[0]->shape) + SPAN - 1) / SPAN);
}

static int shape_mse(layer *l)
{
    if (!shape_equal(l->inputs[0]->shape, l->inputs[1]->shape))
        return fail(STATUS_RUNTIME, "prediction and truth differ in shape");
    l->workspace_bytes = (size_t)span_count(l) * sizeof(float);
    return layer_output_shape(l, 1, 1, 1, 1);
}

static int prepare(layer *l, device *d)
{
    struct state *s = l->state;
    s->span_errors = kernel_get(d, "mse", "", "squared_error_of_spans");
    s->mean = kernel_get(d, "mse", "", "mean_of_spans");
    s->backward = kernel_get(d, "mse", "", "squared_error_backward");
    return s->span_errors && s->mean && s->backward ? 0 : -1;
}

static int forward(layer *l, run *r)
{
    struct state *s = l->state;
    int count = (int)shape_count(l->inputs[0]->shape), items = span_count(l);
    if (LAUNCH(r->device, s->span_errors, range_single((size_t)items, 1, 1),
               ARG(l->inputs[0]->data), ARG(l->inputs[1]->data), ARG(r->workspace), ARG(count),
               ARG((int)SPAN)))
        return -1;
    return LAUNCH(r->device, s->mean, range_single(1, 1, 1), ARG(r->workspace),
                  ARG(l->output->data), ARG(items), ARG(count));
}

static int backward(layer *l, run *r)
{
    struct state *s = l->state;
    size_t count = shape_count(l->inputs[0]->shape);
    return LAUNCH(r->device, s->backward, range_flat(count), ARG(l->inputs[0]->data),
                  ARG(l->inputs[1]->data), ARG(l->inputs[0]->gradient), ARG((int)count),
                  ARG(l->beta[0]));
}

const layer_type mse_layer = {
    .name = "mse",
    .state_size = sizeof(struct state),
    .flags = BACKWARD_NEEDS_X | IS_LOSS,
    .shape = shape_mse,
    .prepare = prepare,
    .forward = forward,
    .backward = backward,
};

tensor *mse(graph *g, const char *name, tensor *prediction, tensor *truth)
{
    return graph_add(g, &mse_layer, name, NULL, (tensor *[]){prediction, truth}, 2);
}
