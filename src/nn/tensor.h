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
    bool needs_gradient;    /* a parameter stands before it and a loss after it */
    bool is_output;         /* kept until the end of a run, as inputs are */
    struct {
        bool possible; /* set by the producer: data = act(x * scale + shift) can be left to the
                              readers, act(x) = x < 0 ? slope * x : x */
        bool planned;  /* it is: data is the producer's input */
        float slope;
        int moments; /* which of the producer's saved memory holds scale and shift */
    } pending;
    struct {
        bool
            possible; /* set by the producer: its backward can finish the gradient that a batch norm
                          leaves, which is still that of the norm's output; that comes first in it,
                          and then it reads data no more */
        const struct layer *left_by; /* that norm, by plan; NULL: the gradient is as it should be */
    } pending_gradient;
    cl_mem data;     /* (n, h, w, c); owned by the plan */
    cl_mem gradient; /* d loss / d data; NULL where none is needed */
    int data_buffer; /* the plan's buffer numbers, -1 for none */
    int gradient_buffer;
} tensor;

#endif
