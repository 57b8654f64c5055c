/*
 * Keras Dense, and EinsumDense as Keras' MultiHeadAttention uses it: y = x *
 * kernel + bias on the channels of every pixel (token). With heads the kernel
 * only has another shape, (c, heads, units) into heads or (heads, c / heads,
 * units) out of them, which matters to Glorot's limits and to who reads the
 * model file; the product is the same.
 */
#include "base/error.h"
#include "compute/gemm.h"
#include "compute/ranges.h"
#include "layers/channel_sums.h"
#include "layers/layers.h"

struct state {
    kernel *bias_rows;
    channel_sums sums; /* the bias gradient */
};

enum { KERNEL, BIAS };

static int rows_of(const layer *l)
{
    shape s = l->output->shape;
    return s.n * s.h * s.w;
}

static int declare(layer *l, int c, int out)
{
    const struct dense_options *o = l->options;
    int flat[] = {c, out}, into[] = {c, o->heads, o->units}, from[] = {o->heads, c / o->heads, out};
    int bias[] = {out}, bias_heads[] = {o->heads, o->units};
    bool plain = o->heads == 1;
    if (layer_param(l, "kernel",
                    plain             ? flat
                    : o->out_of_heads ? from
                                      : into,
                    plain ? 2 : 3, o->he_normal ? INIT_HE_NORMAL : INIT_GLOROT_UNIFORM,
                    PARAM_WEIGHT))
        return -1;
    bool split = !plain && !o->out_of_heads;
    return layer_param(l, "bias", split ? bias_heads : bias, split ? 2 : 1, INIT_ZEROS,
                       PARAM_WEIGHT);
}

static int dense_shape(layer *l)
{
    const struct dense_options *o = l->options;
    shape x = l->inputs[0]->shape;
    int out = o->out_of_heads ? o->units : o->heads * o->units;
    if (o->units < 1 || o->heads < 1 || (o->out_of_heads && x.c % o->heads))
        return fail(STATUS_RUNTIME, "%d channels cannot come from %d heads", x.c, o->heads);
    if (layer_output_shape(l, x.n, x.h, x.w, out) || declare(l, x.c, out))
        return -1;
    l->workspace_bytes = channel_sums_bytes(l->store->device, l->output->shape);
    return 0;
}

static int dense_prepare(layer *l, device *d)
{
    struct state *s = l->state;
    s->bias_rows = kernel_get(d, "dense", "", "bias_rows");
    if (!s->bias_rows)
        return -1;
    return channel_sums_prepare(&s->sums, d);
}

static matrix whole(cl_mem buffer, int columns)
{
    return (matrix){.buffer = buffer, .row_stride = columns};
}

static int dense_forward(layer *l, run *r)
{
    struct state *s = l->state;
    int in = l->inputs[0]->shape.c, out = l->output->shape.c;
    spans over = spans_elementwise(r->device, l->output->shape);
    gemm_shape product = {.m = rows_of(l), .n = out, .k = in, .outer = 1, .inner = 1};
    if (LAUNCH(r->device, s->bias_rows, spans_range(r->device, &over), ARG(l->params[BIAS]->data),
               ARG(l->output->data), ARG(over.pixels), ARG(over.channels), ARG(over.span)))
        return -1;
    return gemm(r->device, &product, 1, whole(l->inputs[0]->data, in),
                whole(l->params[KERNEL]->data, out), 1, whole(l->output->data, out));
}

static int dense_backward(layer *l, run *r)
{
    const struct state *s = l->state;
    int in = l->inputs[0]->shape.c, out = l->output->shape.c, rows = rows_of(l);
    cl_mem dkernel = l->params[KERNEL]->gradient, dbias = l->params[BIAS]->gradient;
    matrix g = whole(l->output->gradient, out);
    gemm_shape for_kernel = {
        .m = in, .n = out, .k = rows, .outer = 1, .inner = 1, .transpose_a = true};
    gemm_shape for_x = {.m = rows, .n = in, .k = out, .outer = 1, .inner = 1, .transpose_b = true};
    if (dbias && channel_sums_run(&s->sums, r->device, l->output->shape, l->output->gradient,
                                  r->workspace, dbias))
        return -1;
    if (dkernel &&
        gemm(r->device, &for_kernel, 1, whole(l->inputs[0]->data, in), g, 0, whole(dkernel, out)))
        return -1;
    if (!l->inputs[0]->gradient)
        return 0;
    return gemm(r->device, &for_x, 1, g, whole(l->params[KERNEL]->data, out), (float)l->beta[0],
                whole(l->inputs[0]->gradient, in));
}

static double dense_flops(const layer *l, bool backward)
{
    return layer_weight_flops(l, l->output->shape, backward);
}

const layer_type dense_layer = {
    .name = "dense",
    .options_size = sizeof(struct dense_options),
    .state_size = sizeof(struct state),
    .flags = BACKWARD_NEEDS_X,
    .shape = dense_shape,
    .prepare = dense_prepare,
    .forward = dense_forward,
    .backward = dense_backward,
    .flops = dense_flops,
};

tensor *dense(graph *g, const char *name, tensor *x, int units)
{
    struct dense_options o = {.units = units, .heads = 1};
    return graph_add(g, &dense_layer, name, &o, &x, 1);
}

tensor *dense_he(graph *g, const char *name, tensor *x, int units)
{
    struct dense_options o = {.units = units, .heads = 1, .he_normal = true};
    return graph_add(g, &dense_layer, name, &o, &x, 1);
}

tensor *dense_into_heads(graph *g, const char *name, tensor *x, int heads, int units)
{
    struct dense_options o = {.units = units, .heads = heads};
    return graph_add(g, &dense_layer, name, &o, &x, 1);
}

tensor *dense_out_of_heads(graph *g, const char *name, tensor *x, int heads, int units)
{
    struct dense_options o = {.units = units, .heads = heads, .out_of_heads = true};
    return graph_add(g, &dense_layer, name, &o, &x, 1);
}
