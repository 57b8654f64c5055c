/*
 * How kernels are spread over a device that reduce over the channels of a pixel (cl/rows.h) or over
 * the pixels of an image. For the others: pixels.h.
 */
#ifndef COMPUTE_REDUCTIONS_H
#define COMPUTE_REDUCTIONS_H

#include "compute/pixels.h"

/* A work-group reduces a row of channels at a time, and walks a span of them. */
spans spans_rows(const device *d, shape s);
range rows_range(const device *d, const spans *s);

/* Spans for spans_range(), of equal length and none across two images. d may be NULL where only an
 * upper bound for count is wanted. */
spans spans_in_images(const device *d, shape s);

#endif
