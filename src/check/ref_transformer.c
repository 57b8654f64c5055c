/* Dense layer, layer normalisation, softmax and attention. */
#include "check/reference.h"

#include <math.h>
#include <string.h>

static const double EPSILON = 1e-6; /* of layer normalisation */

void reference_dense_forward(const struct reference_dense *shape, const double *x,
                             const double *kernel, const double *bias, double *y)
{
    for (size_t row = 0; row < shape->rows; row++) {
        double *out = y + row * shape->cout;
        for (size_t o = 0; o < shape->cout; o++)
            out[o] = bias ? bias[o] : 0;
        for (size_t i = 0; i < shape->cin; i++)
            for (size_t o = 0; o < shape->cout; o++)
                out[o] += x[row * shape->cin + i] * kernel[i * shape->cout + o];
    }
}

static void dense_input_gradient(const struct reference_dense *shape, const double *kernel,
                                 const double *g, double *dx)
{
    memset(dx, 0, shape->rows * shape->cin * sizeof *dx);
    for (size_t row = 0; row < shape->rows; row++)
        for (size_t i = 0; i < shape->cin; i++)
            for (size_t o = 0; o < shape->cout; o++)
                dx[row * shape->cin + i] += g[row * shape->cout + o] * kernel[i * shape->cout + o];
}

static void dense_kernel_gradient(const struct reference_dense *shape, const double *x,
                                  const double *g, double *dkernel)
{
    memset(dkernel, 0, shape->cin * shape->cout * sizeof *dkernel);
    for (size_t row = 0; row < shape->rows; row++)
        for (size_t i = 0; i < shape->cin; i++)
            for (size_t o = 0; o < shape->cout; o++)
                dkernel[i * shape->cout + o] += x[row * shape->cin + i] * g[row * shape->cout + o];
}

void reference_dense_backward(const struct reference_dense *shape, const double *x,
                              const double *kernel, const double *g, double *dx, double *dkernel,
                              double *dbias)
{
    if (dx)
        dense_input_gradient(shape, kernel, g, dx);
    if (dkernel)
        dense_kernel_gradient(shape, x, g, dkernel);
    if (dbias)
        memset(dbias, 0, shape->cout * sizeof *dbias);
    for (size_t row = 0; dbias && row < shape->rows; row++)
        for (size_t o = 0; o < shape->cout; o++)
            dbias[o] += g[row * shape->cout + o];
}

/* Mean of a row, and 1 / sqrt(biased variance + epsilon). */
struct row_statistics {
    double mean, inverse;
};

static struct row_statistics row_statistics(const double *x, size_t channels)
{
    double mean = 0, variance = 0;
    for (size_t c = 0; c < channels; c++)
        mean += x[c] / (double)channels;
    for (size_t c = 0; c < channels; c++)
        variance += (x[c] - mean) * (x[c] - mean) / (double)channels;
    return (struct row_statistics){mean, 1 / sqrt(variance + EPSILON)};
}

void reference_layer_norm_forward(const struct reference_rows *shape, const double *x,
                                  const double *gamma, const double *beta, double *y)
{
    for (size_t row = 0; row < shape->rows; row++) {
        const double *in = x + row * shape->channels;
        struct row_statistics s = row_statistics(in, shape->channels);
        for (size_t c = 0; c < shape->channels; c++)
            y[row * shape->channels + c] = gamma[c] * (in[c] - s.mean) * s.inverse + beta[c];
    }
}

/* With z = (x - mean) * inverse and e = g * gamma:
 * dx = inverse * (e - mean of e - z * mean of (e * z)). */
static void layer_norm_row_gradient(size_t channels, const double *x, const double *gamma,
                                    const double *g, double *dx)
{
    struct row_statistics s = row_statistics(x, channels);
    double sum_e = 0, sum_ez = 0;
    for (size_t c = 0; c < channels; c++) {
        sum_e += g[c] * gamma[c];
        sum_ez += g[c] * gamma[c] * (x[c] - s.mean) * s.inverse;
    }
    for (size_t c = 0; c < channels; c++) {
        double z = (x[c] - s.mean) * s.inverse;
        dx[c] = s.inverse * (g[c] * gamma[c] - (sum_e + z * sum_ez) / (double)channels);
    }
}

static void layer_norm_gamma_gradient(const struct reference_rows *shape, const double *x,
                                      const double *g, double *dgamma)
{
    memset(dgamma, 0, shape->channels * sizeof *dgamma);
    for (size_t row = 0; row < shape->rows; row++) {
        const double *in = x + row * shape->channels;
        struct row_statistics s = row_statistics(in, shape->channels);
        for (size_t c = 0; c < shape->channels; c++)
            dgamma[c] += g[row * shape->channels + c] * (in[c] - s.mean) * s.inverse;
    }
}

void reference_layer_norm_backward(const struct reference_rows *shape, const double *x,
                                   const double *gamma, const double *g, double *dx, double *dgamma,
                                   double *dbeta)
{
    for (size_t row = 0; dx && row < shape->rows; row++) {
        size_t at = row * shape->channels;
        layer_norm_row_gradient(shape->channels, x + at, gamma, g + at, dx + at);
    }
    if (dgamma)
        layer_norm_gamma_gradient(shape, x, g, dgamma);
    if (dbeta)
        memset(dbeta, 0, shape->channels * sizeof *dbeta);
    for (size_t row = 0; dbeta && row < shape->rows; row++)
        for (size_t c = 0; c < shape->channels; c++)
            dbeta[c] += g[row * shape->channels + c];
}

/* The row's maximum is taken out first: the result is the same and exp() cannot overflow.
 * y may be x. */
static void softmax_row(size_t channels, const double *x, double *y)
{
    double maximum = x[0], sum = 0;
    for (size_t c = 1; c < channels; c++)
        maximum = x[c] > maximum ? x[c] : maximum;
    for (size_t c = 0; c < channels; c++) {
        y[c] = exp(x[c] - maximum);
        sum += y[c];
    }
    for (size_t c = 0; c < channels; c++)
        y[c] /= sum;
}

void reference_softmax_forward(const struct reference_rows *shape, const double *x, double *y)
{
    for (size_t row = 0; row < shape->rows; row++)
        softmax_row(shape->channels, x + row * shape->channels, y + row * shape->channels);
}

/* dx = y * (g - sum of g * y) */
void reference_softmax_backward(const struct reference_rows *shape, const double *y,
                                const double *g, double *dx)
{
    for (size_t row = 0; row < shape->rows; row++) {
        size_t at = row * shape->channels;
        double sum = 0;
        for (size_t c = 0; c < shape->channels; c++)
            sum += g[at + c] * y[at + c];
        for (size_t c = 0; c < shape->channels; c++)
            dx[at + c] = y[at + c] * (g[at + c] - sum);
    }
}

static double dot(size_t count, const double *a, const double *b)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += a[i] * b[i];
    return sum;
}

static void add_scaled(size_t count, double factor, const double *a, double *sum)
{
    for (size_t i = 0; i < count; i++)
        sum[i] += factor * a[i];
}

/* Offset of the vector of D values of one token and head in (N, T, H, D). */
static size_t vector_at(const struct reference_attention *s, size_t n, size_t token, size_t head)
{
    return ((n * s->tokens + token) * s->heads + head) * s->depth;
}

/* Offset of the row of T values of one head and token in (N, H, T, T). */
static size_t weights_at(const struct reference_attention *s, size_t n, size_t head, size_t token)
{
    return ((n * s->heads + head) * s->tokens + token) * s->tokens;
}

/* What one token of one head takes from all tokens; y starts zeroed. */
static void attend(const struct reference_attention *s, size_t n, size_t head, size_t token,
                   const double *q, const double *k, const double *v, double *weights, double *y)
{
    size_t at = vector_at(s, n, token, head);
    double *weight = weights + weights_at(s, n, head, token);
    for (size_t other = 0; other < s->tokens; other++)
        weight[other] = dot(s->depth, q + at, k + vector_at(s, n, other, head)) / sqrt(s->depth);
    softmax_row(s->tokens, weight, weight);
    for (size_t other = 0; other < s->tokens; other++)
        add_scaled(s->depth, weight[other], v + vector_at(s, n, other, head), y + at);
}

void reference_attention_forward(const struct reference_attention *shape, const double *q,
                                 const double *k, const double *v, double *weights, double *y)
{
    memset(y, 0, shape->n * shape->tokens * shape->heads * shape->depth * sizeof *y);
    for (size_t n = 0; n < shape->n; n++)
        for (size_t head = 0; head < shape->heads; head++)
            for (size_t token = 0; token < shape->tokens; token++)
                attend(shape, n, head, token, q, k, v, weights, y);
}

/* The gradients that the scores of one token of one head with all others pass to q and k:
 * dscore = weight * (dweight - sum of dweight * weight), dweight = g . v. */
static void score_gradients(const struct reference_attention *s, size_t n, size_t head,
                            size_t token, const double *q, const double *k, const double *v,
                            const double *weight, const double *g, double *dq, double *dk)
{
    size_t at = vector_at(s, n, token, head);
    double sum = 0;
    for (size_t other = 0; other < s->tokens; other++)
        sum += weight[other] * dot(s->depth, g + at, v + vector_at(s, n, other, head));
    for (size_t other = 0; other < s->tokens; other++) {
        size_t other_at = vector_at(s, n, other, head);
        double dweight = dot(s->depth, g + at, v + other_at);
        double dscore = weight[other] * (dweight - sum) / sqrt(s->depth);
        if (dq)
            add_scaled(s->depth, dscore, k + other_at, dq + at);
        if (dk)
            add_scaled(s->depth, dscore, q + at, dk + other_at);
    }
}

static void value_gradients(const struct reference_attention *s, size_t n, size_t head,
                            size_t token, const double *weight, const double *g, double *dv)
{
    for (size_t other = 0; other < s->tokens; other++)
        add_scaled(s->depth, weight[other], g + vector_at(s, n, token, head),
                   dv + vector_at(s, n, other, head));
}

void reference_attention_backward(const struct reference_attention *shape, const double *q,
                                  const double *k, const double *v, const double *weights,
                                  const double *g, double *dq, double *dk, double *dv)
{
    size_t bytes = shape->n * shape->tokens * shape->heads * shape->depth * sizeof *g;
    double *gradients[] = {dq, dk, dv};
    for (int i = 0; i < 3; i++)
        if (gradients[i])
            memset(gradients[i], 0, bytes);
    for (size_t n = 0; n < shape->n; n++)
        for (size_t head = 0; head < shape->heads; head++)
            for (size_t token = 0; token < shape->tokens; token++) {
                const double *weight = weights + weights_at(shape, n, head, token);
                score_gradients(shape, n, head, token, q, k, v, weight, g, dq, dk);
                if (dv)
                    value_gradients(shape, n, head, token, weight, g, dv);
            }
}
