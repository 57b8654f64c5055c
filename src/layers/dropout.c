/* Keras Dropout: in training, zeroes a share `rate` of the values and scales the others by
 * 1 / (1 - rate). The mask follows from the run's seed and step (cl/dropout.cl) and is not kept. */
#include "base/error.h"
#include "base/streams.h"
#include "compute/ranges.h"
#include "layers/layers.h"
#include "opencl/kernel.h"

struct state {
    kernel *drop_and_scale;
};

static int dropout_shape(layer *l)
{
    const struct dropout_options *o = l->options;
    shape x = l->inputs[0]->shape;
    if (!(o->rate >= 0 && o->rate < 1))
        return fail(STATUS_USAGE,
                    "a dropout rate of %g is not possible; it is at least 0 and below 1", o->rate);
    return layer_output_shape(l, x.n, x.h, x.w, x.c);
}

static int dropout_prepare(layer *l, device *d)
{
    struct state *s = l->state;
    s->drop_and_scale = kernel_get(d, "dropout", "", "drop_and_scale");
    return s->drop_and_scale ? 0 : -1;
}

/* Every layer and step has a stream of its own. */
static uint64_t stream_of(const layer *l, const run *r)
{
    return stream_of_name(STREAM_DROPOUT, l->name) + r->step;
}

static int drop_and_scale(layer *l, run *r, cl_mem from, cl_mem to, double rate, int accumulate)
{
    struct state *s = l->state;
    spans over = spans_flat(r->device, l->output->shape);
    unsigned dropped = (unsigned)(rate * 4294967296.0);
    return LAUNCH(r->device, s->drop_and_scale, spans_range(r->device, &over), ARG(from), ARG(to),
                  ARG(over.pixels), ARG(over.channels), ARG(over.span), ARG(dropped),
                  ARG((float)(1 / (1 - rate))), ARG(r->seed), ARG(stream_of(l, r)),
                  ARG(accumulate));
}

static int dropout_forward(layer *l, run *r)
{
    const struct dropout_options *o = l->options;
    cl_mem x = l->inputs[0]->data, y = l->output->data;
    if (r->training && o->rate > 0)
        return drop_and_scale(l, r, x, y, o->rate, 0);
    return x == y
               ? 0
               : buffer_copy(r->device, x, 0, y, 0, shape_count(l->output->shape) * sizeof(float));
}

static int dropout_backward(layer *l, run *r)
{
    const struct dropout_options *o = l->options;
    return drop_and_scale(l, r, l->output->gradient, l->inputs[0]->gradient, o->rate, l->beta[0]);
}

const layer_type dropout_layer = {
    .name = "dropout",
    .options_size = sizeof(struct dropout_options),
    .state_size = sizeof(struct state),
    .flags = CAN_RUN_IN_PLACE,
    .shape = dropout_shape,
    .prepare = dropout_prepare,
    .forward = dropout_forward,
    .backward = dropout_backward,
};

tensor *dropout(graph *g, const char *name, tensor *x, double rate)
{
    struct dropout_options o = {rate};
    return graph_add(g, &dropout_layer, name, &o, &x, 1);
}
