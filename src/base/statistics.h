/* Mean and deviation of a sample. */
#ifndef BASE_STATISTICS_H
#define BASE_STATISTICS_H

#include <stddef.h>

typedef struct statistics {
    double mean;
    double deviation; /* the sample's: divided by count - 1; 0 of a single value */
} statistics;

/* count >= 1 values: values[0], values[stride] and so on. */
statistics statistics_of(const double *values, size_t count, size_t stride);

#endif
