/*
 * What the workers of `tools/bench --layers` share: the shapes they time, what fills them, and the
 * protocol. A shape is a word:
 *
 *     conv:N,H,W,CIN,COUT,K,STRIDE   Conv2D of (N, H, W, CIN), 'same', kernel K x K
 *     up:N,H,W,CIN,COUT,K,STRIDE     Conv2DTranspose of (N, H, W, CIN), 'same'
 *     dense:M,N,K                    (M, K) times weights (K, N)
 *     scores:N,HEADS,TOKENS,D        attention's q * k^T, a product for each image and head
 *     values:N,HEADS,TOKENS,D        attention's weights * v, likewise
 *
 * A shape has three operands and three passes, each of which computes one operand from the other
 * two. For scores and values, INPUT is the left matrix and WEIGHTS the right one.
 */
#ifndef TOOLS_BENCH_SHAPES_H
#define TOOLS_BENCH_SHAPES_H

#include "nn/tensor.h"

enum operand_name { INPUT, WEIGHTS, OUTPUT, OPERANDS };

/* PACK and PEAK are only for being timed: our packing of the weights for forward and input
 * gradient; OpenBLAS' sgemm of PEAK_SIZE^3. */
enum pass { FORWARD, INPUT_GRADIENT, WEIGHT_GRADIENT, PASSES, PACK = PASSES, PEAK };
enum { PEAK_SIZE = 2048 };

enum shape_kind { CONV, UP, DENSE, SCORES, VALUES };

typedef struct operand {
    size_t count; /* floats */
    /* of products only: a matrix for each of outer * inner, in floats */
    int rows, columns, row_stride, outer_stride, inner_stride;
} operand;

typedef struct bench_shape {
    const char *text;
    enum shape_kind kind;
    operand operands[OPERANDS];
    double flops; /* of a pass, as a direct convolution or product */
    /* conv and up: the convolution from the big side to the small one, of which up is the adjoint */
    shape big, small;
    int kernel, stride;
    /* the others: matrices, and whether WEIGHTS is transposed in forward */
    int outer, inner;
    bool transposed;
} bench_shape;

static inline bool is_convolution(const bench_shape *s)
{
    return s->kind == CONV || s->kind == UP;
}

/* text stays the caller's. */
int bench_shape_parse(bench_shape *s, const char *text);

/* A pass of a product: operand `out` (m, n) = op(left) * op(right), op(left) being (m, k). */
typedef struct product {
    enum operand_name left, right, out;
    bool transpose_left, transpose_right;
    int m, n, k;
} product;
product bench_product(const bench_shape *s, enum pass pass);

/* The operand that a pass computes. */
enum operand_name bench_result(enum pass pass);

/* Element i of an operand: eighths between -1 and 1, so that direct sums are exact in float. */
float bench_value(enum operand_name name, size_t i);

typedef struct worker {
    const char *about; /* members of the first line's JSON object */
    /* Each pass of the shape can be run from now on; releases the shape before, of which there is
     * none at first. NULL only releases. */
    int (*open)(void *context, const bench_shape *s);
    /* Runs it and waits. */
    int (*run)(void *context, enum pass pass, long steps);
    /* What a pass (not PACK, PEAK) computed last, in the layout of our own kernels, and the name of
     * how it did. */
    int (*read)(void *context, enum pass pass, float *values);
    const char *(*chosen)(void *context, enum pass pass);
} worker;

/*
 * Prints a JSON object with "flops", a number for each shape in texts; then does what standard
 * input says:
 *
 *     check PASS I   runs a pass of shape I and prints a JSON object: what it computed (the sum of
 *                    all absolute values, samples), how, and the cores it kept busy
 *     PASS I K       runs it K times and prints the seconds
 *     quit           ends
 *
 * PASS is forward, input_gradient, weight_gradient, pack or peak (where I does not matter).
 */
int bench_serve(const worker *w, void *context, const char *const *texts, size_t count);

#endif
