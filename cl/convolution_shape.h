/*
 * What the kernels of a convolution are told beside their buffers: structs that the host passes by
 * value. One text for OpenCL C and for the host (src/layers/geometry.h, direct.c, narrow.c,
 * winograd.c); only ints, which every compiler lays out alike.
 */
#ifndef CONVOLUTION_SHAPE_H
#define CONVOLUTION_SHAPE_H

#define PHASES_MAX 4 /* of a direction: stride * stride */

/* A tap: a weight's place in the K x K window. */
typedef struct tap {
    int dy, dx; /* where it reads, from the least of all taps on */
    int index;  /* its weights: ky * K + kx */
} tap;

/* The outputs at (qy, qx) * out_stride + (y, x), which share their taps (src/layers/geometry.h). */
typedef struct phase {
    int first_tap, tap_count;
    int y, x;
    int qh, qw; /* rows and columns of q */
} phase;

typedef struct phase_list {
    int count;
    phase phases[PHASES_MAX];
} phase_list;

/* A direction: x (images, h, w, cin) is read, y (images, out_h, out_w, cout) written. A tap of
 * output q reads the pixel q * in_stride + (dy_min + dy, dx_min + dx). */
typedef struct convolution_shape {
    int images;
    int h, w, cin;
    int out_h, out_w, cout;
    int in_stride, out_stride;
    int dy_min, dx_min;
} conv_shape;

/* A strip: rows of outputs that an item computes at a time, and the patch of x that they need. */
typedef struct strip_shape {
    int rows;
    int images; /* strips of so many images at a time: 1 unless a strip is a whole image */
    int patch_rows, patch_columns;
} strip_shape;

/* The narrow method: x (images, h, w, cin), y (images, h, w, cout), stride 1. */
typedef struct narrow_shape {
    int images;
    int h, w, cin, cout;
    int kernel_size; /* K */
    int tap_row;     /* floats of one row of taps, K * cin, in whole vectors */
    int pad;         /* rows and columns of zeros before the image */
} narrow_shape;

/* Winograd's method: as above; images are cut into tiles_y x tiles_x tiles. */
typedef struct winograd_shape {
    int images;
    int h, w, cin, cout;
    int tiles_y, tiles_x;
    int block; /* tiles that an item takes at a time */
} winograd_shape;

/* Winograd's constants: winograd.cl says why they are what they are. */
#define WINOGRAD_POINTS 36
#define WINOGRAD_SIDE 4
#define WINOGRAD_SKEW 16

#ifndef __OPENCL_VERSION__
_Static_assert(sizeof(int) == 4, "int is OpenCL's");
_Static_assert(sizeof(tap) == 3 * sizeof(int), "no padding");
_Static_assert(sizeof(phase_list) == (1 + PHASES_MAX * 6) * sizeof(int), "no padding");
_Static_assert(sizeof(conv_shape) == 11 * sizeof(int), "no padding");
_Static_assert(sizeof(strip_shape) == 4 * sizeof(int), "no padding");
_Static_assert(sizeof(narrow_shape) == 8 * sizeof(int), "no padding");
_Static_assert(sizeof(winograd_shape) == 8 * sizeof(int), "no padding");
#endif

#endif
