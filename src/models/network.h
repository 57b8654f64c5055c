/*
 * A network: the graph that the settings' architecture asks for, planned for one batch size and use.
 * Several networks may stand over the same params, e.g. one to train and one to validate.
 *
 *     params_new(&p, d);
 *     network_new(&n, p, settings, 32, NETWORK_TRAIN);   declares the params
 *     params_allocate(p, true);  params_initialize(p, seed);
 *     network_prepare(n);
 *     network_forward(n);
 */
#ifndef MODELS_NETWORK_H
#define MODELS_NETWORK_H

#include "config/settings.h"
#include "nn/plan.h"

enum { SOURCES = 2, IMAGE_SIZE = 32 };

/* Batches of so many images are inferred in slices of so many on a CPU. */
enum { NETWORK_SLICED_BATCH = 128, NETWORK_SLICE = 64 };

enum network_use { NETWORK_INFER, NETWORK_TRAIN };

typedef struct network {
    params *params; /* not owned */
    graph *graph;
    plan *plan;
    int batch;
    tensor *mixture;          /* (batch, 32, 32, 1), 0..1 */
    tensor *outputs[SOURCES]; /* (batch, 32, 32, 1), source A and B */
    tensor *truths[SOURCES];  /* training only, else NULL, like the losses */
    tensor *losses[SOURCES];  /* mean squared errors, (1, 1, 1, 1) */
    /* Where a batch is inferred in slices, the graph and the plan are of `slice` images, and the
     * tensors above are `whole`. Else slice is batch. */
    int slice;
    tensor *inner[1 + SOURCES]; /* the graph's mixture and outputs */
    tensor whole[1 + SOURCES];
} network;

/* On paper: p->device may be NULL, and nothing is allocated on it. */
int network_new(network **out, params *p, const settings *s, int batch, enum network_use use);

/* The same for images of another size, and with a plan of one's choice (the tests). */
int network_new_custom(network **out, params *p, const settings *s, shape mixture,
                       enum network_use use, struct plan_options options);

/* Buffers and kernels; params must have been allocated. */
int network_prepare(network *n);

/* From n->mixture to n->outputs: the plan's forward, in slices if need be. */
int network_forward(network *n);

void network_free(network *n);

/* The architectures. Each adds its layers behind n->mixture and sets n->outputs. */
int unet_build(network *n, const struct model_config *c);
int unet_transformer_build(network *n, const struct model_config *c);

#endif
