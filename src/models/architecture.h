/*
 * Architectures: each adds its layers to a graph, from an input to the sources it finds in it. One is a
 * file beside this one and a line in src/config/architectures.def; the config says which of them a
 * stage is, and its settings.
 */
#ifndef MODELS_ARCHITECTURE_H
#define MODELS_ARCHITECTURE_H

#include "config/config.h"
#include "nn/graph.h"

/* One network of a chain, as its builder sees it. */
typedef struct stage {
    const char *section; /* of the config, for messages: "model", "stage.2" */
    const char *prefix;  /* of every layer's name: "" for the first, then "stage2/" and so on */
    const struct model_config *config;
    int sources, channels; /* of each source */
} stage;

/*
 * From input (n, h, w, any) to (n, h, w, sources * channels): source k is channels k * channels to
 * (k + 1) * channels - 1. NULL after a failure, e.g. for a size the architecture cannot take.
 */
typedef tensor *architecture_build(graph *g, const stage *s, tensor *input);

#define ARCHITECTURE(symbol, name) architecture_build symbol##_build;
#include "config/architectures.def"
#undef ARCHITECTURE

#endif
