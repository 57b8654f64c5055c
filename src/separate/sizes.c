#include "separate/sizes.h"

#include "base/error.h"

bool sizes_take(const mixture *m, int width, int height)
{
    const struct image_format *whole = &m->format;
    return (width == whole->width && height == whole->height) ||
           (width == m->inner_width && height == m->inner_height);
}

int sizes_check(const mixture *m, int width, int height)
{
    const struct image_format *whole = &m->format;
    if (sizes_take(m, width, height))
        return 0;
    if (m->inner_width == whole->width && m->inner_height == whole->height)
        return fail(STATUS_DATA, "%d x %d pixels; only %d x %d can be separated", width, height,
                    whole->width, whole->height);
    return fail(STATUS_DATA, "%d x %d pixels; only %d x %d and %d x %d can be separated", width,
                height, m->inner_width, m->inner_height, whole->width, whole->height);
}
