/*
 * Muon (Jordan et al. 2024): a matrix of weights moves along the orthogonal matrix that is nearest to its
 * gradients' moving average, so that no direction is left behind. Kernels of convolutions and dense layers
 * are matrices (param_is_matrix()). A step is scaled as Liu et al. 2025 ("Muon is scalable") do, by
 * 0.2 * sqrt(the longer side), which makes it as long as Adam's.
 */
#ifndef TRAIN_MUON_H
#define TRAIN_MUON_H

#include "compute/gemm.h"
#include "nn/params.h"
#include "opencl/kernel.h"

typedef struct muon {
    params *params; /* the caller's */
    kernel *start, *norms, *scale, *update;
    cl_mem scales;       /* (matrices) */
    cl_mem places;       /* (matrices) muon_place */
    cl_mem now, next;    /* (matrix floats): all matrices on their way to orthogonality */
    cl_mem gram, second; /* of each a square with its smaller side, one behind the other */
    size_t gram_bytes;
    gemm_group *grams, *squares, *tall, *wide; /* the products of an iteration */
    int matrices;
} muon;

/* p must have been allocated with gradients. */
int muon_new(muon **out, params *p);
void muon_free(muon *m);

/*
 * One step of all matrices. moments: the moving averages, as the params' gradients lie; gradient_scale (1)
 * multiplies the gradients; while status (1) is not 0 nothing moves.
 */
int muon_step(muon *m, double rate, cl_mem moments, cl_mem gradient_scale, cl_mem status);

#endif
