/* Transformer blocks over the pixels of an image. */
#ifndef MODELS_TRANSFORMER_H
#define MODELS_TRANSFORMER_H

#include "config/config.h"
#include "nn/graph.h"

typedef struct transformer {
    int heads, key_size, ffn;
    double dropout;
} transformer;

/*
 * A pre-norm encoder block (Xiong et al. 2020): x + attention(norm(x)), then + dense(relu(dense(norm(.)))). x and the
 * result: (n, h, w, c). NULL for a NULL x.
 */
tensor *transformer_block(graph *g, const char *prefix, tensor *x, const transformer *t);

/* STATUS_USAGE where model.attention names a resolution that the network does not have. */
int check_attention(const struct model_config *c, const char *section, int resolutions);

/*
 * The encoder's module of that resolution (1 is the full one) with a block behind it, MODULE/block, where
 * model.attention names the resolution: RESOLUTION_HEADS heads, which share the channels, and 2 c hidden units. Else x.
 */
enum { RESOLUTION_HEADS = 2 };
tensor *attend_if_asked(graph *g, const struct model_config *c, const char *module, int resolution,
                        tensor *x, double dropout);

#endif
