/*
 * Compares one layer's kernels with the plain-C reference: forward, the gradient by every input and
 * parameter, with and without accumulation, guard bands around every buffer, and runs repeated to
 * the bit. Used by `unblend selftest` at a model's own shapes and by the tests at odd ones.
 */
#ifndef CHECK_LAYER_CHECK_H
#define CHECK_LAYER_CHECK_H

#include "nn/layer.h"

typedef struct layer_case {
    const layer_type *type;
    const void *options; /* as graph_add() takes them */
    shape inputs[LAYER_INPUTS_MAX];
    int input_count;
    bool inference; /* moving statistics; forward only */
} layer_case;

/* What rounding in float, against a reference in double, may amount to. */
#define LAYER_CHECK_TOLERANCE 2e-5

/* The worst error over all compared tensors, relative to the largest value of its tensor. */
typedef struct check_report {
    double worst;
    char worst_tensor[64];
} check_report;

/* How often the kernels run, all runs giving the same bits, and whether adding to gradients is
 * checked as well as overwriting them. */
struct check_effort {
    int runs;
    bool accumulate;
};
#define CHECK_FULL ((struct check_effort){3, true})
#define CHECK_QUICK ((struct check_effort){1, false})

/* 0 if every value is within LAYER_CHECK_TOLERANCE; else -1, STATUS_SELFTEST, naming tensor, element, got and
 * wanted. -1 with another status if the layer could not be run at all. */
int layer_check(device *d, const layer_case *c, struct check_effort effort, check_report *report);

/* The same with the params frozen whose name matches the pattern ("*gamma"). */
int layer_check_frozen(device *d, const layer_case *c, const char *frozen,
                       struct check_effort effort, check_report *report);

/* "conv2d 2x32x32x64" */
void layer_case_describe(const layer_case *c, char *text, size_t size);

/* What layer_check() hands to a layer's reference: arrays in double, in the layer's own order. */
typedef struct reference_run {
    const layer *layer;
    bool inference;
    double *inputs[LAYER_INPUTS_MAX], *dinputs[LAYER_INPUTS_MAX];
    double *params[LAYER_PARAMS_MAX];  /* forward may change statistics */
    double *dparams[LAYER_PARAMS_MAX]; /* NULL: not wanted */
    double *y;
    double *g; /* gradient of y; backward may zero it where rounding decides on which side of a kink
                  a value lies, before it uses it */
} reference_run;

/* Each layer of layers.h's list has one, x_reference for x_layer; one that is missing does not link. */
typedef struct layer_reference {
    void (*forward)(reference_run *r);
    void (*backward)(reference_run *r); /* NULL for layers without */
} layer_reference;

#endif
