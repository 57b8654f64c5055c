/*
 * Keras GlobalAveragePooling2D and GlobalMaxPooling2D in one reading: what CBAM's channel attention
 * starts from. Both are pixels of one image, so that one dense layer treats them alike.
 */
#include "compute/ranges.h"
#include "layers/layers.h"
#include "opencl/kernel.h"

struct state {
    kernel *spans, *images, *backward;
};

enum { PLACES }; /* of the maxima, ints (spans, channels): see global_pool.cl */

static int global_pool_shape(layer *l)
{
    shape x = l->inputs[0]->shape;
    size_t values = (size_t)spans_in_images(l->store->device, x).count * (size_t)x.c;
    l->saved[PLACES].bytes = values * sizeof(cl_int);
    l->workspace_bytes = values * sizeof(float);
    return layer_output_shape(l, x.n, 2, 1, x.c);
}

static int global_pool_prepare(layer *l, device *d)
{
    struct state *s = l->state;
    s->spans = kernel_get(d, "global_pool", "", "pool_spans");
    s->images = kernel_get(d, "global_pool", "", "pool_images");
    s->backward = kernel_get(d, "global_pool", "", "pool_backward");
    return s->spans && s->images && s->backward ? 0 : -1;
}

static int global_pool_forward(layer *l, run *r)
{
    struct state *s = l->state;
    shape x = l->inputs[0]->shape;
    spans over = spans_in_images(r->device, x);
    if (LAUNCH(r->device, s->spans, spans_range(r->device, &over), ARG(l->inputs[0]->data),
               ARG(r->workspace), ARG(l->saved[PLACES].buffer), ARG(over.pixels),
               ARG(over.channels), ARG(over.span)))
        return -1;
    return LAUNCH(r->device, s->images, range_flat((size_t)x.n * (size_t)x.c),
                  ARG(l->inputs[0]->data), ARG(r->workspace), ARG(l->saved[PLACES].buffer),
                  ARG(l->output->data), ARG(x.n), ARG(over.count / x.n), ARG(x.h * x.w),
                  ARG(over.channels));
}

static int global_pool_backward(layer *l, run *r)
{
    struct state *s = l->state;
    shape x = l->inputs[0]->shape;
    spans over = spans_in_images(r->device, x);
    return LAUNCH(r->device, s->backward, spans_range(r->device, &over),
                  ARG(l->saved[PLACES].buffer), ARG(l->output->gradient),
                  ARG(l->inputs[0]->gradient), ARG(over.pixels), ARG(over.channels), ARG(over.span),
                  ARG(x.h * x.w), ARG(l->beta[0]));
}

const layer_type global_pool_layer = {
    .name = "global_pool",
    .state_size = sizeof(struct state),
    .flags = READS_WHOLE_IMAGE,
    .shape = global_pool_shape,
    .prepare = global_pool_prepare,
    .forward = global_pool_forward,
    .backward = global_pool_backward,
};

tensor *global_pool(graph *g, const char *name, tensor *x)
{
    return graph_add(g, &global_pool_layer, name, NULL, &x, 1);
}
