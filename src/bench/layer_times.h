/*
 * Where the time of a step goes: what a timeline measured, brought together with the layers of a
 * plan and what they cost at least.
 */
#ifndef BENCH_LAYER_TIMES_H
#define BENCH_LAYER_TIMES_H

#include "nn/cost.h"
#include "opencl/timeline.h"

/* A layer, or all commands of one name that belong to no layer. */
typedef struct layer_time {
    char name[96]; /* the layer's; else the kernel's, or "read", "write", "copy", "fill" */
    char kind[64]; /* the layer's type; else the kernel's .cl file, or "transfer" */
    bool is_layer, is_convolution;
    double forward,
        backward; /* seconds on the device in one step; without a layer all is forward */
    cost cost;    /* of one step; nothing without a layer */
} layer_time;

typedef struct kind_time {
    const char *kind; /* of an item */
    double seconds;
} kind_time;

typedef struct layer_times {
    layer_time *items; /* the layers in the order they run forward, then the others */
    size_t count, capacity;
    kind_time *kinds; /* the longest first */
    size_t kind_count;
    double seconds; /* of all items */
} layer_times;

/* Of rows that were measured over that many steps, in each of which p runs `runs` times; names are
 * copied. Starts as {0}; released also after a failure. */
int layer_times_fill(layer_times *out, const plan *p, int runs, const timeline_row *rows,
                     size_t row_count, long steps);
void layer_times_release(layer_times *t);

double layer_time_seconds(const layer_time *t); /* both directions */

/* Percent of all time; 0 if there is none. */
double layer_times_share(const layer_times *t, double seconds);
double layer_times_outside_convolutions(const layer_times *t);

#endif
