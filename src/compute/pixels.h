/*
 * How kernels that walk rows of channels (cl/lanes.h) are spread over a device: dimension 1 walks
 * spans of pixels, dimension 0 lanes of channels.
 */
#ifndef COMPUTE_PIXELS_H
#define COMPUTE_PIXELS_H

#include "nn/tensor.h"
#include "opencl/kernel.h"

typedef struct spans {
    int pixels, channels;
    int span;  /* pixels an item walks */
    int count; /* of spans */
} spans;

spans spans_of_length(shape s, int span);

/* For kernels that treat each pixel alone, and for those that sum over a span. Of a NULL
 * device as on a CPU. */
spans spans_elementwise(const device *d, shape s);
spans spans_reduction(const device *d, shape s);
/* Where channels mean nothing: the same values as rows of 64, if they divide into such. */
spans spans_flat(const device *d, shape s);
range spans_range(const device *d, const spans *s);

#endif
