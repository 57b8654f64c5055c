/*
 * Memory for the buffers of CPU devices in huge pages, where the system has such: an address in
 * them is found without a walk through tables, and the processor fetches ahead across what would
 * have been the ends of small pages.
 */
#ifndef OPENCL_PAGES_H
#define OPENCL_PAGES_H

#include <stddef.h>

/* Below this, small pages serve as well. */
enum { PAGES_LEAST_BYTES = 1 << 20 };

/* At least so many bytes, released with free(); NULL without memory, and no error is recorded. */
void *pages_new(size_t bytes);

#endif
