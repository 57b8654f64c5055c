/*
 * Keras Conv2DTranspose, 3x3, stride 2, padding 'same', with bias: the gradient of the Conv2D that
 * maps the large output to the small input. So forward is that convolution's adjoint, the input
 * gradient its forward, and the weight gradient its own with the sides exchanged.
 */
#include "compute/ranges.h"
#include "layers/channel_sums.h"
#include "layers/convolution.h"
#include "layers/layers.h"

struct state {
    convolution convolution; /* x: this layer's output, y: its input */
    uint64_t packed_version;
    channel_sums sums; /* the bias gradient */
};

enum { KERNEL, BIAS };
enum { PACKED };

static int conv2d_transpose_shape(layer *l)
{
    const struct conv2d_transpose_options *o = l->options;
    convolution *c = &((struct state *)l->state)->convolution;
    shape in = l->inputs[0]->shape;
    if (layer_output_shape(l, in.n, 2 * in.h, 2 * in.w, o->filters) ||
        convolution_shape(c, l->output->shape, in.c, 3, 2) ||
        layer_param(l, "kernel", (int[]){3, 3, o->filters, in.c}, 4, INIT_GLOROT_UNIFORM,
                    PARAM_WEIGHT) ||
        layer_param(l, "bias", (int[]){o->filters}, 1, INIT_ZEROS, PARAM_WEIGHT))
        return -1;
    l->saved[PACKED].bytes = convolution_packed_floats(c, l->store->device, true) * sizeof(float);
    l->saved[PACKED].persistent = true;
    size_t needs[] = {
        convolution_packed_floats(c, l->store->device, false) * sizeof(float),
        convolution_partial_floats(c, l->store->device) * sizeof(float),
        channel_sums_bytes(l->store->device, l->output->shape),
    };
    for (int i = 0; i < 3; i++)
        if (l->workspace_bytes < needs[i])
            l->workspace_bytes = needs[i];
    return 0;
}

static int conv2d_transpose_prepare(layer *l, device *d)
{
    struct state *s = l->state;
    unsigned parts = CONVOLUTION_ADJOINT;
    if (l->output->needs_gradient && param_is_trainable(l->params[KERNEL]))
        parts |= CONVOLUTION_GRADIENT;
    if (l->output->needs_gradient && l->reads[0]->needs_gradient)
        parts |= CONVOLUTION_FORWARD;
    if (channel_sums_prepare(&s->sums, d))
        return -1;
    return convolution_prepare(&s->convolution, d, parts);
}

static int conv2d_transpose_forward(layer *l, run *r)
{
    struct state *s = l->state;
    const convolution *c = &s->convolution;
    cl_mem weights = l->params[KERNEL]->data, packed = l->saved[PACKED].buffer;
    if (s->packed_version != r->params_version) {
        if (convolution_pack(&c->adjoint, r->device, weights, packed))
            return -1;
        s->packed_version = r->params_version;
    }
    return convolution_run(&c->adjoint, r->device, view_of_inputs(l), weights, packed,
                           l->params[BIAS]->data, sink_of(l->output->data, c->x.c, false));
}

static int param_gradients(layer *l, run *r)
{
    const struct state *s = l->state;
    const convolution *c = &s->convolution;
    cl_mem dkernel = l->params[KERNEL]->gradient, dbias = l->params[BIAS]->gradient;
    cl_mem g = l->output->gradient;
    if (dbias && channel_sums_run(&s->sums, r->device, c->x, g, r->workspace, dbias))
        return -1;
    if (!dkernel)
        return 0;
    return convolution_weight_gradient(c, r->device, view_of(g, c->x.c), view_of_inputs(l), NULL,
                                       dkernel, NULL, r->workspace);
}

static int conv2d_transpose_backward(layer *l, run *r)
{
    const convolution *c = &((struct state *)l->state)->convolution;
    cl_mem weights = l->params[KERNEL]->data, g = l->output->gradient;
    if (param_gradients(l, r))
        return -1;
    if (!l->reads[0]->gradient)
        return 0;
    if (convolution_pack(&c->forward, r->device, weights, r->workspace))
        return -1;
    return convolution_run(&c->forward, r->device, view_of(g, c->x.c), weights, r->workspace, NULL,
                           sink_of_gradients(l));
}

static void conv2d_transpose_release(layer *l)
{
    convolution_release(&((struct state *)l->state)->convolution);
}

static double conv2d_transpose_flops(const layer *l, bool backward)
{
    return layer_weight_flops(l, l->inputs[0]->shape, backward);
}

static span conv2d_transpose_reach(const layer *l, span output)
{
    return convolution_reach(&((const struct state *)l->state)->convolution, true, output);
}

const layer_type conv2d_transpose_layer = {
    .name = "conv2d_transpose",
    .options_size = sizeof(struct conv2d_transpose_options),
    .state_size = sizeof(struct state),
    .flags = BACKWARD_NEEDS_X | READS_DEFERRED | READS_PARTS | IS_CONVOLUTION,
    .shape = conv2d_transpose_shape,
    .prepare = conv2d_transpose_prepare,
    .forward = conv2d_transpose_forward,
    .backward = conv2d_transpose_backward,
    .flops = conv2d_transpose_flops,
    .reach = conv2d_transpose_reach,
    .release = conv2d_transpose_release,
};

tensor *conv2d_transpose(graph *g, const char *name, tensor *x, int filters)
{
    struct conv2d_transpose_options o = {filters};
    return graph_add(g, &conv2d_transpose_layer, name, &o, &x, 1);
}
