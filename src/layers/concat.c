/* Keras Concatenate on the channel axis, of two tensors. */
#include "base/error.h"
#include "compute/ranges.h"
#include "layers/layers.h"
#include "opencl/kernel.h"

struct state {
    kernel *copy;
};

static int concat_shape(layer *l)
{
    shape a = l->inputs[0]->shape, b = l->inputs[1]->shape;
    if (a.n != b.n || a.h != b.h || a.w != b.w)
        return fail(STATUS_RUNTIME, "cannot join %d x %d x %d with %d x %d x %d", a.n, a.h, a.w,
                    b.n, b.h, b.w);
    return layer_output_shape(l, a.n, a.h, a.w, a.c + b.c);
}

static int concat_prepare(layer *l, device *d)
{
    struct state *s = l->state;
    s->copy = kernel_get(d, "concat", "", "copy_channels");
    return s->copy ? 0 : -1;
}

static int copy(layer *l, run *r, cl_mem from, int from_channels, int from_offset, cl_mem to,
                int to_channels, int to_offset, int channels, int accumulate)
{
    struct state *s = l->state;
    shape part = l->output->shape;
    part.c = channels;
    spans over = spans_elementwise(r->device, part);
    return LAUNCH(r->device, s->copy, spans_range(r->device, &over), ARG(from), ARG(from_channels),
                  ARG(from_offset), ARG(to), ARG(to_channels), ARG(to_offset), ARG(channels),
                  ARG(over.pixels), ARG(over.span), ARG(accumulate));
}

static int concat_forward(layer *l, run *r)
{
    int total = l->output->shape.c;
    for (int i = 0, at = 0; i < 2; at += l->inputs[i++]->shape.c) {
        int channels = l->inputs[i]->shape.c;
        if (copy(l, r, l->inputs[i]->data, channels, 0, l->output->data, total, at, channels, 0))
            return -1;
    }
    return 0;
}

static int concat_backward(layer *l, run *r)
{
    int total = l->output->shape.c;
    for (int i = 0, at = 0; i < 2; at += l->inputs[i++]->shape.c) {
        int channels = l->inputs[i]->shape.c;
        if (l->inputs[i]->gradient &&
            copy(l, r, l->output->gradient, total, at, l->inputs[i]->gradient, channels, 0,
                 channels, l->beta[i]))
            return -1;
    }
    return 0;
}

const layer_type concat_layer = {
    .name = "concat",
    .state_size = sizeof(struct state),
    .flags = IS_JOIN,
    .shape = concat_shape,
    .prepare = concat_prepare,
    .forward = concat_forward,
    .backward = concat_backward,
};

tensor *concat(graph *g, const char *name, tensor *a, tensor *b)
{
    return graph_add(g, &concat_layer, name, NULL, (tensor *[]){a, b}, 2);
}
