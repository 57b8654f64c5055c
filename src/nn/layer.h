/*
 * What a layer is. One kind of layer is one x.c in src/layers with one layer_type, beside cl/x.cl,
 * and a line in layers/table.c.
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
    BACKWARD_NEEDS_X = 1,    /* backward reads the inputs' data, */
    BACKWARD_NEEDS_Y = 2,    /* the output's data */
    CAN_RUN_IN_PLACE = 4,    /* output may share the input's buffer, and so may the gradients */
    IS_LOSS = 8,             /* the output is a loss: its gradient is 1 and has no tensor */
    READS_PENDING = 16,      /* can finish a pending input (tensor.h) while reading it, */
    READS_PARTS = 32,        /* and read the two parts of a joined one */
    IS_JOIN = 64,            /* the output is the inputs side by side on channels */
    GRADIENT_IN_PLACE = 128, /* the input's gradient may be written over the output's, */
    LEAVES_GRADIENT = 256    /* or left there to be finished, where the output could be pending */
};

typedef struct layer_type {
    const char
        *name; /* as in the layer table; also cl/<name>.cl unless the layer shares another's */
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
    bool skipped; /* by the plan: its readers do its work */
    int beta[LAYER_INPUTS_MAX];
};

/* In shape(): declares the param "<layer>/<name>" as the next of l->params. */
int layer_param(layer *l, const char *name, const int *dims, int rank, enum initializer initializer,
                enum param_kind kind);

/* l->output->shape from n, h, w, c; refuses sizes below 1. */
int layer_output_shape(layer *l, int n, int h, int w, int c);

/* In flops(), where each weight of the first param is multiplied once a pixel: backward does that for
 * the weights' gradient, and again for the input's, where they are wanted. */
double layer_weight_flops(const layer *l, shape pixels, bool backward);

#endif
