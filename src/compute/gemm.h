/*
 * Matrix products, row-major, fp32: c = alpha * op(a) * op(b) + beta * c, for a
 * batch of matrices at once. Devices with vector kernels run cl/gemm_vector.cl,
 * the others CLBlast; gemm.c is the only file that knows CLBlast.
 */
#ifndef COMPUTE_GEMM_H
#define COMPUTE_GEMM_H

#include "opencl/kernel.h"

/* An operand: where its first matrix begins and how far rows and matrices lie
 * apart, in floats. Matrix (i, j) of the batch begins at offset + i *
 * outer_stride + j * inner_stride. */
typedef struct matrix {
    cl_mem buffer;
    size_t offset;
    int row_stride, outer_stride, inner_stride;
} matrix;

typedef struct gemm_shape {
    int m, n, k;      /* c is m x n, op(a) m x k, op(b) k x n */
    int outer, inner; /* matrices: outer * inner; 1, 1 for a single product */
    bool transpose_a, transpose_b;
} gemm_shape;

/* With beta 0 the contents of c do not matter. */
int gemm(device *d, const gemm_shape *shape, float alpha, matrix a, matrix b, float beta, matrix c);

/* Hands CLBlast the parameters in d->tuning, if there are any, for its products on this device. In
 * a process that has overridden CLBlast's own, these cannot be put back. */
int gemm_override(device *d);

#endif
