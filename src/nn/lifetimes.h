/*
 * Who shares whose memory, and when what the plan has to keep is alive. Both follow from the graph once
 * it is known which gradients are needed (tensor.needs_gradient) and what is fused (fuse.h):
 *
 *     lifetimes_share(p);            who lies in whose memory: tensor.data_in, tensor.gradient_in
 *     lifetimes_list(p, &list);      what needs a buffer, from when to when
 *     ... number the buffers ...
 *     lifetimes_pass_numbers(p);     to those who lie in another's memory
 *
 * Times are those of plan.h: layer i of n runs forward at i and backward at 2n - 1 - i.
 */
#ifndef NN_LIFETIMES_H
#define NN_LIFETIMES_H

#include "nn/plan.h"

/* Something that needs a buffer from one time to another, both included. */
typedef struct lifetime {
    size_t bytes;
    int from, to;
    int *number; /* where its buffer's number goes */
} lifetime;

/* Starts as {0}; the caller frees items. */
typedef struct lifetimes {
    lifetime *items;
    size_t count, capacity;
} lifetimes;

void lifetimes_share(const plan *p);
int lifetimes_list(const plan *p, lifetimes *list);
void lifetimes_pass_numbers(const plan *p);

#endif
