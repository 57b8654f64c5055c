/*
 * A plan: everything about running a graph that can be decided before the first kernel. Which
 * gradients are needed, when each tensor is alive, which buffer it shares with whom, which gradient
 * write is the first. Running is then two loops over the layers; nothing is allocated.
 *
 * One timeline: layer i of n runs forward at time i and backward at time 2n - 1 - i.
 */
#ifndef NN_PLAN_H
#define NN_PLAN_H

#include "nn/graph.h"

struct plan_options {
    bool training;      /* forward and backward; else forward only, with moving statistics */
    bool separate;      /* debugging: a buffer for every tensor, filled with NaN */
    bool all_gradients; /* also for the graph's inputs: the tests compare those */
};

typedef struct plan {
    device *device;
    graph *graph;
    struct plan_options options;
    size_t *buffer_bytes; /* of each planned buffer */
    cl_mem *buffers;
    size_t buffer_count;
    size_t planned_bytes;  /* activations, gradients, saved and workspace */
    size_t separate_bytes; /* the same if nothing were shared */
    run run;
} plan;

/* On paper: nothing is allocated and d may be NULL. */
int plan_new(plan **out, graph *g, struct plan_options options);

/* Checks the plan against the device's memory, allocates, prepares every layer. */
int plan_prepare(plan *p, device *d);
void plan_free(plan *p);

/* Does this layer's backward run? */
bool plan_runs_backward(const plan *p, const layer *l);

/* Inference. Tests and benches also run the halves of a training plan, with random numbers and norms'
 * momentum as in the last step that was trained. */
int plan_forward(plan *p);
int plan_backward(plan *p);

/* What differs from step to step: random numbers follow from seed and number, and moving statistics keep
 * norm_momentum of themselves. */
struct training_step {
    uint64_t seed, number;
    float norm_momentum;
};

/* Forward and backward. */
int plan_train(plan *p, struct training_step step);

#endif
