/*
 * The UNet-Transformer with CBAM of the second of the two Keras systems that README.md describes.
 *
 * Encoder: three blocks of 2 x [conv 3x3, ReLU] with F, 2F, 4F filters, a 2x2 max pool after each; their
 * results before the pools are the skips. Bottleneck: every pixel a token, projected to `width`, position
 * embedding, pre-norm transformer blocks. For each source a decoder of the same shape, with three stages
 * [transposed conv, ReLU, batch norm, join skip, conv 3x3, ReLU, batch norm, CBAM] and, before the last,
 * an autoencoder sub-block; then a 3x3 head with a sigmoid. Here the activation precedes the batch norm;
 * in the U-Net it follows it.
 *
 * CBAM: Woo et al. 2018. Transformer: Vaswani et al. 2017, normalisation first.
 */
#include "base/error.h"
#include "layers/layers.h"
#include "models/architecture.h"
#include "models/label.h"
#include "models/transformer.h"

enum { DEPTH = 3, SUB_HEADS = 2 };

typedef struct builder {
    graph *graph;
    int filters, cbam_ratio; /* cbam_ratio 0: without CBAM */
    bool sub_blocks;
    double dropout;
} builder;

static label join(const char *prefix, const char *layer)
{
    return label_of(prefix, "/%s", layer);
}

static tensor *conv_relu(graph *g, const char *prefix, const char *layer, tensor *x, int filters,
                         int stride)
{
    label name = join(prefix, layer);
    x = conv2d(g, name.text, x, filters, 3, stride);
    return activation(g, join(name.text, "relu").text, x, ACT_RELU);
}

static tensor *up_relu_norm(graph *g, const char *prefix, const char *norm, tensor *x, int filters)
{
    label name = join(prefix, "up");
    x = conv2d_transpose(g, name.text, x, filters);
    x = activation(g, join(name.text, "relu").text, x, ACT_RELU);
    return batch_norm(g, join(prefix, norm).text, x, ACT_LINEAR);
}

static tensor *conv_relu_norm(graph *g, const char *prefix, const char *norm, tensor *x,
                              int filters, int stride)
{
    x = conv_relu(g, prefix, "conv", x, filters, stride);
    return batch_norm(g, join(prefix, norm).text, x, ACT_LINEAR);
}

static tensor *bottleneck(graph *g, const stage *s, tensor *x)
{
    const struct model_config *c = s->config;
    transformer t = {
        .heads = c->heads, .key_size = c->key_size, .ffn = c->ffn, .dropout = c->dropout};
    if (!c->blocks)
        return x;
    x = dense(g, label_of(s->prefix, "bottleneck/embed").text, x, c->width);
    x = position_embedding(g, label_of(s->prefix, "bottleneck/position").text, x,
                           c->train_position);
    for (int i = 1; i <= c->blocks; i++)
        x = transformer_block(g, label_of(s->prefix, "bottleneck/block%d", i).text, x, &t);
    return x;
}

/* The channel attention's two-layer perceptron is shared: it runs over both
 * pooled rows at once. */
static tensor *cbam(const builder *b, const char *prefix, tensor *x, int channels)
{
    graph *g = b->graph;
    int hidden = channels / b->cbam_ratio > 0 ? channels / b->cbam_ratio : 1;
    tensor *y = global_pool(g, join(prefix, "pool").text, x);
    y = dense_he(g, join(prefix, "mlp1").text, y, hidden);
    y = activation(g, join(prefix, "relu").text, y, ACT_RELU);
    y = dense_he(g, join(prefix, "mlp2").text, y, channels);
    y = sum_pixels(g, join(prefix, "sum").text, y);
    y = activation(g, join(prefix, "sigmoid").text, y, ACT_SIGMOID);
    x = scale_channels(g, join(prefix, "channels").text, x, y);
    y = channel_pool(g, join(prefix, "channel_pool").text, x);
    y = conv2d_plain(g, join(prefix, "spatial").text, y, 1, 7);
    y = activation(g, join(prefix, "map").text, y, ACT_SIGMOID);
    return scale_pixels(g, join(prefix, "pixels").text, x, y);
}

static tensor *decoder_stage(const builder *b, const char *prefix, tensor *x, tensor *skip,
                             int filters)
{
    graph *g = b->graph;
    x = up_relu_norm(g, prefix, "norm1", x, filters);
    x = concat(g, join(prefix, "join").text, x, skip);
    x = conv_relu_norm(g, prefix, "norm2", x, filters, 1);
    return b->cbam_ratio ? cbam(b, join(prefix, "cbam").text, x, filters) : x;
}

/* Half the size, a transformer block over its pixels, and back; it replaces the
 * features. */
static tensor *sub_block(const builder *b, const char *prefix, tensor *x, int filters)
{
    transformer t = {
        .heads = SUB_HEADS, .key_size = filters, .ffn = 2 * filters, .dropout = b->dropout};
    x = conv_relu_norm(b->graph, prefix, "norm1", x, filters, 2);
    x = transformer_block(b->graph, join(prefix, "block").text, x, &t);
    return up_relu_norm(b->graph, prefix, "norm2", x, filters);
}

static tensor *decoder(const builder *b, const char *name, tensor *x, tensor *const skips[DEPTH])
{
    x = decoder_stage(b, join(name, "stage1").text, x, skips[2], 4 * b->filters);
    x = decoder_stage(b, join(name, "stage2").text, x, skips[1], 2 * b->filters);
    if (b->sub_blocks)
        x = sub_block(b, join(name, "sub").text, x, 2 * b->filters);
    return decoder_stage(b, join(name, "stage3").text, x, skips[0], b->filters);
}

/* The sources side by side, each from its decoder's features. */
static tensor *heads(graph *g, const stage *s, tensor *const decoded[SOURCES_MAX])
{
    tensor *outputs = NULL;
    for (int k = 0; k < s->sources; k++) {
        label name = label_of(s->prefix, "head_%c", 'a' + k);
        tensor *x = conv2d(g, name.text, decoded[k], s->channels, 3, 1);
        if (!s->config->consistent)
            x = activation(g, join(name.text, "sigmoid").text, x, ACT_SIGMOID);
        outputs = k ? concat(g, label_of(s->prefix, "outputs_%c", 'a' + k).text, outputs, x) : x;
    }
    return outputs;
}

tensor *unet_transformer_build(graph *g, const stage *s, tensor *input)
{
    const struct model_config *c = s->config;
    builder b = {.graph = g,
                 .filters = c->filters[0],
                 .cbam_ratio = c->cbam ? c->cbam_ratio : 0,
                 .sub_blocks = c->sub_blocks,
                 .dropout = c->dropout};
    if (c->filter_count != 1) {
        fail(STATUS_USAGE, "%s.filters: a unet-transformer has one number of filters, not %d",
             s->section, c->filter_count);
        return NULL;
    }
    if (input->shape.h % (1 << DEPTH) || input->shape.w % (1 << DEPTH)) {
        fail(STATUS_USAGE, "[%s]: images of %d x %d cannot be halved %d times", s->section,
             input->shape.h, input->shape.w, DEPTH);
        return NULL;
    }
    if (check_attention(c, s->section, DEPTH))
        return NULL;
    tensor *skips[DEPTH], *decoded[SOURCES_MAX], *x = input;
    for (int i = 0; i < DEPTH; i++) {
        label name = label_of(s->prefix, "encoder%d", i + 1);
        x = conv_relu(g, name.text, "conv1", x, b.filters << i, 1);
        x = conv_relu(g, name.text, "conv2", x, b.filters << i, 1);
        x = skips[i] = attend_if_asked(g, c, name.text, i + 1, x, c->dropout);
        x = max_pool(g, join(name.text, "pool").text, x);
    }
    x = bottleneck(g, s, x);
    for (int k = 0; k < s->sources; k++)
        decoded[k] = decoder(&b, label_of(s->prefix, "decoder_%c", 'a' + k).text, x, skips);
    return heads(g, s, decoded);
}
