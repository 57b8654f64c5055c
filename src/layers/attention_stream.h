/*
 * Attention over STREAMED_TOKENS or more tokens, which never stores the weights: cl/attention_stream.cl.
 */
#ifndef LAYERS_ATTENTION_STREAM_H
#define LAYERS_ATTENTION_STREAM_H

#include "nn/layer.h"
#include "opencl/kernel.h"

enum { STREAMED_TOKENS = 256, STREAMED_CHANNELS_MAX = 128 /* of a head: an item keeps them all */ };

typedef struct attention_stream {
    kernel *attend, *around, *queries, *keys;
} attention_stream;

/* x: the shape of q, k and v. */
bool attention_is_streamed(shape x, int heads);

/* Of what is kept from forward to backward, and of the workspace. */
size_t attention_stream_bytes(shape x, int heads);

int attention_stream_prepare(attention_stream *s, device *d, shape x, int heads);

/* Of a layer with the inputs q, k, v; log_sums: what is kept. As a layer's forward and backward. */
int attention_stream_forward(const attention_stream *s, layer *l, run *r, int heads,
                             cl_mem log_sums);
int attention_stream_backward(const attention_stream *s, layer *l, run *r, int heads,
                              cl_mem log_sums);

#endif
