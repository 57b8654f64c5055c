/* Tensors: NHWC fp32 values that layers read and write. A plan gives them their buffers. */
#ifndef NN_TENSOR_H
#define NN_TENSOR_H

#include "opencl/device.h"
#include <stdbool.h>
#include <stddef.h>

typedef struct shape {
    int n, h, w, c; /* batch, rows, columns, channels; channels are innermost in memory */
} shape;

static inline size_t shape_count(shape s)
{
    return (size_t)s.n * s.h * s.w * s.c;
}

/* The most values that a tensor, a layer's memory or all parameters may have. Kernels and ranges count
 * them in ints, and round up; twice this is an int too. */
#define VALUES_MAX ((1 << 30) - 1)

static inline bool shape_is_positive(shape s)
{
    return s.n > 0 && s.h > 0 && s.w > 0 && s.c > 0;
}
static inline bool shape_fits(shape s)
{
    return (double)s.n * s.h * s.w * s.c <= VALUES_MAX;
}

static inline bool shape_equal(shape a, shape b)
{
    return a.n == b.n && a.h == b.h && a.w == b.w && a.c == b.c;
}

typedef struct tensor {
    char name[64];
    shape shape;
    struct layer *producer; /* NULL for an input of the graph */
    bool needs_gradient;    /* a parameter stands before it and a loss after it */
    bool is_output;         /* kept until the end of a run, as inputs are */
    struct tensor *data_in; /* by plan: the tensor in whose memory the data lies; NULL: its own */
    struct tensor *gradient_in; /* likewise the gradient */
    cl_mem data;                /* (n, h, w, c); owned by the plan */
    cl_mem gradient;            /* d loss / d data; NULL where none is needed */
    int data_buffer;            /* the plan's buffer numbers, -1 for none */
    int gradient_buffer;
} tensor;

#endif
