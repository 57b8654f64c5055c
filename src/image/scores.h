/* How alike two pictures are. The pictures are of one size and number of channels; their depths may differ. */
#ifndef IMAGE_SCORES_H
#define IMAGE_SCORES_H

#include "image/image.h"
#include "image/pixels.h"

/* The mean squared difference of their values, which are 0 to 1. */
double image_mse(const struct image *a, const struct image *b);

/* PSNR in dB of one picture's mean squared error. */
#define PSNR_MOST 100 /* also of pictures without any error, whose PSNR would be infinite */
double image_psnr(double mse);

/*
 * Structural similarity (Wang et al. 2004): windows of 11 x 11 under a Gaussian of deviation 1.5, K1 0.01, K2 0.03,
 * wherever they lie inside the pictures, averaged over places and channels. *ssim is NaN for pictures with a side
 * below 11. -1 if memory runs out.
 */
int image_ssim(const struct image *a, const struct image *b, double *ssim);

/* How a picture's values are stored. */
enum pixel_type image_pixel_type(const struct image *picture);

#endif
