/* The projection onto sources that blend to the mixture. */
#include "check/reference.h"

#include <math.h>

/* Of channel c of a row, source k lies `channels` values behind source k - 1. */

static double source_at(const struct reference_mixture *shape, const double *z, size_t k, double t)
{
    return fmin(fmax(z[k * shape->channels] + t * shape->weights[k], 0), 1);
}

static double mixture_at(const struct reference_mixture *shape, const double *z, double t)
{
    double x = 0;
    for (size_t k = 0; k < shape->sources; k++)
        x += shape->weights[k] * source_at(shape, z, k, t);
    return x;
}

/* Every source is 0 at the lowest t, and 1 at the highest. */
static double find_t(const struct reference_mixture *shape, const double *z, double x)
{
    double low = 0, high = 0;
    for (size_t k = 0; k < shape->sources; k++) {
        double w = shape->weights[k], value = z[k * shape->channels];
        low = fmin(low, -value / w);
        high = fmax(high, (1 - value) / w);
    }
    for (int i = 0; i < 200; i++) {
        double middle = (low + high) / 2;
        if (mixture_at(shape, z, middle) < x)
            low = middle;
        else
            high = middle;
    }
    return (low + high) / 2;
}

void reference_consistent_forward(const struct reference_mixture *shape, const double *z,
                                  const double *x, double *y)
{
    for (size_t row = 0; row < shape->rows; row++)
        for (size_t c = 0; c < shape->channels; c++) {
            size_t first = row * shape->sources * shape->channels + c;
            double t = find_t(shape, z + first, x[row * shape->channels + c]);
            for (size_t k = 0; k < shape->sources; k++)
                y[first + k * shape->channels] = source_at(shape, z + first, k, t);
        }
}

void reference_consistent_backward(const struct reference_mixture *shape, const double *g,
                                   double *dz, double *dx)
{
    double norm = 0;
    for (size_t k = 0; k < shape->sources; k++)
        norm += shape->weights[k] * shape->weights[k];
    for (size_t row = 0; row < shape->rows; row++)
        for (size_t c = 0; c < shape->channels; c++) {
            size_t first = row * shape->sources * shape->channels + c;
            double along = 0;
            for (size_t k = 0; k < shape->sources; k++)
                along += shape->weights[k] * g[first + k * shape->channels] / norm;
            for (size_t k = 0; dz && k < shape->sources; k++)
                dz[first + k * shape->channels] =
                    g[first + k * shape->channels] - shape->weights[k] * along;
            if (dx)
                dx[row * shape->channels + c] = along;
        }
}
