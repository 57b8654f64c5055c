#include "image/pixels.h"

#include <math.h>

/* Where a side of a picture begins in the longer side of the tensor. */
static int border(int outer, int inner)
{
    return (outer - inner) / 2;
}

/* The values of a picture's pixel (y, 0) in a tensor. */
static size_t row_in(struct image_format format, int stride, int height, int width, int y)
{
    int top = border(format.height, height), left = border(format.width, width);
    return ((size_t)(top + y) * (size_t)format.width + (size_t)left) * (size_t)stride;
}

/* Zeros where there is no picture. */
static void clear(float *values, struct image_format format, int stride)
{
    size_t pixels = (size_t)format.height * (size_t)format.width;
    for (size_t i = 0; i < pixels; i++, values += stride)
        for (int c = 0; c < format.channels; c++)
            values[c] = 0;
}

void pixels_to_values(const unsigned char *pixels, int height, int width, float *values,
                      struct image_format format, int stride)
{
    clear(values, format, stride);
    for (int y = 0; y < height; y++) {
        float *to = values + row_in(format, stride, height, width, y);
        for (int x = 0; x < width; x++, to += stride)
            for (int c = 0; c < format.channels; c++)
                to[c] = (float)*pixels++ / 255;
    }
}

void floats_to_values(const float *pixels, int height, int width, float *values,
                      struct image_format format, int stride)
{
    clear(values, format, stride);
    for (int y = 0; y < height; y++) {
        float *to = values + row_in(format, stride, height, width, y);
        for (int x = 0; x < width; x++, to += stride)
            for (int c = 0; c < format.channels; c++)
                to[c] = *pixels++;
    }
}

static bool to_byte(float value, unsigned char *byte)
{
    if (!isfinite(value))
        return false;
    value = value < 0 ? 0 : value > 1 ? 1 : value;
    *byte = (unsigned char)(value * 255 + 0.5f);
    return true;
}

bool values_to_pixels(const float *values, struct image_format format, int stride,
                      unsigned char *pixels, int height, int width)
{
    for (int y = 0; y < height; y++) {
        const float *from = values + row_in(format, stride, height, width, y);
        for (int x = 0; x < width; x++, from += stride)
            for (int c = 0; c < format.channels; c++)
                if (!to_byte(from[c], pixels++))
                    return false;
    }
    return true;
}

bool values_to_floats(const float *values, struct image_format format, int stride, float *pixels,
                      int height, int width)
{
    for (int y = 0; y < height; y++) {
        const float *from = values + row_in(format, stride, height, width, y);
        for (int x = 0; x < width; x++, from += stride)
            for (int c = 0; c < format.channels; c++) {
                if (!isfinite(from[c]))
                    return false;
                *pixels++ = from[c];
            }
    }
    return true;
}
