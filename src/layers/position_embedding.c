/* Adds to every token (pixel) a vector for its place: one table for all images. */
#include "compute/ranges.h"
#include "layers/layers.h"
#include "opencl/kernel.h"

enum { VALUES_PER_ITEM = 64 }; /* of the table's gradient, on vector devices */

struct state {
    kernel *add, *pass, *table_gradient;
};

/* The only param goes by the layer's own name. */
static int position_embedding_shape(layer *l)
{
    const struct position_embedding_options *o = l->options;
    shape x = l->inputs[0]->shape;
    param *table =
        params_declare(l->store, l->name, (int[]){x.h * x.w, x.c}, 2, INIT_NORMAL, PARAM_WEIGHT);
    if (!table)
        return -1;
    table->fixed |= o->fixed;
    table->frozen |= table->fixed;
    l->params[l->param_count++] = table;
    return layer_output_shape(l, x.n, x.h, x.w, x.c);
}

static int position_embedding_prepare(layer *l, device *d)
{
    struct state *s = l->state;
    s->add = kernel_get(d, "position_embedding", "", "add_positions");
    s->table_gradient = kernel_get(d, "position_embedding", "", "position_gradient");
    s->pass = kernel_get(d, "add", "", "add_backward");
    return s->add && s->table_gradient && s->pass ? 0 : -1;
}

static int position_embedding_forward(layer *l, run *r)
{
    struct state *s = l->state;
    shape x = l->output->shape;
    spans over = spans_elementwise(r->device, x);
    return LAUNCH(r->device, s->add, spans_range(r->device, &over), ARG(l->inputs[0]->data),
                  ARG(l->params[0]->data), ARG(l->output->data), ARG(over.pixels), ARG(x.h * x.w),
                  ARG(over.channels), ARG(over.span));
}

static int table_gradient(layer *l, run *r)
{
    struct state *s = l->state;
    shape x = l->output->shape;
    size_t values = l->params[0]->count;
    range over = r->device->kernels == KERNELS_VECTOR
                     ? range_single((values + VALUES_PER_ITEM - 1) / VALUES_PER_ITEM, 1, 1)
                     : range_flat(values);
    return LAUNCH(r->device, s->table_gradient, over, ARG(l->output->gradient),
                  ARG(l->params[0]->gradient), ARG(x.n), ARG((int)values));
}

static int position_embedding_backward(layer *l, run *r)
{
    struct state *s = l->state;
    cl_mem g = l->output->gradient, dx = l->inputs[0]->gradient;
    if (l->params[0]->gradient && table_gradient(l, r))
        return -1;
    if (!dx || dx == g)
        return 0;
    spans over = spans_flat(r->device, l->output->shape);
    return LAUNCH(r->device, s->pass, spans_range(r->device, &over), ARG(g), ARG(dx),
                  ARG(over.pixels), ARG(over.channels), ARG(over.span), ARG(l->beta[0]));
}

const layer_type position_embedding_layer = {
    .name = "position_embedding",
    .options_size = sizeof(struct position_embedding_options),
    .state_size = sizeof(struct state),
    .flags = CAN_RUN_IN_PLACE | READS_WHOLE_IMAGE,
    .shape = position_embedding_shape,
    .prepare = position_embedding_prepare,
    .forward = position_embedding_forward,
    .backward = position_embedding_backward,
};

tensor *position_embedding(graph *g, const char *name, tensor *x, bool trained)
{
    struct position_embedding_options o = {.fixed = !trained};
    return graph_add(g, &position_embedding_layer, name, &o, &x, 1);
}
