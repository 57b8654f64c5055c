#include "check/image_scores.h"

#include <math.h>

enum { WINDOW = 11 };

static void fill_weights(double weights[WINDOW][WINDOW])
{
    double sum = 0;
    for (int i = 0; i < WINDOW; i++) {
        for (int k = 0; k < WINDOW; k++) {
            double dy = i - WINDOW / 2, dx = k - WINDOW / 2;
            weights[i][k] = exp(-(dy * dy + dx * dx) / (2 * 1.5 * 1.5));
            sum += weights[i][k];
        }
    }
    for (int i = 0; i < WINDOW; i++)
        for (int k = 0; k < WINDOW; k++)
            weights[i][k] /= sum;
}

/* One channel of an image, or what is right of and below a pixel of it. */
typedef struct plane {
    const float *values;
    int next, next_row; /* from a pixel to the one at its right, and to the one below */
} plane;

static plane at(plane p, int y, int x)
{
    p.values += (size_t)y * (size_t)p.next_row + (size_t)x * (size_t)p.next;
    return p;
}

static double value(plane p, int y, int x)
{
    return *at(p, y, x).values;
}

static double weighted_mean(plane p, double weights[WINDOW][WINDOW])
{
    double mean = 0;
    for (int i = 0; i < WINDOW; i++)
        for (int k = 0; k < WINDOW; k++)
            mean += weights[i][k] * value(p, i, k);
    return mean;
}

/* Of the windows that begin with the first pixels of x and y. */
static double window_ssim(plane x, plane y, double weights[WINDOW][WINDOW])
{
    const double c1 = 0.01 * 0.01, c2 = 0.03 * 0.03;
    double mean_x = weighted_mean(x, weights), mean_y = weighted_mean(y, weights);
    double variance_x = 0, variance_y = 0, covariance = 0;
    for (int i = 0; i < WINDOW; i++) {
        for (int k = 0; k < WINDOW; k++) {
            double dx = value(x, i, k) - mean_x, dy = value(y, i, k) - mean_y;
            variance_x += weights[i][k] * dx * dx;
            variance_y += weights[i][k] * dy * dy;
            covariance += weights[i][k] * dx * dy;
        }
    }
    return (2 * mean_x * mean_y + c1) * (2 * covariance + c2) /
           ((mean_x * mean_x + mean_y * mean_y + c1) * (variance_x + variance_y + c2));
}

double reference_ssim(struct image_format format, int stride, const float *x, const float *y)
{
    double weights[WINDOW][WINDOW], sum = 0;
    int rows = format.height - WINDOW + 1, columns = format.width - WINDOW + 1;
    fill_weights(weights);
    for (int c = 0; c < format.channels; c++) {
        plane of_x = {x + c, stride, format.width * stride}, of_y = of_x;
        of_y.values = y + c;
        for (int i = 0; i < rows; i++)
            for (int k = 0; k < columns; k++)
                sum += window_ssim(at(of_x, i, k), at(of_y, i, k), weights);
    }
    return sum / ((double)format.channels * rows * columns);
}

double reference_mse(struct image_format format, int stride, const float *x, const float *y)
{
    double sum = 0;
    size_t pixels = (size_t)format.height * (size_t)format.width;
    for (size_t i = 0; i < pixels; i++) {
        for (int c = 0; c < format.channels; c++) {
            double difference = (double)x[i * (size_t)stride + c] - y[i * (size_t)stride + c];
            sum += difference * difference;
        }
    }
    return sum / (double)image_values(format);
}
