/*
 * What a layer is. One kind of layer is one x.c in src/layers with one layer_type, its kernels in cl/x.cl,
 * its reference in src/check, and a line each in layers/layers.h for its name and its call.
 *
 * A graph calls shape() when the layer is added, a plan calls prepare() once its buffers are known,
 * then forward() and backward() any number of times. All return 0, or -1 after fail().
 */
#ifndef NN_LAYER_H
#define NN_LAYER_H

#include "nn/params.h"
#include "nn/tensor.h"

#define LAYER_NAME_SIZE 64
#define LAYER_INPUTS_MAX 3
#define LAYER_PARAMS_MAX 6
#define LAYER_SAVED_MAX 3

typedef struct layer layer;

/* What a batch norm's moving statistics keep in a step, where nobody warms them up. */
#define KERAS_NORM_MOMENTUM 0.99f

/* What a run hands to every layer. */
typedef struct run {
    device *device;
    bool training;    /* batch statistics rather than moving ones */
    cl_mem workspace; /* scratch of at least the layer's workspace_bytes, nobody's between layers */
    uint64_t params_version;
    uint64_t seed, step; /* for layers that draw random numbers in training */
    float norm_momentum; /* what batch norms' moving statistics keep of themselves */
} run;

enum layer_flags {
    /* backward reads the inputs' data; the output's data */
    BACKWARD_NEEDS_X = 1 << 0,
    BACKWARD_NEEDS_Y = 1 << 1,
    /* the output may share the input's buffer, and so may the gradients; only the gradients may */
    CAN_RUN_IN_PLACE = 1 << 2,
    GRADIENT_IN_PLACE = 1 << 3,
    /* the output is a loss: its gradient is 1 and has no tensor */
    IS_LOSS = 1 << 4,
    /* the output is the inputs side by side on channels; can read the parts of such an input */
    IS_JOIN = 1 << 5,
    READS_PARTS = 1 << 6,
    /* forward may leave its work to all the readers of the output, which then lies in the input's memory
     * as it is; a reader that can do it on the way */
    CAN_DEFER_OUTPUT = 1 << 7,
    READS_DEFERRED = 1 << 8,
    /* backward may leave it to the input's producer to turn the output's gradient into the input's, in
     * place; a producer whose backward can do that first of all, not reading its output's data later */
    CAN_DEFER_GRADIENT = 1 << 9,
    CAN_FINISH_GRADIENT = 1 << 10,
    /* what a layer is made of, for those who check, time or tune it: moving statistics, so that inference
     * computes something else than training; a convolution */
    KEEPS_STATISTICS = 1 << 11,
    IS_CONVOLUTION = 1 << 12,
    /* a pixel of the output depends on pixels of the input wherever they are, or on its own place in the image */
    READS_WHOLE_IMAGE = 1 << 13
};

/* Pixels first to last along a side of an image; they may lie outside of it. */
typedef struct span {
    long first, last;
} span;

typedef struct layer_type {
    const char *name;    /* also cl/<name>.cl */
    size_t options_size; /* bytes of layer->options */
    size_t state_size;   /* bytes of layer->state, zeroed before shape() */
    unsigned flags;      /* of enum layer_flags; what counts is layer.flags */
    /* From inputs and options: output shape, params, saved bytes, workspace bytes. */
    int (*shape)(layer *l);
    int (*prepare)(layer *l, device *d); /* kernels and constants for these shapes */
    int (*forward)(layer *l, run *r);
    /* Where an input's gradient is wanted (not NULL): gradient = g + beta * gradient, with beta[i] 0 or
     * 1 from the plan. A parameter's gradient is overwritten; it is NULL where the parameter is not
     * trained, and then not computed. NULL for layers without gradients. */
    int (*backward)(layer *l, run *r);
    void (*release)(layer *l); /* what prepare() made; may be NULL */
    /* Floating-point operations of forward or backward by the direct algorithm, two for a multiply
     * and add, taps on the border included. NULL: too few to count. */
    double (*flops)(const layer *l, bool backward);
    /* Which pixels of its inputs, along either side, a span of the output's is computed from. NULL: those at the
     * same place. */
    span (*reach)(const layer *l, span output);
} layer_type;

/* Device memory that a layer keeps for itself. */
typedef struct saved {
    size_t bytes;    /* set by shape(); 0 for none */
    bool persistent; /* keeps its contents between runs; else lives from forward to backward */
    cl_mem buffer;   /* set by the plan */
    int number;      /* of the plan's buffer, -1 for its own */
} saved;

struct layer {
    const layer_type *type;
    char name[LAYER_NAME_SIZE]; /* its own in the graph; random numbers follow from it */
    size_t index;               /* in its graph */
    unsigned flags; /* the type's, and what shape() adds where it depends on options or params */
    params *store;  /* where shape() declares params */
    void *options, *state;
    tensor *inputs[LAYER_INPUTS_MAX];
    int input_count;
    tensor *reads[LAYER_INPUTS_MAX]; /* the inputs, or the parts of an input that nobody joins: the
                                        plan's choice; beta belongs to these */
    int read_count;
    tensor *output;
    param *params[LAYER_PARAMS_MAX];
    int param_count;
    saved saved[LAYER_SAVED_MAX];
    size_t workspace_bytes;
    /* By plan (fuse.h): */
    bool skipped;           /* a join whose readers read the parts */
    bool output_deferred;   /* readers of the output do its work while they read */
    bool gradient_deferred; /* the input's producer finishes the input's gradient, */
    const layer *finishes;  /* which that producer knows by this */
    int beta[LAYER_INPUTS_MAX];
};

/* In shape(): declares the param "<layer>/<name>" as the next of l->params. */
int layer_param(layer *l, const char *name, const int *dims, int rank, enum initializer initializer,
                enum param_kind kind);

/* l->output->shape from n, h, w, c; refuses sizes below 1, and more than VALUES_MAX values. */
int layer_output_shape(layer *l, int n, int h, int w, int c);

/* In flops(), where each weight of the first param is multiplied once a pixel: backward does that for
 * the weights' gradient, and again for the input's, where they are wanted. */
double layer_weight_flops(const layer *l, shape pixels, bool backward);

#endif
