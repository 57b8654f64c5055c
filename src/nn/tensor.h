/* Tensors: NHWC fp32 values that layers read and write. A plan gives them their buffers. */
#ifndef NN_TENSOR_H
#define NN_TENSOR_H

#include "base/shape.h"
#include "opencl/device.h"
#include <stdbool.h>
#include <stddef.h>

typedef struct tensor {
    char name[64];
    shape shape;
    struct layer *producer; /* NULL for an input of the graph */
    bool needs_gradient;    /* a trained parameter is before it and a loss after it */
    bool is_output;         /* kept until the end of a run, as inputs are */
    struct tensor *data_in; /* by plan: the tensor in whose memory the data lies; NULL: its own */
    struct tensor *gradient_in; /* likewise the gradient */
    cl_mem data;                /* (n, h, w, c); owned by the plan */
    cl_mem gradient;            /* d loss / d data; NULL where none is needed */
    int data_buffer;            /* the plan's buffer numbers, -1 for none */
    int gradient_buffer;
} tensor;

#endif
