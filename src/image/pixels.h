/*
 * Pixels and values: what pictures store, 0 to 255 or 0 to 65535, is 0 to 1 in tensors. The only place where one
 * becomes the other on the host. Pictures of floats are values already.
 *
 * A picture is (height, width, channels) pixels without gaps. Source k of K of a tensor (height, width, K * channels)
 * begins at values + k * channels, and its pixels are K * channels values apart:
 *
 *     if (!values_to_pixels(outputs + k * format.channels, format, K * format.channels, source)) ...
 */
#ifndef IMAGE_PIXELS_H
#define IMAGE_PIXELS_H

#include "image/format.h"
#include <stdint.h>

enum pixel_type {
    PIXELS_BYTES,  /* unsigned char, 0 to 255 */
    PIXELS_SHORTS, /* uint16_t, 0 to 65535 */
    PIXELS_FLOATS  /* float: black is 0, white is 1 */
};

static inline size_t pixel_size(enum pixel_type type)
{
    return type == PIXELS_BYTES ? 1 : type == PIXELS_SHORTS ? sizeof(uint16_t) : sizeof(float);
}

/* The value of pixel i. */
static inline float pixel_value(const void *pixels, enum pixel_type type, size_t i)
{
    switch (type) {
    case PIXELS_BYTES:
        return (float)((const unsigned char *)pixels)[i] / 255;
    case PIXELS_SHORTS:
        return (float)((const uint16_t *)pixels)[i] / 65535;
    case PIXELS_FLOATS:
        break;
    }
    return ((const float *)pixels)[i];
}

/* Sets pixel i. In bytes and shorts, values outside of 0..1 are clipped, the others rounded half up; floats are taken
 * as they are. */
void pixel_put(void *pixels, enum pixel_type type, size_t i, float value);

/* All bytes of a picture. False if a value is not a finite number; pixels hold nothing of use then. */
bool values_to_pixels(const float *values, struct image_format format, int stride,
                      unsigned char *pixels);

/* The brightness of a colour, by the weights of ITU-R BT.601. */
static inline float luma_of_values(const float rgb[3])
{
    return 0.299f * rgb[0] + 0.587f * rgb[1] + 0.114f * rgb[2];
}

#endif
