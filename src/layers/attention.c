/*
 * Scaled dot-product attention (Vaswani et al. 2017), as in the middle of
 * Keras' MultiHeadAttention: for each head y = softmax(q * k^T / sqrt(d)) * v
 * over the tokens, which are the pixels. q, k, v, y: (n, h, w, heads * d), a
 * head's channels side by side. The projections around it are dense layers.
 *
 * Over few tokens it is two matrix products with the weights between them; over many (attention_stream.h) the weights are
 * never stored.
 */
#include "base/error.h"
#include "compute/gemm.h"
#include "compute/ranges.h"
#include "layers/attention_stream.h"
#include "layers/layers.h"
#include <math.h>

struct state {
    bool streams;
    attention_stream stream;
    kernel *softmax, *softmax_backward;
};

enum { Q, K, V }; /* l->inputs */
enum { WEIGHTS }; /* l->saved: (n, heads, tokens, tokens), or the stream's log_sums */

static int heads_of(const layer *l)
{
    return ((const struct attention_options *)l->options)->heads;
}

static int attention_shape(layer *l)
{
    shape q = l->inputs[Q]->shape;
    int heads = heads_of(l), tokens = q.h * q.w;
    if (heads < 1 || q.c % heads || !shape_equal(q, l->inputs[K]->shape) ||
        !shape_equal(q, l->inputs[V]->shape))
        return fail(STATUS_RUNTIME, "query, key and value differ, or %d channels are not %d heads",
                    q.c, heads);
    struct state *s = l->state;
    s->streams = attention_is_streamed(q, heads);
    if (s->streams) {
        l->flags |= BACKWARD_NEEDS_Y;
        l->saved[WEIGHTS].bytes = l->workspace_bytes = attention_stream_bytes(q, heads);
        return layer_output_shape(l, q.n, q.h, q.w, q.c);
    }
    if ((double)q.n * heads * tokens * tokens > VALUES_MAX)
        return fail(STATUS_MEMORY,
                    "%d heads of %d x %d tokens for %d images have more than %d weights; smaller "
                    "images or a smaller batch need fewer",
                    heads, tokens, tokens, q.n, VALUES_MAX);
    l->saved[WEIGHTS].bytes = (size_t)q.n * heads * tokens * tokens * sizeof(float);
    l->workspace_bytes = l->saved[WEIGHTS].bytes;
    return layer_output_shape(l, q.n, q.h, q.w, q.c);
}

static int attention_prepare(layer *l, device *d)
{
    struct state *s = l->state;
    if (s->streams)
        return attention_stream_prepare(&s->stream, d, l->output->shape, heads_of(l));
    s->softmax = kernel_get(d, "attention", "", "softmax");
    s->softmax_backward = kernel_get(d, "attention", "", "softmax_backward");
    return s->softmax && s->softmax_backward ? 0 : -1;
}

/* The matrices of all heads: (tokens, d) within q, k, v, y; (tokens, tokens) of
 * weights. */
static matrix of_tokens(const layer *l, cl_mem buffer)
{
    shape s = l->output->shape;
    return (matrix){.buffer = buffer,
                    .row_stride = s.c,
                    .outer_stride = s.h * s.w * s.c,
                    .inner_stride = s.c / heads_of(l)};
}

static matrix of_weights(const layer *l, cl_mem buffer)
{
    int tokens = l->output->shape.h * l->output->shape.w;
    return (matrix){.buffer = buffer,
                    .row_stride = tokens,
                    .outer_stride = heads_of(l) * tokens * tokens,
                    .inner_stride = tokens * tokens};
}

/* tokens x tokens from the channels of a head, or tokens x d from tokens x
 * tokens */
static gemm_shape scores_shape(const layer *l)
{
    shape s = l->output->shape;
    int tokens = s.h * s.w;
    return (gemm_shape){.m = tokens,
                        .n = tokens,
                        .k = s.c / heads_of(l),
                        .outer = s.n,
                        .inner = heads_of(l),
                        .transpose_b = true};
}

static gemm_shape values_shape(const layer *l, bool transpose)
{
    gemm_shape g = scores_shape(l);
    return (gemm_shape){
        .m = g.m, .n = g.k, .k = g.m, .outer = g.outer, .inner = g.inner, .transpose_a = transpose};
}

static float scale_of(const layer *l)
{
    return 1 / sqrtf((float)(l->output->shape.c / heads_of(l)));
}

/* The rows of the weights, a row a softmax. */
static spans rows_of_weights(const layer *l, const device *d)
{
    gemm_shape scores = scores_shape(l);
    return spans_rows(d, (shape){scores.outer, scores.inner, scores.m, scores.n});
}

static int attention_forward(layer *l, run *r)
{
    struct state *s = l->state;
    device *d = r->device;
    if (s->streams)
        return attention_stream_forward(&s->stream, l, r, heads_of(l), l->saved[WEIGHTS].buffer);
    gemm_shape scores = scores_shape(l), values = values_shape(l, false);
    matrix weights = of_weights(l, l->saved[WEIGHTS].buffer);
    spans rows = rows_of_weights(l, d);
    if (gemm(d, &scores, scale_of(l), of_tokens(l, l->inputs[Q]->data),
             of_tokens(l, l->inputs[K]->data), 0, weights) ||
        LAUNCH(d, s->softmax, rows_range(d, &rows), ARG(weights.buffer), ARG(rows.pixels),
               ARG(rows.channels), ARG(rows.span)))
        return -1;
    return gemm(d, &values, 1, weights, of_tokens(l, l->inputs[V]->data), 0,
                of_tokens(l, l->output->data));
}

/* The scores' gradient, through the softmax, gives dq = scale * ds * k and dk = scale * ds^T * q; dv =
 * weights^T g. In the order of the inputs, as beta is, should two of them be one tensor. */
static int attention_backward(layer *l, run *r)
{
    struct state *s = l->state;
    device *d = r->device;
    if (s->streams)
        return attention_stream_backward(&s->stream, l, r, heads_of(l), l->saved[WEIGHTS].buffer);
    gemm_shape scores = scores_shape(l), values = values_shape(l, false);
    gemm_shape transposed = values_shape(l, true);
    matrix weights = of_weights(l, l->saved[WEIGHTS].buffer), ds = of_weights(l, r->workspace);
    matrix g = of_tokens(l, l->output->gradient);
    spans rows = rows_of_weights(l, d);
    tensor *q = l->inputs[Q], *k = l->inputs[K], *v = l->inputs[V];
    if (gemm(d, &scores, 1, g, of_tokens(l, v->data), 0, ds) ||
        LAUNCH(d, s->softmax_backward, rows_range(d, &rows), ARG(weights.buffer), ARG(ds.buffer),
               ARG(rows.pixels), ARG(rows.channels), ARG(rows.span)))
        return -1;
    if (q->gradient && gemm(d, &values, scale_of(l), ds, of_tokens(l, k->data), (float)l->beta[Q],
                            of_tokens(l, q->gradient)))
        return -1;
    if (k->gradient && gemm(d, &transposed, scale_of(l), ds, of_tokens(l, q->data),
                            (float)l->beta[K], of_tokens(l, k->gradient)))
        return -1;
    return v->gradient
               ? gemm(d, &transposed, 1, weights, g, (float)l->beta[V], of_tokens(l, v->gradient))
               : 0;
}

/* Matrix products; all are of the same size. Backward has one for the weights' gradient too. */
static double attention_flops(const layer *l, bool backward)
{
    gemm_shape one = scores_shape(l);
    int products = 2;
    if (backward) {
        products = 1;
        for (int i = 0; i < l->input_count; i++)
            products += l->inputs[i]->needs_gradient;
    }
    return 2.0 * products * one.outer * one.inner * one.m * one.n * one.k;
}

const layer_type attention_layer = {
    .name = "attention",
    .options_size = sizeof(struct attention_options),
    .state_size = sizeof(struct state),
    .flags = BACKWARD_NEEDS_X | READS_WHOLE_IMAGE,
    .shape = attention_shape,
    .prepare = attention_prepare,
    .forward = attention_forward,
    .backward = attention_backward,
    .flops = attention_flops,
};

tensor *attention(graph *g, const char *name, tensor *q, tensor *k, tensor *v, int heads)
{
    struct attention_options o = {heads};
    return graph_add(g, &attention_layer, name, &o, (tensor *[]){q, k, v}, 3);
}
