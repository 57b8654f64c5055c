/* Scores of images in plain C and double precision, as their definitions read. */
#ifndef CHECK_IMAGE_SCORES_H
#define CHECK_IMAGE_SCORES_H

/*
 * Structural similarity of two images (height, width) of values between 0 and 1 (Wang et al. 2004,
 * equation 13): the mean over all windows of 11 x 11 inside the images, weighted by a Gaussian of
 * deviation 1.5 whose weights sum to 1, with K1 0.01 and K2 0.03. Both sides are at least 11.
 */
double reference_ssim(int height, int width, const float *x, const float *y);

#endif
