/* Keras Conv2D, padding 'same', with or without bias. The arithmetic is convolution.h's. */
#include "layers/channel_sums.h"
#include "layers/convolution.h"
#include "layers/layers.h"

struct state {
    convolution convolution;
    channel_sums sums;       /* the bias gradient, where the kernel is not trained */
    uint64_t packed_version; /* of the params that the packed weights were made from */
};

enum { KERNEL, BIAS }; /* l->params */
enum { PACKED };       /* l->saved: weights for forward, kept while the params stay */

static int conv2d_shape(layer *l)
{
    const struct conv2d_options *o = l->options;
    convolution *c = &((struct state *)l->state)->convolution;
    shape x = l->inputs[0]->shape;
    if (convolution_shape(c, x, o->filters, o->kernel, o->stride) ||
        layer_output_shape(l, c->y.n, c->y.h, c->y.w, c->y.c) ||
        layer_param(l, "kernel", (int[]){o->kernel, o->kernel, x.c, o->filters}, 4,
                    o->flags & CONV2D_HE_NORMAL ? INIT_HE_NORMAL : INIT_GLOROT_UNIFORM,
                    PARAM_WEIGHT) ||
        (!(o->flags & CONV2D_NO_BIAS) &&
         layer_param(l, "bias", (int[]){o->filters}, 1, INIT_ZEROS, PARAM_WEIGHT)))
        return -1;
    l->saved[PACKED].bytes = convolution_packed_floats(c, l->store->device, false) * sizeof(float);
    l->saved[PACKED].persistent = true;
    bool trained = param_is_trainable(l->params[KERNEL]);
    if (trained && convolution_finishes_gradient(c, l->store->device))
        l->flags |= CAN_FINISH_GRADIENT;
    size_t packed = convolution_packed_floats(c, l->store->device, true) * sizeof(float);
    size_t sums = trained ? convolution_partial_floats(c, l->store->device) * sizeof(float)
                          : channel_sums_bytes(l->store->device, c->y);
    l->workspace_bytes = packed > sums ? packed : sums;
    return 0;
}

static int conv2d_prepare(layer *l, device *d)
{
    struct state *s = l->state;
    unsigned parts = CONVOLUTION_FORWARD;
    bool trained = param_is_trainable(l->params[KERNEL]);
    if (l->output->needs_gradient && trained)
        parts |= CONVOLUTION_GRADIENT;
    if (l->output->needs_gradient && l->reads[0]->needs_gradient)
        parts |= CONVOLUTION_ADJOINT;
    if (!trained && channel_sums_prepare(&s->sums, d))
        return -1;
    return convolution_prepare(&s->convolution, d, parts);
}

/* NULL without one. */
static const param *bias_of(const layer *l)
{
    return l->param_count > BIAS ? l->params[BIAS] : NULL;
}

static int conv2d_forward(layer *l, run *r)
{
    struct state *s = l->state;
    const convolution *c = &s->convolution;
    const param *bias = bias_of(l);
    cl_mem weights = l->params[KERNEL]->data, packed = l->saved[PACKED].buffer;
    if (s->packed_version != r->params_version) {
        if (convolution_pack(&c->forward, r->device, weights, packed))
            return -1;
        s->packed_version = r->params_version;
    }
    return convolution_run(&c->forward, r->device, view_of_inputs(l), weights, packed,
                           bias ? bias->data : NULL, sink_of(l->output->data, c->y.c, false));
}

static int param_gradients(layer *l, run *r)
{
    const struct state *s = l->state;
    const convolution *c = &s->convolution;
    cl_mem dkernel = l->params[KERNEL]->gradient, g = l->output->gradient;
    cl_mem dbias = bias_of(l) ? bias_of(l)->gradient : NULL;
    if (dkernel) {
        gradient_view deferred = gradient_of_output(l);
        return convolution_weight_gradient(c, r->device, view_of_inputs(l), view_of(g, c->y.c),
                                           &deferred, dkernel, dbias, r->workspace);
    }
    return dbias ? channel_sums_run(&s->sums, r->device, c->y, g, r->workspace, dbias) : 0;
}

static int conv2d_backward(layer *l, run *r)
{
    const convolution *c = &((struct state *)l->state)->convolution;
    cl_mem weights = l->params[KERNEL]->data, g = l->output->gradient;
    if (param_gradients(l, r))
        return -1;
    if (!l->reads[0]->gradient)
        return 0;
    if (convolution_pack(&c->adjoint, r->device, weights, r->workspace))
        return -1;
    return convolution_run(&c->adjoint, r->device, view_of(g, c->y.c), weights, r->workspace, NULL,
                           sink_of_gradients(l));
}

static void conv2d_release(layer *l)
{
    convolution_release(&((struct state *)l->state)->convolution);
}

static double conv2d_flops(const layer *l, bool backward)
{
    return layer_weight_flops(l, l->output->shape, backward);
}

static span conv2d_reach(const layer *l, span output)
{
    return convolution_reach(&((const struct state *)l->state)->convolution, false, output);
}

const layer_type conv2d_layer = {
    .name = "conv2d",
    .options_size = sizeof(struct conv2d_options),
    .state_size = sizeof(struct state),
    .flags = BACKWARD_NEEDS_X | READS_DEFERRED | READS_PARTS | IS_CONVOLUTION,
    .shape = conv2d_shape,
    .prepare = conv2d_prepare,
    .forward = conv2d_forward,
    .backward = conv2d_backward,
    .flops = conv2d_flops,
    .reach = conv2d_reach,
    .release = conv2d_release,
};

tensor *conv2d(graph *g, const char *name, tensor *x, int filters, int kernel, int stride)
{
    struct conv2d_options o = {filters, kernel, stride, 0};
    return graph_add(g, &conv2d_layer, name, &o, &x, 1);
}

tensor *conv2d_heads(graph *g, const char *name, tensor *x, int filters, int heads, int kernel)
{
    tensor *y = conv2d(g, name, x, heads * filters, kernel, 1);
    if (y)
        y->producer->params[KERNEL]->fan_out = kernel * kernel * filters;
    return y;
}

tensor *conv2d_plain(graph *g, const char *name, tensor *x, int filters, int kernel)
{
    struct conv2d_options o = {filters, kernel, 1, CONV2D_NO_BIAS | CONV2D_HE_NORMAL};
    return graph_add(g, &conv2d_layer, name, &o, &x, 1);
}
