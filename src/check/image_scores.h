/* Scores of images in plain C and double precision, as their definitions read. */
#ifndef CHECK_IMAGE_SCORES_H
#define CHECK_IMAGE_SCORES_H

#include "image/format.h"

/*
 * Structural similarity of two images (height, width, channels) of values between 0 and 1 (Wang et
 * al. 2004, equation 13): the mean over all channels and all windows of 11 x 11 inside the images,
 * weighted by a Gaussian of deviation 1.5 whose weights sum to 1, with K1 0.01 and K2 0.03. Both
 * sides are at least 11. The images may be sources that lie side by side with others: x and y point
 * to their first values, pixels are `stride` values apart.
 */
double reference_ssim(struct image_format format, int stride, const float *x, const float *y);

/* The mean squared difference of the same. */
double reference_mse(struct image_format format, int stride, const float *x, const float *y);

#endif
