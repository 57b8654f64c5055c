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

/* The most values that a tensor, attention's weights or all parameters may have. Kernels and ranges count
 * them in ints, and round up; twice this is an int too. */
#define VALUES_MAX ((1 << 30) - 1)

static inline bool shape_is_positive(shape s)
{
    return s.n > 0 && s.h > 0 && s.w > 0 && s.c > 0;
}

static inline bool shape_fits(shape s)
{
    return (double)s.n * s.h * s.w * s.c <= VALUES_MAX;
}

static inline bool shape_equal(shape a, shape b)
{
    return a.n == b.n && a.h == b.h && a.w == b.w && a.c == b.c;
}

#endif
