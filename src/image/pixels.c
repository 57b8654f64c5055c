#include "image/pixels.h"

#include <math.h>
#include <string.h>

/* Where a side of a picture begins in the longer side of the tensor. */
static int border(int outer, int inner)
{
    return (outer - inner) / 2;
}

/* Where the values of a picture's pixel (y, 0) begin in a tensor. */
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

enum pixel_kind { BYTES, FLOATS };

static void put(const void *pixels, enum pixel_kind kind, int height, int width, float *values,
                struct image_format format, int stride)
{
    const unsigned char *bytes = pixels;
    const float *floats = pixels;
    if (height < format.height || width < format.width)
        clear(values, format, stride);
    for (int y = 0; y < height; y++) {
        float *to = values + row_in(format, stride, height, width, y);
        for (int x = 0; x < width; x++, to += stride)
            for (int c = 0; c < format.channels; c++)
                to[c] = kind == BYTES ? (float)*bytes++ / 255 : *floats++;
    }
}

static unsigned char to_byte(float value)
{
    value = value < 0 ? 0 : value > 1 ? 1 : value;
    return (unsigned char)(value * 255 + 0.5f);
}

static bool take(const float *values, struct image_format format, int stride, void *pixels,
                 enum pixel_kind kind, int height, int width)
{
    unsigned char *bytes = pixels;
    float *floats = pixels;
    for (int y = 0; y < height; y++) {
        const float *from = values + row_in(format, stride, height, width, y);
        for (int x = 0; x < width; x++, from += stride)
            for (int c = 0; c < format.channels; c++) {
                if (!isfinite(from[c]))
                    return false;
                if (kind == BYTES)
                    *bytes++ = to_byte(from[c]);
                else
                    *floats++ = from[c];
            }
    }
    return true;
}

void pixels_to_values(const unsigned char *pixels, int height, int width, float *values,
                      struct image_format format, int stride)
{
    put(pixels, BYTES, height, width, values, format, stride);
}

void floats_to_values(const float *pixels, int height, int width, float *values,
                      struct image_format format, int stride)
{
    put(pixels, FLOATS, height, width, values, format, stride);
}

bool values_to_pixels(const float *values, struct image_format format, int stride,
                      unsigned char *pixels, int height, int width)
{
    return take(values, format, stride, pixels, BYTES, height, width);
}

bool values_to_floats(const float *values, struct image_format format, int stride, float *pixels,
                      int height, int width)
{
    return take(values, format, stride, pixels, FLOATS, height, width);
}
