/*
 * Keras Conv2DTranspose, 3x3, stride 2, padding 'same', with bias: the gradient of the Conv2D that
 * maps the large output to the small input. So forward is that convolution's adjoint, the input
 * gradient its forward, and the weight gradient its own with the sides exchanged.
 */
#include "compute/pixels.h"
#include "layers/convolution.h"
#include "layers/layers.h"

struct state {
    convolution convolution; /* x: this layer's output, y: its input */
    unsigned long packed_version;
    kernel *span_sums, *sums; /* bias gradient */
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
        layer_param(l, "kernel", (int[]){3, 3, o->filters, in.c}, 4, INIT_GLOROT_UNIFORM, true) ||
        layer_param(l, "bias", (int[]){o->filters}, 1, INIT_ZEROS, true))
        return -1;
    l->saved[PACKED].bytes = convolution_packed_floats(c, l->store->device, true) * sizeof(float);
    l->saved[PACKED].persistent = true;
    size_t needs[] = {
        convolution_packed_floats(c, l->store->device, false),
        convolution_partial_floats(c, l->store->device),
        (size_t)spans_reduction(l->store->device, l->output->shape).count * (size_t)o->filters,
    };
    for (int i = 0; i < 3; i++)
        if (l->workspace_bytes < needs[i] * sizeof(float))
            l->workspace_bytes = needs[i] * sizeof(float);
    return 0;
}

static int conv2d_transpose_prepare(layer *l, device *d)
{
    struct state *s = l->state;
    s->span_sums = kernel_get(d, "channel_sums", "", "channel_sums_of_spans");
    s->sums = kernel_get(d, "channel_sums", "", "channel_sums");
    unsigned parts = CONVOLUTION_ADJOINT;
    if (l->output->needs_gradient)
        parts |= CONVOLUTION_GRADIENT | (l->reads[0]->needs_gradient ? CONVOLUTION_FORWARD : 0);
    return s->span_sums && s->sums ? convolution_prepare(&s->convolution, d, parts) : -1;
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

static int bias_gradient(layer *l, run *r)
{
    struct state *s = l->state;
    spans over = spans_reduction(r->device, l->output->shape);
    return LAUNCH(r->device, s->span_sums, spans_range(r->device, &over), ARG(l->output->gradient),
                  ARG(r->workspace), ARG(over.pixels), ARG(over.channels), ARG(over.span)) ||
                   LAUNCH(r->device, s->sums, range_flat((size_t)over.channels), ARG(r->workspace),
                          ARG(l->params[BIAS]->gradient), ARG(over.channels), ARG(over.count))
               ? -1
               : 0;
}

static int conv2d_transpose_backward(layer *l, run *r)
{
    const convolution *c = &((struct state *)l->state)->convolution;
    cl_mem weights = l->params[KERNEL]->data, g = l->output->gradient;
    if (bias_gradient(l, r) ||
        convolution_weight_gradient(c, r->device, view_of(g, c->x.c), view_of_inputs(l), NULL,
                                    l->params[KERNEL]->gradient, NULL, r->workspace))
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

const layer_type conv2d_transpose_layer = {
    .name = "conv2d_transpose",
    .options_size = sizeof(struct conv2d_transpose_options),
    .state_size = sizeof(struct state),
    .flags = BACKWARD_NEEDS_X | READS_PENDING | READS_PARTS,
    .shape = conv2d_transpose_shape,
    .prepare = conv2d_transpose_prepare,
    .forward = conv2d_transpose_forward,
    .backward = conv2d_transpose_backward,
    .flops = conv2d_transpose_flops,
    .release = conv2d_transpose_release,
};

tensor *conv2d_transpose(graph *g, const char *name, tensor *x, int filters)
{
    struct conv2d_transpose_options o = {filters};
    return graph_add(g, &conv2d_transpose_layer, name, &o, &x, 1);
}
