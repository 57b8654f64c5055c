/* Keras LayerNormalization (Ba, Kiros and Hinton 2016) over the channels of each pixel. */
#include "compute/ranges.h"
#include "layers/layers.h"
#include "opencl/kernel.h"

static const float epsilon = 1e-6f;

struct state {
    kernel *forward, *backward, *span_sums, *sums;
};

enum { GAMMA, BETA };
enum { MOMENTS }; /* (pixels, 2): mean, inverse deviation */

static int layer_norm_shape(layer *l)
{
    shape x = l->inputs[0]->shape;
    int dims[] = {x.c};
    if (layer_output_shape(l, x.n, x.h, x.w, x.c) ||
        layer_param(l, "gamma", dims, 1, INIT_ONES, PARAM_WEIGHT) ||
        layer_param(l, "beta", dims, 1, INIT_ZEROS, PARAM_WEIGHT))
        return -1;
    l->saved[MOMENTS].bytes = shape_count(x) / (size_t)x.c * 2 * sizeof(float);
    l->workspace_bytes =
        (size_t)spans_reduction(l->store->device, x).count * 2 * (size_t)x.c * sizeof(float);
    return 0;
}

static int layer_norm_prepare(layer *l, device *d)
{
    struct state *s = l->state;
    s->forward = kernel_get(d, "layer_norm", "", "layer_norm_forward");
    s->backward = kernel_get(d, "layer_norm", "", "layer_norm_backward");
    s->span_sums = kernel_get(d, "layer_norm", "", "gradient_sums_of_spans");
    s->sums = kernel_get(d, "layer_norm", "", "gradient_sums");
    return s->forward && s->backward && s->span_sums && s->sums ? 0 : -1;
}

static int layer_norm_forward(layer *l, run *r)
{
    struct state *s = l->state;
    spans over = spans_rows(r->device, l->output->shape);
    return LAUNCH(r->device, s->forward, rows_range(r->device, &over), ARG(l->inputs[0]->data),
                  ARG(l->params[GAMMA]->data), ARG(l->params[BETA]->data), ARG(l->output->data),
                  ARG(l->saved[MOMENTS].buffer), ARG(over.pixels), ARG(over.channels),
                  ARG(over.span), ARG(epsilon));
}

/* Where one of the two is not trained, its sum goes to the workspace: an item writes there what only it
 * has read. */
static int param_gradients(layer *l, run *r)
{
    struct state *s = l->state;
    cl_mem dgamma = l->params[GAMMA]->gradient, dbeta = l->params[BETA]->gradient;
    if (!dgamma && !dbeta)
        return 0;
    spans over = spans_reduction(r->device, l->output->shape);
    if (LAUNCH(r->device, s->span_sums, spans_range(r->device, &over), ARG(l->inputs[0]->data),
               ARG(l->output->gradient), ARG(l->saved[MOMENTS].buffer), ARG(r->workspace),
               ARG(over.pixels), ARG(over.channels), ARG(over.span)))
        return -1;
    return LAUNCH(r->device, s->sums, range_flat((size_t)over.channels), ARG(r->workspace),
                  ARG(dgamma ? dgamma : r->workspace), ARG(dbeta ? dbeta : r->workspace),
                  ARG(over.channels), ARG(over.count));
}

static int layer_norm_backward(layer *l, run *r)
{
    struct state *s = l->state;
    spans over = spans_rows(r->device, l->output->shape);
    if (param_gradients(l, r))
        return -1;
    if (!l->inputs[0]->gradient)
        return 0;
    return LAUNCH(r->device, s->backward, rows_range(r->device, &over), ARG(l->inputs[0]->data),
                  ARG(l->output->gradient), ARG(l->params[GAMMA]->data),
                  ARG(l->saved[MOMENTS].buffer), ARG(l->inputs[0]->gradient), ARG(over.pixels),
                  ARG(over.channels), ARG(over.span), ARG(l->beta[0]));
}

const layer_type layer_norm_layer = {
    .name = "layer_norm",
    .state_size = sizeof(struct state),
    .flags = BACKWARD_NEEDS_X,
    .shape = layer_norm_shape,
    .prepare = layer_norm_prepare,
    .forward = layer_norm_forward,
    .backward = layer_norm_backward,
};

tensor *layer_norm(graph *g, const char *name, tensor *x)
{
    return graph_add(g, &layer_norm_layer, name, NULL, &x, 1);
}
