/*
 * A network: the chain of stages that a config describes, planned for one batch size and use. Several
 * networks may be over the same params, e.g. one to train and one to validate.
 *
 *     params_new(&p, d);
 *     network_new(&n, p, config, 32, NETWORK_TRAIN);   declares the params
 *     params_allocate(p, true);  params_initialize(p, seed);
 *     network_prepare(n);
 *     network_forward(n);
 *
 * The first stage reads the blend, a later one what its section's `reads` says: the blend, the sources
 * that the stage before it found, or both. The last stage's sources are the output.
 */
#ifndef MODELS_NETWORK_H
#define MODELS_NETWORK_H

#include "config/settings.h"
#include "nn/plan.h"
#include "nn/reach.h"

/* Batches of so many images are inferred in slices of so many on a CPU. */
enum { NETWORK_SLICED_BATCH = 128, NETWORK_SLICE = 64 };

/* NETWORK_PROJECT infers, and makes the outputs consistent where the model's own are not: see consistent()
 * in layers/layers.h. */
enum network_use { NETWORK_INFER, NETWORK_PROJECT, NETWORK_TRAIN };

typedef struct network {
    params *params; /* not owned */
    graph *graph;
    plan *plan;
    mixture mixture;
    int batch;
    tensor *input;  /* (batch, h, w, c), the blend in 0..1 */
    tensor *output; /* (batch, h, w, sources * c) */
    tensor *truth;  /* training only, else NULL: as the output */
    tensor *losses; /* likewise: (1, 1, 1, sources), of the objective */
    bool any_order; /* the objective leaves open which output is which source (train.objective) */
    struct arrangement *arrangement; /* what network_arrange() keeps, once it was called */
    /* Where a batch is inferred in slices, the graph and the plan are of `slice` images, and input and
     * output are `whole`. Else slice is batch. */
    int slice;
    tensor *inner[2]; /* the graph's input and output */
    tensor whole[2];
} network;

/* On paper: p->device may be NULL, and nothing is allocated on it. */
int network_new(network **out, params *p, const settings *c, int batch, enum network_use use);

/* The same with a plan of one's choice (the tests). */
int network_new_planned(network **out, params *p, const settings *c, int batch,
                        enum network_use use, struct plan_options options);

/* To infer pictures of another size than the settings': multiples of the network's unit (network_reach()). What
 * reads whole images has no other size, and fails. */
int network_new_sized(network **out, params *p, const settings *c, int height, int width, int batch,
                      enum network_use use);

/* How far it looks around in a blend. */
int network_reach(const network *n, reach *out);

/* Buffers and kernels; params must have been allocated. */
int network_prepare(network *n);

/* From n->input to n->output: the plan's forward, in slices if need be. */
int network_forward(network *n);

/* Of a network whose sources may come in any order: puts the sources of each truth, a tensor like n->output, into
 * the order in which they are nearest to that. Of other networks: leaves truth alone. */
int network_arrange(network *n, cl_mem truth);

void network_free(network *n);

/* What model.architecture takes: the name of the i-th architecture, NULL after the last. */
const char *network_architecture(size_t i);

#endif
