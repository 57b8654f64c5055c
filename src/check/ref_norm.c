/* Batch normalisation, one channel at a time. */
#include "check/reference.h"

#include <math.h>

static const double EPSILON = 1e-3;
static const double MOMENTUM = 0.99;

struct statistics {
    double mean, variance; /* of one channel over all rows; the variance is biased */
};

static struct statistics channel_statistics(const struct reference_rows *shape, const double *x,
                                            size_t channel)
{
    struct statistics s = {0, 0};
    for (size_t row = 0; row < shape->rows; row++)
        s.mean += x[row * shape->channels + channel];
    s.mean /= (double)shape->rows;
    for (size_t row = 0; row < shape->rows; row++) {
        double centred = x[row * shape->channels + channel] - s.mean;
        s.variance += centred * centred;
    }
    s.variance /= (double)shape->rows;
    return s;
}

static void normalise_channel(const struct reference_rows *shape, const double *x, size_t channel,
                              struct statistics s, double gamma, double beta, double *y)
{
    double scale = gamma / sqrt(s.variance + EPSILON);
    for (size_t row = 0; row < shape->rows; row++) {
        size_t at = row * shape->channels + channel;
        y[at] = (x[at] - s.mean) * scale + beta;
    }
}

void reference_batch_norm_forward(const struct reference_rows *shape, const double *x,
                                  const double *gamma, const double *beta, double *moving_mean,
                                  double *moving_variance, double *y)
{
    for (size_t c = 0; c < shape->channels; c++) {
        struct statistics s = channel_statistics(shape, x, c);
        normalise_channel(shape, x, c, s, gamma[c], beta[c], y);
        moving_mean[c] = MOMENTUM * moving_mean[c] + (1 - MOMENTUM) * s.mean;
        moving_variance[c] = MOMENTUM * moving_variance[c] + (1 - MOMENTUM) * s.variance;
    }
}

void reference_batch_norm_inference(const struct reference_rows *shape, const double *x,
                                    const double *gamma, const double *beta,
                                    const double *moving_mean, const double *moving_variance,
                                    double *y)
{
    for (size_t c = 0; c < shape->channels; c++) {
        struct statistics s = {moving_mean[c], moving_variance[c]};
        normalise_channel(shape, x, c, s, gamma[c], beta[c], y);
    }
}

/* With z = (x - mean) / sqrt(variance + epsilon):
 * dx = gamma / sqrt(variance + epsilon) * (g - mean of g - z * mean of (g * z)). */
static void channel_backward(const struct reference_rows *shape, const double *x, size_t channel,
                             double gamma, const double *g, double *dx, double *dgamma,
                             double *dbeta)
{
    struct statistics s = channel_statistics(shape, x, channel);
    double inverse = 1 / sqrt(s.variance + EPSILON);
    double sum_g = 0, sum_gz = 0;
    for (size_t row = 0; row < shape->rows; row++) {
        size_t at = row * shape->channels + channel;
        sum_g += g[at];
        sum_gz += g[at] * (x[at] - s.mean) * inverse;
    }
    for (size_t row = 0; dx && row < shape->rows; row++) {
        size_t at = row * shape->channels + channel;
        double z = (x[at] - s.mean) * inverse;
        dx[at] = gamma * inverse * (g[at] - (sum_g + z * sum_gz) / (double)shape->rows);
    }
    if (dgamma)
        dgamma[channel] = sum_gz;
    if (dbeta)
        dbeta[channel] = sum_g;
}

void reference_batch_norm_backward(const struct reference_rows *shape, const double *x,
                                   const double *gamma, const double *g, double *dx, double *dgamma,
                                   double *dbeta)
{
    for (size_t c = 0; c < shape->channels; c++)
        channel_backward(shape, x, c, gamma[c], g, dx, dgamma, dbeta);
}

void reference_batch_norm_frozen_backward(const struct reference_rows *shape, const double *gamma,
                                          const double *moving_variance, const double *g,
                                          double *dx)
{
    for (size_t row = 0; row < shape->rows; row++)
        for (size_t c = 0; c < shape->channels; c++)
            dx[row * shape->channels + c] =
                g[row * shape->channels + c] * gamma[c] / sqrt(moving_variance[c] + EPSILON);
}
