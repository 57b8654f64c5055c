/*
 * Puts the true sources of each picture into the order in which they are nearest to a network's output: of all
 * orders the one with the smallest sum of squared errors, and of equal ones the first (0 1 2 before 0 2 1). For
 * the layer assignment, and for those who score a network that may give the sources in any order.
 *
 *     assigner a;
 *     if (assigner_prepare(&a, d, s, sources) ||
 *         buffer_new(d, assigner_scratch_bytes(s, sources), "errors", &scratch) ||
 *         assigner_run(&a, d, output, truth, truth, scratch)) ...
 */
#ifndef LAYERS_ASSIGNER_H
#define LAYERS_ASSIGNER_H

#include "base/shape.h"
#include "opencl/kernel.h"

typedef struct assigner {
    shape shape; /* of outputs and truths, (n, h, w, sources * c) */
    int sources; /* at most 4 */
    kernel *errors, *choose, *arrange;
} assigner;

size_t assigner_scratch_bytes(shape s, int sources);

int assigner_prepare(assigner *a, device *d, shape s, int sources);

/* From truth to arranged, which may be the same buffer. Where an output is not a number, its picture's truths keep
 * their order. */
int assigner_run(const assigner *a, device *d, cl_mem output, cl_mem truth, cl_mem arranged,
                 cl_mem scratch);

#endif
