/* Layers that work element by element or move elements about; the loss; the optimizer. */
#include "check/reference.h"

#include <math.h>
#include <string.h>

static const double LEAKY_SLOPE = 0.2;

/* "x < 0 ? ..." rather than "x > 0 ? ...": a NaN goes through instead of becoming 0. */

void reference_relu_forward(size_t count, const double *x, double *y)
{
    for (size_t i = 0; i < count; i++)
        y[i] = x[i] < 0 ? 0 : x[i];
}

void reference_relu_backward(size_t count, const double *y, const double *g, double *dx)
{
    for (size_t i = 0; i < count; i++)
        dx[i] = y[i] > 0 ? g[i] : 0;
}

void reference_leaky_relu_forward(size_t count, const double *x, double *y)
{
    for (size_t i = 0; i < count; i++)
        y[i] = x[i] < 0 ? LEAKY_SLOPE * x[i] : x[i];
}

void reference_leaky_relu_backward(size_t count, const double *y, const double *g, double *dx)
{
    for (size_t i = 0; i < count; i++)
        dx[i] = y[i] > 0 ? g[i] : LEAKY_SLOPE * g[i];
}

static double sigmoid(double x)
{
    return 1 / (1 + exp(-x));
}

void reference_sigmoid_forward(size_t count, const double *x, double *y)
{
    for (size_t i = 0; i < count; i++)
        y[i] = sigmoid(x[i]);
}

void reference_sigmoid_backward(size_t count, const double *y, const double *g, double *dx)
{
    for (size_t i = 0; i < count; i++)
        dx[i] = g[i] * y[i] * (1 - y[i]);
}

void reference_tanh_forward(size_t count, const double *x, double *y)
{
    for (size_t i = 0; i < count; i++)
        y[i] = tanh(x[i]);
}

void reference_tanh_backward(size_t count, const double *y, const double *g, double *dx)
{
    for (size_t i = 0; i < count; i++)
        dx[i] = g[i] * (1 - y[i] * y[i]);
}

/* Offset of the first maximum, in row-major order, of the 2x2 window whose corner is at `corner`. */
static size_t window_maximum(const struct reference_image *shape, const double *x, size_t corner)
{
    size_t right = shape->c, below = (size_t)shape->w * shape->c;
    const size_t window[] = {corner, corner + right, corner + below, corner + below + right};
    size_t best = window[0];
    for (int i = 1; i < 4; i++)
        if (x[window[i]] > x[best])
            best = window[i];
    return best;
}

/* The offset in x of the maximum that output (n, row, column, c) of the pool takes. */
static size_t pooled_from(const struct reference_image *shape, const double *x, int n, int row,
                          int column, int c)
{
    size_t pixel = ((size_t)n * shape->h + 2 * row) * shape->w + 2 * column;
    return window_maximum(shape, x, pixel * shape->c + c);
}

void reference_max_pool_forward(const struct reference_image *shape, const double *x, double *y)
{
    for (int n = 0; n < shape->n; n++)
        for (int row = 0; row < shape->h / 2; row++)
            for (int column = 0; column < shape->w / 2; column++)
                for (int c = 0; c < shape->c; c++)
                    *y++ = x[pooled_from(shape, x, n, row, column, c)];
}

void reference_max_pool_backward(const struct reference_image *shape, const double *x,
                                 const double *g, double *dx)
{
    memset(dx, 0, (size_t)shape->n * shape->h * shape->w * shape->c * sizeof *dx);
    for (int n = 0; n < shape->n; n++)
        for (int row = 0; row < shape->h / 2; row++)
            for (int column = 0; column < shape->w / 2; column++)
                for (int c = 0; c < shape->c; c++)
                    dx[pooled_from(shape, x, n, row, column, c)] = *g++;
}

void reference_concat_forward(size_t rows, size_t a_channels, size_t b_channels, const double *a,
                              const double *b, double *y)
{
    for (size_t row = 0; row < rows; row++) {
        double *joined = y + row * (a_channels + b_channels);
        memcpy(joined, a + row * a_channels, a_channels * sizeof *y);
        memcpy(joined + a_channels, b + row * b_channels, b_channels * sizeof *y);
    }
}

void reference_concat_backward(size_t rows, size_t a_channels, size_t b_channels, const double *g,
                               double *da, double *db)
{
    for (size_t row = 0; row < rows; row++) {
        const double *joined = g + row * (a_channels + b_channels);
        if (da)
            memcpy(da + row * a_channels, joined, a_channels * sizeof *g);
        if (db)
            memcpy(db + row * b_channels, joined + a_channels, b_channels * sizeof *g);
    }
}

void reference_add_forward(size_t count, const double *a, const double *b, double *y)
{
    for (size_t i = 0; i < count; i++)
        y[i] = a[i] + b[i];
}

void reference_add_backward(size_t count, const double *g, double *da, double *db)
{
    if (da)
        memcpy(da, g, count * sizeof *g);
    if (db)
        memcpy(db, g, count * sizeof *g);
}

void reference_gate_forward(size_t rows, size_t channels, const double *x, double *y)
{
    for (size_t row = 0; row < rows; row++, x += 2 * channels)
        for (size_t c = 0; c < channels; c++)
            *y++ = x[c] * sigmoid(x[channels + c]);
}

void reference_gate_backward(size_t rows, size_t channels, const double *x, const double *g,
                             double *dx)
{
    for (size_t row = 0; row < rows; row++, x += 2 * channels, dx += 2 * channels)
        for (size_t c = 0; c < channels; c++, g++) {
            double s = sigmoid(x[channels + c]);
            dx[c] = *g * s;
            dx[channels + c] = *g * x[c] * s * (1 - s);
        }
}

static size_t mse_source(const struct reference_mse *m, size_t i)
{
    return i / m->channels % m->sources;
}

void reference_mse_forward(const struct reference_mse *m, const double *p, const double *t,
                           double *losses)
{
    for (size_t k = 0; k < m->sources; k++)
        losses[k] = 0;
    for (size_t i = 0; i < m->pixels * m->sources * m->channels; i++)
        losses[mse_source(m, i)] += (p[i] - t[i]) * (p[i] - t[i]);
    for (size_t k = 0; k < m->sources; k++)
        losses[k] /= (double)(m->pixels * m->channels);
}

void reference_mse_backward(const struct reference_mse *m, const double *p, const double *t,
                            double *dp)
{
    for (size_t i = 0; i < m->pixels * m->sources * m->channels; i++) {
        double weight = m->weights ? m->weights[mse_source(m, i)] : 1;
        dp[i] = weight * 2 * (p[i] - t[i]) / (double)(m->pixels * m->channels);
    }
}

void reference_adam_step(const struct reference_adam *options, size_t count, const double *gradient,
                         double *p, double *m, double *v)
{
    double beta1 = options->beta1, beta2 = options->beta2, step = (double)options->step;
    double rate = options->learning_rate * sqrt(1 - pow(beta2, step)) / (1 - pow(beta1, step));
    for (size_t i = 0; i < count; i++) {
        m[i] = beta1 * m[i] + (1 - beta1) * gradient[i];
        v[i] = beta2 * v[i] + (1 - beta2) * gradient[i] * gradient[i];
        p[i] -= rate * m[i] / (sqrt(v[i]) + options->epsilon);
    }
}
