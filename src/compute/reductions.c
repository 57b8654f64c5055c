#include "compute/reductions.h"

#include "../cl/constants.h"

static bool is_vector(const device *d)
{
    return d->kernels == KERNELS_VECTOR;
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

/* A CPU takes whole images; GPUs want many short sums: the longest equal parts of up to 64. */
spans spans_in_images(const device *d, shape s)
{
    int pixels = s.h * s.w, span = pixels;
    if (!d || !is_vector(d))
        for (span = pixels < 64 ? pixels : 64; pixels % span;)
            span--;
    return spans_of_length(s, span);
}
