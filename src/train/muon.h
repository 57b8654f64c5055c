/*
 * Muon (Jordan et al. 2024): a matrix of weights moves along the orthogonal matrix that is nearest to its
 * gradients' moving average, so that no direction is left behind. Kernels of convolutions and dense layers
 * are matrices (param_is_matrix()). A step is scaled as Liu et al. 2025 ("Muon is scalable") do, by
 * 0.2 * sqrt(the longer side), which makes it as long as Adam's.
 *
 * The nearest orthogonal matrix is found by five Newton-Schulz iterations, each of which multiplies X by a
 * polynomial of its Gram matrix G = X^T X (X X^T of a wide matrix). All these commute. So only G is iterated,
 * and the product of the polynomials, both squares with X's smaller side s; the long products are the first and
 * the last. In place of 5 * (4 s * count + 2 s^3) operations that takes 4 s * count + 36 s^3:
 *
 *     P = a + b G + c G^2,    Q <- Q P,    G <- P G P         five times, from Q = 1 / |X|
 *     step = X Q
 */
#ifndef TRAIN_MUON_H
#define TRAIN_MUON_H

#include "compute/gemm.h"
#include "nn/params.h"
#include "opencl/kernel.h"

typedef struct muon {
    params *params; /* the caller's */
    kernel *start, *normalise;
    cl_mem places; /* (matrices) muon_place */
    cl_mem x;      /* (matrix floats): what is to be made orthogonal */
    /* Squares with each matrix's smaller side, one behind the other: */
    cl_mem gram, next_gram, polynomial, product, next_product;
    gemm_group *grams, *squares, *tall, *wide;
    int matrices;
} muon;

/* p must have been allocated with gradients. Errors: STATUS_DEVICE, no memory. */
int muon_new(muon **out, params *p);
void muon_free(muon *m);

/*
 * One step of all matrices. moments: the moving averages, as the params' gradients lie; gradient_scale (1)
 * multiplies the gradients; while status (1) is not 0 nothing moves.
 */
int muon_step(muon *m, double rate, cl_mem moments, cl_mem gradient_scale, cl_mem status);

#endif
