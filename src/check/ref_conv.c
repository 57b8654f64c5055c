/*
 * Convolution and transposed convolution, both made of three products over the same walk: every
 * pair of an output pixel and an input pixel that lies in its window. Outside the image is zero,
 * so those pairs are skipped.
 */
#include "check/reference.h"

#include <string.h>

/* What a product reads and writes; it leaves the others NULL. */
struct conv_arrays {
    const double *x, *kernel, *g;
    double *y, *dx, *dkernel;
};

/* Offsets of channel 0 of an input pixel, of a window place's (Ci, Co) matrix, and of channel 0 of
 * an output pixel. */
struct tap {
    size_t x, kernel, y;
};

typedef void tap_product(const struct reference_conv *shape, const struct conv_arrays *arrays,
                         struct tap at);

int reference_same_size(int size, int stride)
{
    return (size + stride - 1) / stride;
}

int reference_same_padding_before(int size, int kernel, int stride)
{
    int total = (reference_same_size(size, stride) - 1) * stride + kernel - size;
    return total > 0 ? total / 2 : 0;
}

static size_t input_count(const struct reference_conv *shape)
{
    return (size_t)shape->n * shape->h * shape->w * shape->cin;
}

static size_t output_pixels(const struct reference_conv *shape)
{
    return (size_t)shape->n * reference_same_size(shape->h, shape->stride) *
           reference_same_size(shape->w, shape->stride);
}

static size_t kernel_count(const struct reference_conv *shape)
{
    return (size_t)shape->kernel * shape->kernel * shape->cin * shape->cout;
}

/* The window of output pixel (n, row, column), which is the index-th of all output pixels. */
static void each_tap_of_window(const struct reference_conv *shape, int n, int row, int column,
                               size_t index, tap_product *product, const struct conv_arrays *arrays)
{
    int top =
        row * shape->stride - reference_same_padding_before(shape->h, shape->kernel, shape->stride);
    int left = column * shape->stride -
               reference_same_padding_before(shape->w, shape->kernel, shape->stride);
    size_t matrix = (size_t)shape->cin * shape->cout;
    for (int ky = 0; ky < shape->kernel; ky++) {
        for (int kx = 0; kx < shape->kernel; kx++) {
            int y = top + ky, x = left + kx;
            if (y < 0 || y >= shape->h || x < 0 || x >= shape->w)
                continue;
            size_t pixel = ((size_t)n * shape->h + y) * shape->w + x;
            struct tap at = {.x = pixel * shape->cin,
                             .kernel = ((size_t)ky * shape->kernel + kx) * matrix,
                             .y = index * shape->cout};
            product(shape, arrays, at);
        }
    }
}

static void each_tap(const struct reference_conv *shape, tap_product *product,
                     const struct conv_arrays *arrays)
{
    size_t index = 0;
    for (int n = 0; n < shape->n; n++)
        for (int row = 0; row < reference_same_size(shape->h, shape->stride); row++)
            for (int column = 0; column < reference_same_size(shape->w, shape->stride); column++)
                each_tap_of_window(shape, n, row, column, index++, product, arrays);
}

/* y[o] += sum over i of x[i] * kernel[i][o] */
static void output_product(const struct reference_conv *shape, const struct conv_arrays *arrays,
                           struct tap at)
{
    const double *x = arrays->x + at.x, *kernel = arrays->kernel + at.kernel;
    double *y = arrays->y + at.y;
    for (int i = 0; i < shape->cin; i++)
        for (int o = 0; o < shape->cout; o++)
            y[o] += x[i] * kernel[(size_t)i * shape->cout + o];
}

/* dx[i] += sum over o of g[o] * kernel[i][o] */
static void input_gradient_product(const struct reference_conv *shape,
                                   const struct conv_arrays *arrays, struct tap at)
{
    const double *g = arrays->g + at.y, *kernel = arrays->kernel + at.kernel;
    double *dx = arrays->dx + at.x;
    for (int i = 0; i < shape->cin; i++)
        for (int o = 0; o < shape->cout; o++)
            dx[i] += g[o] * kernel[(size_t)i * shape->cout + o];
}

/* dkernel[i][o] += x[i] * g[o] */
static void kernel_gradient_product(const struct reference_conv *shape,
                                    const struct conv_arrays *arrays, struct tap at)
{
    const double *x = arrays->x + at.x, *g = arrays->g + at.y;
    double *dkernel = arrays->dkernel + at.kernel;
    for (int i = 0; i < shape->cin; i++)
        for (int o = 0; o < shape->cout; o++)
            dkernel[(size_t)i * shape->cout + o] += x[i] * g[o];
}

/* The three whole products: overwriting sums of the above over all taps. */

static void conv_output(const struct reference_conv *shape, const double *x, const double *kernel,
                        double *y)
{
    memset(y, 0, output_pixels(shape) * shape->cout * sizeof *y);
    each_tap(shape, output_product, &(struct conv_arrays){.x = x, .kernel = kernel, .y = y});
}

static void conv_input_gradient(const struct reference_conv *shape, const double *kernel,
                                const double *g, double *dx)
{
    memset(dx, 0, input_count(shape) * sizeof *dx);
    each_tap(shape, input_gradient_product,
             &(struct conv_arrays){.kernel = kernel, .g = g, .dx = dx});
}

static void conv_kernel_gradient(const struct reference_conv *shape, const double *x,
                                 const double *g, double *dkernel)
{
    memset(dkernel, 0, kernel_count(shape) * sizeof *dkernel);
    each_tap(shape, kernel_gradient_product,
             &(struct conv_arrays){.x = x, .g = g, .dkernel = dkernel});
}

static void add_bias(size_t pixels, int channels, const double *bias, double *y)
{
    for (size_t pixel = 0; pixel < pixels; pixel++)
        for (int c = 0; c < channels; c++)
            y[pixel * channels + c] += bias[c];
}

static void bias_gradient(size_t pixels, int channels, const double *g, double *dbias)
{
    memset(dbias, 0, channels * sizeof *dbias);
    for (size_t pixel = 0; pixel < pixels; pixel++)
        for (int c = 0; c < channels; c++)
            dbias[c] += g[pixel * channels + c];
}

void reference_conv2d_forward(const struct reference_conv *shape, const double *x,
                              const double *kernel, const double *bias, double *y)
{
    conv_output(shape, x, kernel, y);
    if (bias)
        add_bias(output_pixels(shape), shape->cout, bias, y);
}

void reference_conv2d_backward(const struct reference_conv *shape, const double *x,
                               const double *kernel, const double *g, double *dx, double *dkernel,
                               double *dbias)
{
    if (dx)
        conv_input_gradient(shape, kernel, g, dx);
    if (dkernel)
        conv_kernel_gradient(shape, x, g, dkernel);
    if (dbias)
        bias_gradient(output_pixels(shape), shape->cout, g, dbias);
}

/* The convolution that a transposed one is the gradient of: it reads the large image. */
static struct reference_conv transposed(const struct reference_conv *shape)
{
    struct reference_conv conv = *shape;
    conv.h = shape->h * shape->stride;
    conv.w = shape->w * shape->stride;
    conv.cin = shape->cout;
    conv.cout = shape->cin;
    return conv;
}

void reference_conv2d_transpose_forward(const struct reference_conv *shape, const double *x,
                                        const double *kernel, const double *bias, double *y)
{
    struct reference_conv conv = transposed(shape);
    conv_input_gradient(&conv, kernel, x, y);
    if (bias)
        add_bias((size_t)conv.n * conv.h * conv.w, conv.cin, bias, y);
}

void reference_conv2d_transpose_backward(const struct reference_conv *shape, const double *x,
                                         const double *kernel, const double *g, double *dx,
                                         double *dkernel, double *dbias)
{
    struct reference_conv conv = transposed(shape);
    if (dx)
        conv_output(&conv, g, kernel, dx);
    if (dkernel)
        conv_kernel_gradient(&conv, g, x, dkernel);
    if (dbias)
        bias_gradient((size_t)conv.n * conv.h * conv.w, conv.cin, g, dbias);
}
