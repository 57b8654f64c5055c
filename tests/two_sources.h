/* What the tests with two gray sources share: one source out of a tensor (pixels, 2). */
#ifndef TESTS_TWO_SOURCES_H
#define TESTS_TWO_SOURCES_H

#include "opencl/device.h"
#include <stdlib.h>

enum { SOURCES = 2 };

/* The pixels of source k; 0, or -1 as buffer_read(). */
static inline int read_one_source(device *d, cl_mem both, int k, float *pixels, size_t count)
{
    float *all = malloc(SOURCES * count * sizeof *all);
    int result = all ? buffer_read(d, both, 0, all, SOURCES * count * sizeof *all) : -1;
    for (size_t i = 0; i < count && !result; i++)
        pixels[i] = all[SOURCES * i + (size_t)k];
    free(all);
    return result;
}

#endif
