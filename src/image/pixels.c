#include "image/pixels.h"

#include <math.h>

/* Where a side of a picture begins in the longer side of the tensor. */
static int border(int outer, int inner)
{
    return (outer - inner) / 2;
}

void pixels_to_values(const unsigned char *pixels, int height, int width, float *values,
                      struct image_format format, int stride)
{
    int top = border(format.height, height), left = border(format.width, width);
    for (int y = 0; y < format.height; y++) {
        for (int x = 0; x < format.width; x++, values += stride) {
            bool inside = y >= top && y < top + height && x >= left && x < left + width;
            for (int c = 0; c < format.channels; c++)
                values[c] = inside ? (float)*pixels++ / 255 : 0;
        }
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
    int top = border(format.height, height), left = border(format.width, width);
    for (int y = 0; y < height; y++) {
        const float *from =
            values + ((size_t)(top + y) * (size_t)format.width + (size_t)left) * (size_t)stride;
        for (int x = 0; x < width; x++, from += stride)
            for (int c = 0; c < format.channels; c++)
                if (!to_byte(from[c], pixels++))
                    return false;
    }
    return true;
}
