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

static double weighted_mean(int width, const float *x, double weights[WINDOW][WINDOW])
{
    double mean = 0;
    for (int i = 0; i < WINDOW; i++)
        for (int k = 0; k < WINDOW; k++)
            mean += weights[i][k] * x[i * width + k];
    return mean;
}

/* x and y point to the window's first pixels. */
static double window_ssim(int width, const float *x, const float *y, double weights[WINDOW][WINDOW])
{
    const double c1 = 0.01 * 0.01, c2 = 0.03 * 0.03;
    double mean_x = weighted_mean(width, x, weights), mean_y = weighted_mean(width, y, weights);
    double variance_x = 0, variance_y = 0, covariance = 0;
    for (int i = 0; i < WINDOW; i++) {
        for (int k = 0; k < WINDOW; k++) {
            double dx = x[i * width + k] - mean_x, dy = y[i * width + k] - mean_y;
            variance_x += weights[i][k] * dx * dx;
            variance_y += weights[i][k] * dy * dy;
            covariance += weights[i][k] * dx * dy;
        }
    }
    return (2 * mean_x * mean_y + c1) * (2 * covariance + c2) /
           ((mean_x * mean_x + mean_y * mean_y + c1) * (variance_x + variance_y + c2));
}

double reference_ssim(int height, int width, const float *x, const float *y)
{
    double weights[WINDOW][WINDOW], sum = 0;
    int rows = height - WINDOW + 1, columns = width - WINDOW + 1;
    fill_weights(weights);
    for (int i = 0; i < rows; i++)
        for (int k = 0; k < columns; k++)
            sum += window_ssim(width, x + i * width + k, y + i * width + k, weights);
    return sum / (rows * columns);
}
