/*
 * Passes over memory that need not happen:
 *
 *  - a join (IS_JOIN) whose readers all read its parts is skipped (layer.skipped, layer.reads);
 *  - a layer whose output's readers can all do its work while they read leaves it to them
 *    (layer.output_deferred);
 *  - a layer whose input's producer can finish the input's gradient leaves that to it
 *    (layer.gradient_deferred, layer.finishes of the producer).
 *
 * The results are the same bits.
 */
#ifndef NN_FUSE_H
#define NN_FUSE_H

#include "nn/graph.h"

/* Sets these fields of every layer. With fuse false every layer does its own work. Precondition:
 * tensor.needs_gradient is set. */
void fuse_graph(graph *g, bool fuse);

#endif
