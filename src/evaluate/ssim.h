/*
 * Structural similarity of images on the device (cl/ssim.cl; evaluate.h says which kind): of every
 * source of a mixture, the mean over its channels.
 *
 *     ssim *s;
 *     if (ssim_new(&s, d, format, sources, 50)) ...
 *     ssim_add(s, results, truths, 50, sums);
 *     ssim_free(s);
 */
#ifndef EVALUATE_SSIM_H
#define EVALUATE_SSIM_H

#include "image/format.h"
#include "opencl/kernel.h"

/* A window's side. Images with a shorter side have no similarity, which is NaN. */
enum { SSIM_WINDOW = 11 };

typedef struct ssim ssim;

/* For images of that format and number of sources, at most `images` at a time. */
int ssim_new(ssim **out, device *d, struct image_format format, int sources, int images);
void ssim_free(ssim *s);

/* Adds the similarity of each pair of images, x and y being (images, height, width, sources *
 * channels), to the sum of its source; where alone (images) names a source, only of that one, else it is -1.
 * NULL: of all. */
int ssim_add(ssim *s, cl_mem x, cl_mem y, int images, const int *alone, double *sums);

#endif
