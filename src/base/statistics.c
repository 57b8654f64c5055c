#include "base/statistics.h"

#include <math.h>

static double value_at(const double *values, size_t i, size_t stride)
{
    return *(const double *)((const char *)values + i * stride);
}

statistics statistics_of(const double *values, size_t count, size_t stride)
{
    double sum = 0, squares = 0;
    for (size_t i = 0; i < count; i++)
        sum += value_at(values, i, stride);
    double mean = sum / (double)count;
    for (size_t i = 0; i < count; i++) {
        double off = value_at(values, i, stride) - mean;
        squares += off * off;
    }
    return (statistics){mean, count > 1 ? sqrt(squares / (double)(count - 1)) : 0};
}
