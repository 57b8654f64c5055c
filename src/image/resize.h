/* Smaller pictures. */
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

#endif
