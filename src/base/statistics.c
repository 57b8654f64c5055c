#include "base/statistics.h"

#include <math.h>

statistics statistics_of(const double *values, size_t count, size_t stride)
{
    double sum = 0, squares = 0;
    for (size_t i = 0; i < count; i++)
        sum += values[i * stride];
    double mean = sum / (double)count;
    for (size_t i = 0; i < count; i++) {
        double off = values[i * stride] - mean;
        squares += off * off;
    }
    return (statistics){mean, count > 1 ? sqrt(squares / (double)(count - 1)) : 0};
}
