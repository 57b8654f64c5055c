/*
 * Structural similarity of images on the device (cl/ssim.cl; evaluate.h says which kind).
 *
 *     ssim *s;
 *     if (ssim_new(&s, d, 50)) ...
 *     ssim_add(s, results, truths, 50, &sum);
 *     ssim_free(s);
 */
#ifndef EVALUATE_SSIM_H
#define EVALUATE_SSIM_H

#include "opencl/kernel.h"

typedef struct ssim ssim;

/* For at most `images` pairs at a time. */
int ssim_new(ssim **out, device *d, int images);
void ssim_free(ssim *s);

/* Adds the similarity of each pair of images, x and y being (images, 32, 32), to *sum. */
int ssim_add(ssim *s, cl_mem x, cl_mem y, int images, double *sum);

#endif
