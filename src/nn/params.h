/*
 * Parameters: weights, which training changes, and moving statistics, which it tracks. That is what a
 * parameter is; whether it is frozen, that is, left as it is, is up to each training, or to a layer
 * that was asked for a fixed one:
 *
 *     params_new(&p, d);
 *     params_freeze(p, "encoder*");
 *     ... graphs, plans ...
 *     params_allocate(p, true);
 *
 * Layers declare them while a graph is built; a second graph over the same params (inference beside
 * training, say) finds them again by name. All values live in one buffer, the trainable ones (weights
 * that are not frozen) first, and so do all gradients: the optimizer runs over them in one launch and
 * a checkpoint is one read. A param's own data and gradient are sub-buffers of those.
 */
#ifndef NN_PARAMS_H
#define NN_PARAMS_H

#include "opencl/device.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum param_kind { PARAM_WEIGHT, PARAM_STATISTICS };
enum initializer { INIT_ZEROS, INIT_ONES, INIT_NORMAL, INIT_GLOROT_UNIFORM, INIT_HE_NORMAL };

typedef struct param {
    char name[96];
    int dims[4]; /* as Keras stores it, e.g. (kernel, kernel, in, out) */
    int rank;
    size_t count;
    enum param_kind kind;
    bool fixed;  /* by its layer, in every training */
    bool frozen; /* in this one, or fixed */
    double rate; /* factor on the learning rate */
    long since;  /* the step after which this weight has been trained */
    enum initializer initializer;
    int fan_out;       /* of a kernel, for its start; 0: receptive field * out */
    int rows, columns; /* seen as a matrix (param_is_matrix()) */
    size_t offset;     /* in the buffer of all values, in floats */
    cl_mem data;       /* count floats */
    cl_mem gradient;   /* count floats; NULL if not trainable or no gradients are kept */
} param;

typedef struct params {
    device *device;
    param **items;
    size_t count, capacity;
    struct param_rule *rules;
    size_t rule_count, rule_capacity;
    cl_mem
        values; /* all params, each aligned, gaps zero: first the trainable ones, of which matrices
                      come last */
    cl_mem gradients;        /* the trainable ones, at the same offsets; NULL without gradients */
    size_t value_floats;     /* size of values, gaps included */
    size_t trainable_floats; /* size of gradients */
    size_t matrix_offset;    /* where matrices begin in them */
    uint64_t version; /* grows when values change, so that what is derived can be refreshed */
} params;

int params_new(params **out, device *d);
void params_free(params *p);

/*
 * Rules for every param whose name matches the shell pattern, where * matches slashes too. The last matching rule
 * counts. Add rules before the first declaration, because layers look at what is frozen when they are added.
 */
int params_freeze(params *p, const char *pattern);
int params_unfreeze(params *p, const char *pattern);
int params_scale_rate(params *p, const char *pattern, double factor);

/* Whether the rules freeze a param of that name. */
bool params_freezes(const params *p, const char *name);

/* How many names match: a pattern that freezes nothing is a mistake. */
size_t params_matching(const params *p, const char *pattern);

bool param_is_trainable(const param *item);

/* Whether it would be under the rules of other params. */
bool params_would_train(const params *rules, const param *item);

/* NULL if there is none of that name. */
param *params_find(const params *p, const char *name);

/*
 * A kernel with at least MATRIX_LEAST rows and columns, where its dims are split so that the smaller side is
 * as large as possible: (3, 3, in, out) has 9 * in rows and out columns. These are what Muon trains.
 */
enum { MATRIX_LEAST = 16 };
bool param_is_matrix(const param *item);

/* The param of that name, declared if new. NULL on failure, also if it exists with other dims, or
 * is new after params_allocate(). */
param *params_declare(params *p, const char *name, const int *dims, int rank,
                      enum initializer initializer, enum param_kind kind);

/* Makes the buffers, filled with zeros. */
int params_allocate(params *p, bool with_gradients);

/*
 * Keras' initial values, drawn from the seed and each param's name. Normal: mean 0, deviation 1. Of a
 * kernel (receptive field..., in, out):
 *  - Glorot uniform (Glorot and Bengio 2010): U(-l, l), l = sqrt(6 / (fan_in + fan_out));
 *  - He normal (He et al. 2015): truncated at two deviations, and scaled so that the deviation of
 *    what is left is sqrt(2 / fan_in).
 */
int params_initialize(params *p, uint64_t seed);

/* Number of values, as Keras' summary() counts: what is frozen is not trainable. */
size_t params_total(const params *p);
size_t params_trainable(const params *p);

#endif
