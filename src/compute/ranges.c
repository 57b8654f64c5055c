#include "compute/ranges.h"

#include "../cl/constants.h"
#include "base/number.h"
#include <assert.h>
#include <limits.h>

static bool is_vector(const device *d)
{
    return !d || d->kernels == KERNELS_VECTOR;
}

spans spans_of_length(shape s, int span)
{
    assert(span > 0 && shape_count(s) <= INT_MAX); /* kernels count in int */
    int pixels = s.n * s.h * s.w;
    return (spans){pixels, s.c, span, ceil_divide(pixels, span)};
}

spans spans_elementwise(const device *d, shape s)
{
    return spans_of_length(s, is_vector(d) ? 64 : 1);
}

spans spans_flat(const device *d, shape s)
{
    enum { ROW = 64 };
    size_t count = shape_count(s);
    if (count % ROW)
        return spans_elementwise(d, s);
    return spans_elementwise(d, (shape){1, 1, (int)(count / ROW), ROW});
}

/* GPUs want many short sums; a CPU few, as long as its cores all have some. */
spans spans_reduction(const device *d, shape s)
{
    int pixels = s.n * s.h * s.w, most = 1024, span = is_vector(d) ? 256 : 64;
    while (pixels / span > most)
        span *= 2;
    return spans_of_length(s, span);
}

/* A CPU takes whole images; GPUs want many short sums: the longest equal parts of up to 64. */
spans spans_in_images(const device *d, shape s)
{
    int pixels = s.h * s.w, span = pixels;
    if (!d || !is_vector(d))
        for (span = pixels < 64 ? pixels : 64; pixels % span;)
            span--;
    return spans_of_length(s, span);
}

/* Two shapes of work-groups for all sizes: a runtime that is left to choose takes what divides the
 * range, on PoCL with a compilation for each, elsewhere groups of a single item for odd sizes. The
 * kernels leave out what lies beyond the range. */
enum { GROUP_ITEMS = 64, GROUP_CHANNELS = 16 };

range spans_range(const device *d, const spans *s)
{
    if (is_vector(d))
        return range_single(1, (size_t)s->count, 1);
    if (s->channels < GROUP_CHANNELS)
        return range_groups((size_t)s->channels, (size_t)s->count, 1, 1, GROUP_ITEMS, 1);
    return range_groups((size_t)s->channels, (size_t)s->count, 1, GROUP_CHANNELS,
                        GROUP_ITEMS / GROUP_CHANNELS, 1);
}

spans spans_rows(const device *d, shape s)
{
    return spans_of_length(s, is_vector(d) ? 64 : 8);
}

range rows_range(const device *d, const spans *s)
{
    if (is_vector(d))
        return range_single(1, (size_t)s->count, 1);
    return range_groups(ROW_GROUP_ITEMS, (size_t)s->count, 1, ROW_GROUP_ITEMS, 1, 1);
}
