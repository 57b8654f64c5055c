/*
 * Which inputs a convolution's outputs are made of.
 *
 * A direction (convolution.h) is one or more phases. A phase computes the outputs at q * out_stride +
 * (phase_y, phase_x) from the inputs at q * in_stride + (dy, dx) of each of its taps. Forward is one
 * phase with all K * K taps; the adjoint with stride s has s * s phases, which share the taps out: no
 * work on zeros.
 */
#ifndef LAYERS_GEOMETRY_H
#define LAYERS_GEOMETRY_H

#include "nn/tensor.h"

enum { CONVOLUTION_KERNEL_MAX = 15, PHASES_MAX = 4 };

typedef struct phase {
    int first_tap, tap_count;
    int y, x;   /* phase_y, phase_x */
    int qh, qw; /* outputs of this phase */
} phase;

typedef struct geometry {
    int in_stride, out_stride;
    phase phases[PHASES_MAX];
    int phase_count;
    int dy_min, dx_min, dy_span, dx_span; /* of all taps */
    cl_mem taps;  /* ints, three for each tap: dy - dy_min, dx - dx_min, its weights' ky * K + kx */
    cl_mem table; /* ints, six for each phase: its members in their order */
    device *device; /* whose buffers these are; NULL before geometry_new() */
} geometry;

/* What a geometry follows from: out is the size of the outputs. */
typedef struct geometry_of {
    int kernel, stride, pad_y, pad_x;
    bool adjoint;
    shape out;
} geometry_of;

int geometry_new(geometry *g, device *d, const geometry_of *from);
void geometry_release(geometry *g);

/* The most rows and columns of outputs in a phase. */
int geometry_rows(const geometry *g);
int geometry_columns(const geometry *g);

#endif
