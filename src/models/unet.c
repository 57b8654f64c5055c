/*
 * The U-Net (Ronneberger et al. 2015) of the first of the two Keras systems that README.md describes.
 *
 * Encoder modules of [conv 3x3, batch norm, activation]; all but the last keep their result as a skip
 * before a 2x2 max pool, after which filters double. Decoder modules of a transposed convolution, joined
 * with the skip, and again [conv 3x3, batch norm, activation]. For each source a 1x1 head with the same
 * activation.
 */
#include "base/error.h"
#include "layers/layers.h"
#include "models/architecture.h"
#include "models/label.h"

enum { MODULES_MAX = 6 };

typedef struct builder {
    graph *graph;
    int convolutions;
    enum activation activation;
} builder;

static tensor *convolutions(const builder *b, label module, tensor *x, int filters)
{
    for (int i = 1; i <= b->convolutions; i++) {
        x = conv2d(b->graph, label_of(module.text, "/conv%d", i).text, x, filters, 3, 1);
        x = batch_norm(b->graph, label_of(module.text, "/norm%d", i).text, x, b->activation);
    }
    return x;
}

/* Decoder modules are numbered as the encoder whose skip they join. */
static tensor *decode(const builder *b, label module, tensor *x, tensor *skip, int filters)
{
    x = conv2d_transpose(b->graph, label_of(module.text, "/up").text, x, filters);
    x = concat(b->graph, label_of(module.text, "/join").text, x, skip);
    return convolutions(b, module, x, filters);
}

tensor *unet_build(graph *g, const stage *s, tensor *input)
{
    const struct model_config *c = s->config;
    builder b = {g, c->convolutions, activation_named(c->activation)};
    shape size = input->shape;
    if (c->modules > MODULES_MAX || size.h % (1 << (c->modules - 1)) ||
        size.w % (1 << (c->modules - 1))) {
        fail(STATUS_USAGE, "%s.modules = %d: images of %d x %d cannot be halved %d times",
             s->section, c->modules, size.h, size.w, c->modules - 1);
        return NULL;
    }
    tensor *skips[MODULES_MAX], *x = input;
    for (int i = 0; i < c->modules; i++) {
        label module = label_of(s->prefix, "encoder%d", i + 1);
        x = skips[i] = convolutions(&b, module, x, c->filters << i);
        if (i < c->modules - 1)
            x = max_pool(g, label_of(module.text, "/pool").text, x);
    }
    for (int i = c->modules - 1; i-- > 0;)
        x = decode(&b, label_of(s->prefix, "decoder%d", i + 1), x, skips[i], c->filters << i);
    x = conv2d_heads(g, label_of(s->prefix, "heads").text, x, s->channels, s->sources, 1);
    return activation(g, label_of(s->prefix, "heads/activation").text, x, b.activation);
}
