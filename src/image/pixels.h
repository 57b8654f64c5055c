/*
 * Bytes and values: the pixels of pictures, 0 to 255, are 0 to 1 in tensors. The only place where one
 * becomes the other on the host. Pictures of floats go the same way as they are.
 *
 * A picture is (height, width, channels) bytes or floats without gaps. In a tensor it lies in the middle of
 * (format.height, format.width, stride) values, which are never smaller; a pixel's channels are the first
 * format.channels of its `stride` values. So source k of K is at values + k * channels, stride K * channels:
 *
 *     pixels_to_values(mixture, height, width, values, format, format.channels);
 *     if (!values_to_pixels(outputs + k * format.channels, format, K * format.channels,
 *                           source, height, width)) ...
 *
 * Where a border cannot be equal on both sides, the one at the right or below is wider by one.
 */
#ifndef IMAGE_PIXELS_H
#define IMAGE_PIXELS_H

#include "image/format.h"

/* The border becomes 0. */
void pixels_to_values(const unsigned char *pixels, int height, int width, float *values,
                      struct image_format format, int stride);

/* Values outside 0..1 are clipped, the others rounded half up. False if a value inside the picture is
 * not a finite number; pixels hold nothing of use then. */
bool values_to_pixels(const float *values, struct image_format format, int stride,
                      unsigned char *pixels, int height, int width);

/* The same for floats, which are neither scaled nor clipped nor rounded. */
void floats_to_values(const float *pixels, int height, int width, float *values,
                      struct image_format format, int stride);
bool values_to_floats(const float *values, struct image_format format, int stride, float *pixels,
                      int height, int width);

#endif
