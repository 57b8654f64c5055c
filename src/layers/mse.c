/* Keras MeanSquaredError of each source: the mean over its values of (prediction - truth)^2. */
#include "base/error.h"
#include "layers/layers.h"
#include "opencl/kernel.h"

enum { SPAN = 1024 }; /* pixels summed by one item */

struct state {
    kernel *span_errors, *mean, *backward;
};

static int pixel_count(const layer *l)
{
    shape s = l->inputs[0]->shape;
    return s.n * s.h * s.w;
}

static int span_count(const layer *l)
{
    return (pixel_count(l) + SPAN - 1) / SPAN;
}

static int channels_of_source(const layer *l)
{
    const struct mse_options *o = l->options;
    return l->inputs[0]->shape.c / o->sources;
}

static int mse_shape(layer *l)
{
    const struct mse_options *o = l->options;
    if (!shape_equal(l->inputs[0]->shape, l->inputs[1]->shape))
        return fail(STATUS_RUNTIME, "prediction and truth differ in shape");
    if (o->sources < 1 || o->sources > LAYER_SOURCES_MAX || l->inputs[0]->shape.c % o->sources)
        return fail(STATUS_RUNTIME, "%d channels are not those of %d sources",
                    l->inputs[0]->shape.c, o->sources);
    l->workspace_bytes = (size_t)span_count(l) * (size_t)o->sources * sizeof(float);
    return layer_output_shape(l, 1, 1, 1, o->sources);
}

static int mse_prepare(layer *l, device *d)
{
    struct state *s = l->state;
    s->span_errors = kernel_get(d, "mse", "", "squared_error_of_spans");
    s->mean = kernel_get(d, "mse", "", "mean_of_spans");
    s->backward = kernel_get(d, "mse", "", "squared_error_backward");
    return s->span_errors && s->mean && s->backward ? 0 : -1;
}

static int mse_forward(layer *l, run *r)
{
    struct state *s = l->state;
    const struct mse_options *o = l->options;
    int pixels = pixel_count(l), spans = span_count(l), channels = channels_of_source(l);
    float values = (float)pixels * (float)channels;
    if (LAUNCH(r->device, s->span_errors, range_single((size_t)o->sources, (size_t)spans, 1),
               ARG(l->inputs[0]->data), ARG(l->inputs[1]->data), ARG(r->workspace), ARG(pixels),
               ARG(o->sources), ARG(channels), ARG((int)SPAN)))
        return -1;
    return LAUNCH(r->device, s->mean, range_single((size_t)o->sources, 1, 1), ARG(r->workspace),
                  ARG(l->output->data), ARG(spans), ARG(o->sources), ARG(values));
}

static int mse_backward(layer *l, run *r)
{
    struct state *s = l->state;
    const struct mse_options *o = l->options;
    size_t count = shape_count(l->inputs[0]->shape);
    return LAUNCH(r->device, s->backward, range_flat(count), ARG(l->inputs[0]->data),
                  ARG(l->inputs[1]->data), ARG(l->inputs[0]->gradient), ARG((int)count),
                  ARG(o->sources), ARG(channels_of_source(l)), ARG(o->weights[0]),
                  ARG(o->weights[1]), ARG(o->weights[2]), ARG(o->weights[3]), ARG(l->beta[0]));
}

const layer_type mse_layer = {
    .name = "mse",
    .options_size = sizeof(struct mse_options),
    .state_size = sizeof(struct state),
    .flags = BACKWARD_NEEDS_X | IS_LOSS,
    .shape = mse_shape,
    .prepare = mse_prepare,
    .forward = mse_forward,
    .backward = mse_backward,
};

tensor *mse(graph *g, const char *name, tensor *prediction, tensor *truth, int sources,
            const float weights[])
{
    struct mse_options o = {.sources = sources};
    for (int k = 0; k < LAYER_SOURCES_MAX; k++)
        o.weights[k] = weights && k < sources ? weights[k] : 1;
    return graph_add(g, &mse_layer, name, &o, (tensor *[]){prediction, truth}, 2);
}
