/*
 * The U-Net (Ronneberger et al. 2015) of the first of the two Keras systems that README.md describes.
 *
 * Encoder modules of [conv 3x3, batch norm, activation]; all but the last keep their result as a skip
 * before a 2x2 max pool, after which filters double. Decoder modules of a transposed convolution, joined
 * with the skip, and again [conv 3x3, batch norm, activation]. For each source a 1x1 head with the same
 * activation.
 *
 * What a config can change: filters and convolutions of each resolution; no skips, which makes it an
 * autoencoder; no batch norms; and residual modules in the order of He et al. 2016 ("Identity Mappings"), whose
 * first convolution changes the channels and whose others come in pairs:
 *
 *     x = conv1(x)
 *     x = x + conv3(activation(norm2(conv2(activation(norm1(x))))))     and so on
 *     x = activation(norm(x))
 *
 * An even number of convolutions leaves one alone at the end: x = x + conv(activation(norm(x))).
 *
 * Gated, a pair has another inside, of about as many operations: conv2 makes twice two thirds of the channels,
 * and one half of them, times the sigmoid of the other, goes into conv3 (gated linear units, Dauphin et al.
 * 2017):
 *
 *     x = x + conv3(gate(norm2(conv2(activation(norm1(x))))))
 */
#include "base/error.h"
#include "layers/layers.h"
#include "models/architecture.h"
#include "models/label.h"
#include "models/transformer.h"

typedef struct builder {
    graph *graph;
    enum activation activation;
    bool batch_norm, residual, gated;
} builder;

/* What follows convolution i of a module, from 1: its norm, if there is one, and the activation. */
static tensor *activate(const builder *b, label module, int i, tensor *x)
{
    if (b->batch_norm)
        return batch_norm(b->graph, label_of(module.text, "/norm%d", i).text, x, b->activation);
    return activation(b->graph, label_of(module.text, "/activation%d", i).text, x, b->activation);
}

static tensor *convolve(const builder *b, label module, int i, tensor *x, int filters)
{
    return conv2d(b->graph, label_of(module.text, "/conv%d", i).text, x, filters, 3, 1);
}

static tensor *plain_module(const builder *b, label module, tensor *x, int filters,
                            int convolutions)
{
    for (int i = 1; i <= convolutions; i++)
        x = activate(b, module, i, convolve(b, module, i, x, filters));
    return x;
}

/* Two thirds of the filters: the nearest multiple of what Winograd's kernels take, where there is one. */
static int gated_filters(int filters)
{
    enum { UNIT = 16 };
    int wanted = (2 * filters + 2) / 3;
    return filters < UNIT ? wanted : (wanted + UNIT / 2) / UNIT * UNIT;
}

static tensor *gated_pair(const builder *b, label module, int i, tensor *x, int filters)
{
    tensor *y = convolve(b, module, i, x, 2 * gated_filters(filters));
    if (b->batch_norm)
        y = batch_norm(b->graph, label_of(module.text, "/norm%d", i).text, y, ACT_LINEAR);
    y = gate(b->graph, label_of(module.text, "/gate%d", i / 2).text, y);
    return convolve(b, module, i + 1, y, filters);
}

static tensor *plain_pair(const builder *b, label module, int i, tensor *x, int filters)
{
    tensor *y = activate(b, module, i, convolve(b, module, i, x, filters));
    return convolve(b, module, i + 1, y, filters);
}

static tensor *residual_module(const builder *b, label module, tensor *x, int filters,
                               int convolutions)
{
    x = convolve(b, module, 1, x, filters);
    for (int i = 2; i <= convolutions; i += 2) {
        tensor *y = activate(b, module, i - 1, x);
        if (i == convolutions)
            y = convolve(b, module, i, y, filters);
        else
            y = (b->gated ? gated_pair : plain_pair)(b, module, i, y, filters);
        x = add(b->graph, label_of(module.text, "/add%d", i / 2).text, y, x);
    }
    return activate(b, module, convolutions, x);
}

static tensor *convolutions(const builder *b, label module, tensor *x, int filters, int count)
{
    return b->residual ? residual_module(b, module, x, filters, count)
                       : plain_module(b, module, x, filters, count);
}

/* Decoder modules are numbered as the encoder whose skip they join. skip: NULL for none. */
static tensor *decode(const builder *b, label module, tensor *x, tensor *skip, int filters,
                      int count)
{
    x = conv2d_transpose(b->graph, label_of(module.text, "/up").text, x, filters);
    if (skip)
        x = concat(b->graph, label_of(module.text, "/join").text, x, skip);
    return convolutions(b, module, x, filters, count);
}

static int check_gated(const stage *s)
{
    return s->config->gated && !s->config->residual
               ? fail(STATUS_USAGE, "%s.gated needs %s.residual: it is about residual pairs",
                      s->section, s->section)
               : 0;
}

static int check_size(const stage *s, shape size)
{
    int times = s->config->modules - 1;
    return size.h % (1 << times) || size.w % (1 << times)
               ? fail(STATUS_USAGE, "%s.modules = %d: images of %d x %d cannot be halved %d times",
                      s->section, s->config->modules, size.h, size.w, times)
               : 0;
}

/* A list of one is about the first resolution; else it names each. */
static int check_list(const stage *s, const char *key, int count)
{
    return count != 1 && count != s->config->modules
               ? fail(STATUS_USAGE, "%s.%s has %d numbers for the %d resolutions of %s.modules",
                      s->section, key, count, s->config->modules, s->section)
               : 0;
}

static int filters_of(const struct model_config *c, int i)
{
    return c->filter_count > 1 ? c->filters[i] : c->filters[0] << i;
}

tensor *unet_build(graph *g, const stage *s, tensor *input)
{
    const struct model_config *c = s->config;
    builder b = {g, activation_named(c->activation), c->batch_norm, c->residual, c->gated};
    if (check_gated(s) || check_attention(c, s->section, c->modules) ||
        check_size(s, input->shape) || check_list(s, "filters", c->filter_count) ||
        check_list(s, "convolutions", c->convolution_count))
        return NULL;
    tensor *skips[RESOLUTIONS_MAX], *x = input;
    for (int i = 0; i < c->modules; i++) {
        label module = label_of(s->prefix, "encoder%d", i + 1);
        x = convolutions(&b, module, x, filters_of(c, i), model_convolutions(c, i));
        x = skips[i] = attend_if_asked(g, c, module.text, i + 1, x, 0);
        if (i < c->modules - 1)
            x = max_pool(g, label_of(module.text, "/pool").text, x);
    }
    for (int i = c->modules - 1; i-- > 0;)
        x = decode(&b, label_of(s->prefix, "decoder%d", i + 1), x, c->skips ? skips[i] : NULL,
                   filters_of(c, i), model_convolutions(c, i));
    x = conv2d_heads(g, label_of(s->prefix, "heads").text, x, s->channels, s->sources, 1);
    return c->consistent
               ? x
               : activation(g, label_of(s->prefix, "heads/activation").text, x, b.activation);
}
