#include "image/pixels.h"

#include <math.h>

static float clipped(float value)
{
    return value < 0 ? 0 : value > 1 ? 1 : value;
}

void pixel_put(void *pixels, enum pixel_type type, size_t i, float value)
{
    switch (type) {
    case PIXELS_BYTES:
        ((unsigned char *)pixels)[i] = (unsigned char)(clipped(value) * 255 + 0.5f);
        break;
    case PIXELS_SHORTS:
        ((uint16_t *)pixels)[i] = (uint16_t)(clipped(value) * 65535 + 0.5f);
        break;
    case PIXELS_FLOATS:
        ((float *)pixels)[i] = value;
        break;
    }
}

bool values_to_pixels(const float *values, struct image_format format, int stride,
                      unsigned char *pixels)
{
    size_t count = (size_t)format.height * (size_t)format.width;
    for (size_t i = 0; i < count; i++, values += stride)
        for (int c = 0; c < format.channels; c++) {
            if (!isfinite(values[c]))
                return false;
            pixel_put(pixels++, PIXELS_BYTES, 0, values[c]);
        }
    return true;
}
