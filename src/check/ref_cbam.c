/* What the convolutional block attention module adds to convolutions and dense layers. */
#include "check/reference.h"

#include <string.h>

static size_t pixels_per_image(const struct reference_image *shape)
{
    return (size_t)shape->h * shape->w;
}

static size_t image_count(const struct reference_image *shape)
{
    return shape->n * pixels_per_image(shape) * shape->c;
}

/* Offset of channel c of image n in (N, C). */
static size_t vector_at(const struct reference_image *shape, int n, int c)
{
    return (size_t)n * shape->c + c;
}

/* Offset of channel c of a pixel, counted row-major within image n, in (N, H, W, C). */
static size_t pixel_at(const struct reference_image *shape, int n, size_t pixel, int c)
{
    return (n * pixels_per_image(shape) + pixel) * shape->c + c;
}

void reference_global_average_forward(const struct reference_image *shape, const double *x,
                                      double *y)
{
    for (int n = 0; n < shape->n; n++)
        for (int c = 0; c < shape->c; c++) {
            double sum = 0;
            for (size_t pixel = 0; pixel < pixels_per_image(shape); pixel++)
                sum += x[pixel_at(shape, n, pixel, c)];
            y[vector_at(shape, n, c)] = sum / (double)pixels_per_image(shape);
        }
}

void reference_global_average_backward(const struct reference_image *shape, const double *g,
                                       double *dx)
{
    for (int n = 0; n < shape->n; n++)
        for (size_t pixel = 0; pixel < pixels_per_image(shape); pixel++)
            for (int c = 0; c < shape->c; c++)
                dx[pixel_at(shape, n, pixel, c)] =
                    g[vector_at(shape, n, c)] / (double)pixels_per_image(shape);
}

/* Offset in x of the first maximum of channel c of image n. */
static size_t image_maximum(const struct reference_image *shape, const double *x, int n, int c)
{
    size_t best = pixel_at(shape, n, 0, c);
    for (size_t pixel = 1; pixel < pixels_per_image(shape); pixel++)
        if (x[pixel_at(shape, n, pixel, c)] > x[best])
            best = pixel_at(shape, n, pixel, c);
    return best;
}

void reference_global_max_forward(const struct reference_image *shape, const double *x, double *y)
{
    for (int n = 0; n < shape->n; n++)
        for (int c = 0; c < shape->c; c++)
            y[vector_at(shape, n, c)] = x[image_maximum(shape, x, n, c)];
}

void reference_global_max_backward(const struct reference_image *shape, const double *x,
                                   const double *g, double *dx)
{
    memset(dx, 0, image_count(shape) * sizeof *dx);
    for (int n = 0; n < shape->n; n++)
        for (int c = 0; c < shape->c; c++)
            dx[image_maximum(shape, x, n, c)] = g[vector_at(shape, n, c)];
}

void reference_channel_mean_forward(const struct reference_rows *shape, const double *x, double *y)
{
    for (size_t row = 0; row < shape->rows; row++) {
        double sum = 0;
        for (size_t c = 0; c < shape->channels; c++)
            sum += x[row * shape->channels + c];
        y[row] = sum / (double)shape->channels;
    }
}

void reference_channel_mean_backward(const struct reference_rows *shape, const double *g,
                                     double *dx)
{
    for (size_t row = 0; row < shape->rows; row++)
        for (size_t c = 0; c < shape->channels; c++)
            dx[row * shape->channels + c] = g[row] / (double)shape->channels;
}

/* Offset in x of the first maximum among the channels of a row. */
static size_t row_maximum(const struct reference_rows *shape, const double *x, size_t row)
{
    size_t best = row * shape->channels;
    for (size_t c = 1; c < shape->channels; c++)
        if (x[row * shape->channels + c] > x[best])
            best = row * shape->channels + c;
    return best;
}

void reference_channel_max_forward(const struct reference_rows *shape, const double *x, double *y)
{
    for (size_t row = 0; row < shape->rows; row++)
        y[row] = x[row_maximum(shape, x, row)];
}

void reference_channel_max_backward(const struct reference_rows *shape, const double *x,
                                    const double *g, double *dx)
{
    memset(dx, 0, shape->rows * shape->channels * sizeof *dx);
    for (size_t row = 0; row < shape->rows; row++)
        dx[row_maximum(shape, x, row)] = g[row];
}

/* to (N, H, W, C) = x (N, H, W, C) * factor (N, C) */
static void times_channel_factor(const struct reference_image *shape, const double *x,
                                 const double *factor, double *to)
{
    for (int n = 0; n < shape->n; n++)
        for (size_t pixel = 0; pixel < pixels_per_image(shape); pixel++)
            for (int c = 0; c < shape->c; c++) {
                size_t at = pixel_at(shape, n, pixel, c);
                to[at] = x[at] * factor[vector_at(shape, n, c)];
            }
}

void reference_scale_channels_forward(const struct reference_image *shape, const double *x,
                                      const double *factor, double *y)
{
    times_channel_factor(shape, x, factor, y);
}

void reference_scale_channels_backward(const struct reference_image *shape, const double *x,
                                       const double *factor, const double *g, double *dx,
                                       double *dfactor)
{
    if (dx)
        times_channel_factor(shape, g, factor, dx);
    if (!dfactor)
        return;
    memset(dfactor, 0, (size_t)shape->n * shape->c * sizeof *dfactor);
    for (int n = 0; n < shape->n; n++)
        for (size_t pixel = 0; pixel < pixels_per_image(shape); pixel++)
            for (int c = 0; c < shape->c; c++) {
                size_t at = pixel_at(shape, n, pixel, c);
                dfactor[vector_at(shape, n, c)] += g[at] * x[at];
            }
}

/* to (R, C) = x (R, C) * factor (R, 1) */
static void times_pixel_factor(const struct reference_rows *shape, const double *x,
                               const double *factor, double *to)
{
    for (size_t row = 0; row < shape->rows; row++)
        for (size_t c = 0; c < shape->channels; c++)
            to[row * shape->channels + c] = x[row * shape->channels + c] * factor[row];
}

void reference_scale_pixels_forward(const struct reference_rows *shape, const double *x,
                                    const double *factor, double *y)
{
    times_pixel_factor(shape, x, factor, y);
}

void reference_scale_pixels_backward(const struct reference_rows *shape, const double *x,
                                     const double *factor, const double *g, double *dx,
                                     double *dfactor)
{
    if (dx)
        times_pixel_factor(shape, g, factor, dx);
    if (!dfactor)
        return;
    memset(dfactor, 0, shape->rows * sizeof *dfactor);
    for (size_t row = 0; row < shape->rows; row++)
        for (size_t c = 0; c < shape->channels; c++)
            dfactor[row] += g[row * shape->channels + c] * x[row * shape->channels + c];
}
