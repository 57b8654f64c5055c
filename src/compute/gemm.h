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

/* Products of different shapes, done together: on devices with vector kernels in one launch. Operands of
 * one kind share a buffer, which is given when they are run; shapes are of single products.
 *
 *     c = alpha * op(a) * op(b) + beta * d
 *
 * d has the layout of c and may be c itself, or what a or b is in; c is no factor. */
typedef struct gemm_group gemm_group;
typedef struct gemm_operands {
    gemm_shape shape;
    matrix a, b, c; /* without buffers */
} gemm_operands;
int gemm_group_new(gemm_group **out, device *d, const gemm_operands *products, size_t count);
int gemm_group_run(gemm_group *g, float alpha, cl_mem a, cl_mem b, float beta, cl_mem d, cl_mem c);
void gemm_group_free(gemm_group *g);

/* Hands CLBlast the parameters in d->tuning, if there are any, for its products on this device. In
 * a process that has overridden CLBlast's own, these cannot be put back. */
int gemm_override(device *d);

#endif
