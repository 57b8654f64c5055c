/*
 * How far the pixels of a graph's output look around in its input: its receptive field, on paper, from what every
 * layer reads (layer_type.reach). It says how pictures can be computed in tiles that overlap.
 */
#ifndef NN_REACH_H
#define NN_REACH_H

#include "nn/graph.h"

typedef struct reach {
    bool
        whole; /* an output pixel may depend on all of the image, or on its place in it; the rest is 1, 0, 0 then */
    /* The input is halved until so many of its pixels, along either side, are one. Where pixels move by a multiple of
     * it, their outputs move as far. */
    int unit;
    /* What the outputs at the place of `unit` aligned pixels of the input are computed from, beside those: so many
     * pixels before them and after them, along either side. */
    int before, after;
} reach;

/* input has no producer, and output is as large. */
int graph_reach(const graph *g, const tensor *input, const tensor *output, reach *out);

#endif
