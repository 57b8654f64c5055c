/*
 * Passes over memory that need not happen: a join (IS_JOIN) whose readers all read its parts is
 * skipped, and a tensor that its producer can leave pending (tensor.h) is, where all its readers can
 * finish it; likewise a batch norm's input gradient. The results are the same bits.
 */
#ifndef NN_FUSE_H
#define NN_FUSE_H

#include "nn/graph.h"

/* Sets reads and skipped of every layer and pending.planned of every tensor, and pending_gradient.left_by; with fuse false, every
 * layer reads its inputs as they were given. needs_gradient is known. */
void fuse_graph(graph *g, bool fuse);

/* The tensor in whose memory t lies, because t is pending; or NULL. */
tensor *pending_source(const tensor *t);

#endif
