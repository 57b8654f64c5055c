/*
 * How kernels are spread over a device: spans of pixels, and the ranges of work-items that walk
 * them. A CPU gets few work-items with long spans, a GPU many with short ones.
 *
 *     spans over = spans_elementwise(d, shape);
 *     LAUNCH(d, k, spans_range(d, &over), ARG(x), ARG(over.pixels), ARG(over.span), ...);
 */
#ifndef COMPUTE_RANGES_H
#define COMPUTE_RANGES_H

#include "base/shape.h"
#include "opencl/kernel.h"

typedef struct spans {
    int pixels, channels;
    int span;  /* pixels an item walks */
    int count; /* of spans */
} spans;

spans spans_of_length(shape s, int span);

/* ---- Each pixel alone, or sums over pixels (cl/lanes.h) ---- */

/* For kernels that treat each pixel alone, and for those that sum over a span. A NULL
 * device counts as a CPU. */
spans spans_elementwise(const device *d, shape s);
spans spans_reduction(const device *d, shape s);
/* Where channels mean nothing: the same values as rows of 64, if they divide into such. */
spans spans_flat(const device *d, shape s);
/* Spans of equal length, none across two images. d may be NULL where only an upper bound for count
 * is wanted. */
spans spans_in_images(const device *d, shape s);
/* Dimension 1 walks spans of pixels, dimension 0 lanes of channels. */
range spans_range(const device *d, const spans *s);

/* ---- Sums over the channels of a pixel (cl/rows.h) ---- */

/* A work-group reduces a row of channels at a time, and walks a span of them. */
spans spans_rows(const device *d, shape s);
range rows_range(const device *d, const spans *s);

#endif
