/*
 * System 1: the U-Net found by random search. Encoder modules of [conv 3x3, batch norm, activation],
 * all but the last keeping their result as a skip before a 2x2 max pool, filters doubling; decoder
 * modules of a transposed convolution, the skip behind it, and again [conv 3x3, batch norm,
 * activation]; two 1x1 heads with the same activation.
 */
#include "base/error.h"
#include "layers/layers.h"
#include "models/network.h"
#include <stdio.h>

enum { MODULES_MAX = 6 };

typedef struct builder {
    graph *graph;
    int convolutions;
    enum activation activation;
} builder;

static const char *name_of(char *text, size_t size, const char *module, const char *layer,
                           int number)
{
    if (number)
        snprintf(text, size, "%s/%s%d", module, layer, number);
    else
        snprintf(text, size, "%s/%s", module, layer);
    return text;
}

static tensor *convolutions(const builder *b, const char *module, tensor *x, int filters)
{
    char name[64];
    for (int i = 1; i <= b->convolutions; i++) {
        x = conv2d(b->graph, name_of(name, sizeof name, module, "conv", i), x, filters, 3, 1);
        x = batch_norm(b->graph, name_of(name, sizeof name, module, "norm", i), x, b->activation);
    }
    return x;
}

static tensor *encode(const builder *b, int number, tensor *x, int filters)
{
    char module[32];
    snprintf(module, sizeof module, "encoder%d", number);
    return convolutions(b, module, x, filters);
}

/* Decoder modules are numbered as the encoder whose skip they join. */
static tensor *decode(const builder *b, int number, tensor *x, tensor *skip, int filters)
{
    char module[32], name[64];
    snprintf(module, sizeof module, "decoder%d", number);
    x = conv2d_transpose(b->graph, name_of(name, sizeof name, module, "up", 0), x, filters);
    x = concat(b->graph, name_of(name, sizeof name, module, "join", 0), x, skip);
    return convolutions(b, module, x, filters);
}

int unet_build(network *n, const struct model_config *c)
{
    static const char *const heads[] = {"head_a", "head_b"};
    builder b = {n->graph, c->convolutions, activation_named(c->activation)};
    int filters = c->filters, modules = c->modules;
    shape size = n->mixture->shape;
    if (modules > MODULES_MAX || size.h % (1 << (modules - 1)) || size.w % (1 << (modules - 1)))
        return fail(STATUS_USAGE, "model.modules = %d: images of %d x %d cannot be halved %d times",
                    modules, size.h, size.w, modules - 1);
    tensor *skips[MODULES_MAX], *x = n->mixture;
    char name[64];
    for (int i = 0; i < modules; i++) {
        x = skips[i] = encode(&b, i + 1, x, filters << i);
        if (i < modules - 1) {
            snprintf(name, sizeof name, "encoder%d/pool", i + 1);
            x = max_pool(b.graph, name, x);
        }
    }
    for (int i = modules - 1; i-- > 0;)
        x = decode(&b, i + 1, x, skips[i], filters << i);
    for (int i = 0; i < SOURCES; i++) {
        tensor *head = conv2d(b.graph, heads[i], x, 1, 1, 1);
        n->outputs[i] = activation(b.graph, name_of(name, sizeof name, heads[i], "activation", 0),
                                   head, b.activation);
        if (!n->outputs[i])
            return -1;
    }
    return 0;
}
