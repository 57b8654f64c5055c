/* Sums over all pixels of each channel (cl/channel_sums.cl): the gradient of a bias. */
#ifndef LAYERS_CHANNEL_SUMS_H
#define LAYERS_CHANNEL_SUMS_H

#include "nn/tensor.h"
#include "opencl/kernel.h"

typedef struct channel_sums {
    kernel *of_spans, *of_all;
} channel_sums;

int channel_sums_prepare(channel_sums *s, device *d);

/* What running takes of the workspace for a tensor of that shape. d may be NULL. */
size_t channel_sums_bytes(const device *d, shape s);

/* sums (channels) of values, which have that shape. */
int channel_sums_run(const channel_sums *s, device *d, shape over, cl_mem values, cl_mem workspace,
                     cl_mem sums);

#endif
