/*
 * Which inputs a convolution's outputs are made of.
 *
 * A direction (convolution.h) is one or more phases. A phase computes the outputs at q * out_stride +
 * (y, x) from the inputs at q * in_stride + (dy, dx) of each of its taps. Forward is one phase with all
 * K * K taps; the adjoint with stride s has s * s phases, which share the taps out: no work on zeros.
 *
 *     3 x 3, stride 2, the adjoint's four phases and their taps:
 *
 *     outputs   0 1 0 1        phase 0: ky 0, 2; kx 0, 2      phase 1: ky 0, 2; kx 1
 *               2 3 2 3        phase 2: ky 1;    kx 0, 2      phase 3: ky 1;    kx 1
 *               0 1 0 1
 *
 * (Which parity has which taps depends on the padding before.) cl/convolution_shape.h has the structs
 * that kernels get.
 */
#ifndef LAYERS_GEOMETRY_H
#define LAYERS_GEOMETRY_H

#include "../cl/convolution_shape.h"
#include "nn/tensor.h"

enum { CONVOLUTION_KERNEL_MAX = 15 };

typedef struct geometry {
    conv_shape shape;
    phase_list phases;
    int dy_span, dx_span; /* rows and columns from a direction's least tap to its last */
    cl_mem taps;          /* tap[], phase by phase */
    device *device;       /* whose buffer this is; NULL before geometry_new() */
} geometry;

/* What a geometry follows from; in and out are what the direction reads and writes. */
typedef struct geometry_of {
    int kernel, stride, pad_y, pad_x;
    bool adjoint;
    shape in, out;
} geometry_of;

int geometry_new(geometry *g, device *d, const geometry_of *from);
void geometry_release(geometry *g);

/* The most rows and columns of outputs in a phase. */
int geometry_rows(const geometry *g);
int geometry_columns(const geometry *g);

#endif
