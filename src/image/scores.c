#include "image/scores.h"

#include "base/memory.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { WINDOW = 11 };

enum pixel_type image_pixel_type(const struct image *picture)
{
    return picture->depth == 16 ? PIXELS_SHORTS : PIXELS_BYTES;
}

double image_mse(const struct image *a, const struct image *b)
{
    size_t count = (size_t)a->width * (size_t)a->height * (size_t)a->channels;
    double sum = 0;
    for (size_t i = 0; i < count; i++) {
        double difference = (double)pixel_value(a->pixels, image_pixel_type(a), i) -
                            pixel_value(b->pixels, image_pixel_type(b), i);
        sum += difference * difference;
    }
    return sum / (double)count;
}

/* Written so that NaN stays NaN. */
double image_psnr(double mse)
{
    double decibels = -10 * log10(mse);
    return decibels > PSNR_MOST ? PSNR_MOST : decibels;
}

/* ---- Structural similarity ---- */

/* What windows take the mean of. */
enum { X, Y, XX, YY, XY, MOMENTS };

/* The Gaussian is a product of one down and one across. So each row is summed across once, and the last 11 such rows
 * down. */
typedef struct scan {
    int width, places; /* pixels of a row; windows along it */
    double weights[WINDOW];
    double *values[2]; /* (width): a row of each picture */
    double *rows;      /* (WINDOW, MOMENTS, places): the last rows, by number modulo WINDOW */
} scan;

static void make_weights(double weights[WINDOW])
{
    double sum = 0;
    for (int i = 0; i < WINDOW; i++) {
        double from_centre = (i - WINDOW / 2) / 1.5;
        sum += weights[i] = exp(-from_centre * from_centre / 2);
    }
    for (int i = 0; i < WINDOW; i++)
        weights[i] /= sum;
}

static void sum_across(scan *s, int row)
{
    double *to = s->rows + (size_t)(row % WINDOW) * MOMENTS * (size_t)s->places;
    for (int p = 0; p < s->places; p++) {
        double sums[MOMENTS] = {0};
        for (int i = 0; i < WINDOW; i++) {
            double x = s->values[0][p + i], y = s->values[1][p + i], w = s->weights[i];
            sums[X] += w * x;
            sums[Y] += w * y;
            sums[XX] += w * x * x;
            sums[YY] += w * y * y;
            sums[XY] += w * x * y;
        }
        for (int m = 0; m < MOMENTS; m++)
            to[(size_t)m * (size_t)s->places + (size_t)p] = sums[m];
    }
}

static double similarity(const double m[MOMENTS])
{
    const double c1 = 0.01 * 0.01, c2 = 0.03 * 0.03;
    double xx = m[XX] - m[X] * m[X], yy = m[YY] - m[Y] * m[Y], xy = m[XY] - m[X] * m[Y];
    return (2 * m[X] * m[Y] + c1) * (2 * xy + c2) /
           ((m[X] * m[X] + m[Y] * m[Y] + c1) * (xx + yy + c2));
}

/* Of the windows whose last row that is. */
static double sum_down(const scan *s, int row)
{
    double sum = 0;
    for (int p = 0; p < s->places; p++) {
        double moments[MOMENTS] = {0};
        for (int i = 0; i < WINDOW; i++)
            for (int m = 0; m < MOMENTS; m++)
                moments[m] += s->weights[i] *
                              s->rows[((size_t)((row + 1 + i) % WINDOW) * MOMENTS + (size_t)m) *
                                          (size_t)s->places +
                                      (size_t)p];
        sum += similarity(moments);
    }
    return sum;
}

static double scan_channel(scan *s, const struct image *const pictures[2], int channel)
{
    double sum = 0;
    for (int y = 0; y < pictures[0]->height; y++) {
        for (int k = 0; k < 2; k++)
            for (int x = 0; x < s->width; x++)
                s->values[k][x] = pixel_value(pictures[k]->pixels, image_pixel_type(pictures[k]),
                                              ((size_t)y * (size_t)s->width + (size_t)x) *
                                                      (size_t)pictures[k]->channels +
                                                  (size_t)channel);
        sum_across(s, y);
        if (y >= WINDOW - 1)
            sum += sum_down(s, y);
    }
    return sum;
}

int image_ssim(const struct image *a, const struct image *b, double *ssim)
{
    *ssim = NAN;
    if (a->width < WINDOW || a->height < WINDOW)
        return 0;
    scan s = {.width = a->width, .places = a->width - WINDOW + 1};
    make_weights(s.weights);
    for (int k = 0; k < 2; k++)
        s.values[k] = allocate((size_t)s.width, sizeof *s.values[k]);
    s.rows = allocate((size_t)WINDOW * MOMENTS * (size_t)s.places, sizeof *s.rows);
    bool ready = s.values[0] && s.values[1] && s.rows;
    if (ready) {
        double sum = 0;
        for (int c = 0; c < a->channels; c++)
            sum += scan_channel(&s, (const struct image *const[]){a, b}, c);
        *ssim = sum / ((double)s.places * (a->height - WINDOW + 1) * a->channels);
    }
    free(s.values[0]);
    free(s.values[1]);
    free(s.rows);
    return ready ? 0 : -1;
}
