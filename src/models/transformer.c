#include "models/transformer.h"

#include "base/error.h"
#include "layers/layers.h"
#include "models/label.h"

/* Multi-head self-attention with its projections, back to x's channels. */
static tensor *self_attention(graph *g, const char *name, tensor *x, const transformer *t,
                              int width)
{
    tensor *q = dense_into_heads(g, label_of(name, "/%s", "query").text, x, t->heads, t->key_size);
    tensor *k = dense_into_heads(g, label_of(name, "/%s", "key").text, x, t->heads, t->key_size);
    tensor *v = dense_into_heads(g, label_of(name, "/%s", "value").text, x, t->heads, t->key_size);
    tensor *y = attention(g, label_of(name, "/%s", "heads").text, q, k, v, t->heads);
    return dense_out_of_heads(g, label_of(name, "/%s", "output").text, y, t->heads, width);
}

/* x + dropout(branch) */
static tensor *residual(graph *g, const char *prefix, int number, tensor *x, tensor *branch,
                        double rate)
{
    if (rate > 0)
        branch = dropout(g, label_of(prefix, "/dropout%d", number).text, branch, rate);
    return add(g, label_of(prefix, "/add%d", number).text, branch, x);
}

tensor *transformer_block(graph *g, const char *prefix, tensor *x, const transformer *t)
{
    if (!x)
        return NULL;
    int width = x->shape.c;
    tensor *y = layer_norm(g, label_of(prefix, "/%s", "norm1").text, x);
    y = self_attention(g, label_of(prefix, "/%s", "attention").text, y, t, width);
    x = residual(g, prefix, 1, x, y, t->dropout);
    y = layer_norm(g, label_of(prefix, "/%s", "norm2").text, x);
    y = dense(g, label_of(prefix, "/%s", "ffn1").text, y, t->ffn);
    y = activation(g, label_of(prefix, "/%s", "relu").text, y, ACT_RELU);
    y = dense(g, label_of(prefix, "/%s", "ffn2").text, y, width);
    return residual(g, prefix, 2, x, y, t->dropout);
}

int check_attention(const struct model_config *c, const char *section, int resolutions)
{
    for (int i = 0; i < c->attention_count; i++)
        if (c->attention[i] > resolutions)
            return fail(STATUS_USAGE, "%s.attention: there is no resolution %d, only %d", section,
                        c->attention[i], resolutions);
    return 0;
}

tensor *attend_if_asked(graph *g, const struct model_config *c, const char *module, int resolution,
                        tensor *x, double dropout)
{
    bool asked = false;
    for (int i = 0; i < c->attention_count; i++)
        asked |= c->attention[i] == resolution;
    if (!asked || !x)
        return x;
    int channels = x->shape.c, size = channels / RESOLUTION_HEADS;
    transformer t = {.heads = RESOLUTION_HEADS,
                     .key_size = size ? size : 1,
                     .ffn = 2 * channels,
                     .dropout = dropout};
    return transformer_block(g, label_of(module, "/block").text, x, &t);
}
