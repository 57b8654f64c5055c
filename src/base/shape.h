/* The shape of an image batch, or of anything else that is laid out like one. */
#ifndef BASE_SHAPE_H
#define BASE_SHAPE_H

#include <stdbool.h>
#include <stddef.h>

typedef struct shape {
    int n, h, w, c; /* batch, rows, columns, channels; channels are innermost in memory */
} shape;

static inline size_t shape_count(shape s)
{
    return (size_t)s.n * s.h * s.w * s.c;
}

static inline bool shape_equal(shape a, shape b)
{
    return a.n == b.n && a.h == b.h && a.w == b.w && a.c == b.c;
}

#endif
