/* Smaller and larger pictures. */
#ifndef IMAGE_RESIZE_H
#define IMAGE_RESIZE_H

#include "image/format.h"

/*
 * Reduces a picture to height x width, neither of them longer than before, by area averaging: a
 * pixel of the result is the mean of the area that it covers, pixels at the area's edge counting by
 * the part that is inside. Exact, rounded half up.
 *
 * pixels is (from.height, from.width, from.channels), reduced (height, width, from.channels).
 */
void pixels_reduce(const unsigned char *pixels, struct image_format from, unsigned char *reduced,
                   int height, int width);

/*
 * Enlarges a picture to height x width, neither of them shorter than before: bilinear between the centres of
 * pixels, what is at the edge continuing beyond it. Rounded half up.
 */
void pixels_enlarge(const unsigned char *pixels, struct image_format from, unsigned char *enlarged,
                    int height, int width);

/* To any height x width: a side that becomes shorter is averaged, one that becomes longer is enlarged. -1 if
 * memory runs out. */
int pixels_resize(const unsigned char *pixels, struct image_format from, unsigned char *resized,
                  int height, int width);

#endif
