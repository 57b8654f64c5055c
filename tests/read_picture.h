/* A picture of a data set whose pictures are alike, copied. */
#ifndef TESTS_READ_PICTURE_H
#define TESTS_READ_PICTURE_H

#include "data/dataset.h"
#include <string.h>

/* pixels: (height, width, channels) of the set's format. 0, or -1 after fail(). */
static inline int read_picture(const dataset *d, size_t number, unsigned char *pixels)
{
    picture_view v;
    if (dataset_view(d, number, &v))
        return -1;
    memcpy(pixels, v.pixels, image_values(d->format));
    picture_view_release(&v);
    return 0;
}

#endif
