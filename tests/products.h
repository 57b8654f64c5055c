/* Matrix products on a device beside plain sums. */
#ifndef TESTS_PRODUCTS_H
#define TESTS_PRODUCTS_H

#include "base/error.h"
#include "base/memory.h"
#include "base/rng.h"
#include "base/streams.h"
#include "compute/gemm.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h> /* last: its macro fail() would hide ours */

static inline void assert_no_failure(int result)
{
    if (result)
        fail_msg("%s", error_message());
}

static inline cl_mem random_matrix(device *d, rng *random, int count, float **values)
{
    cl_mem buffer;
    *values = allocate((size_t)count, sizeof **values);
    assert_non_null(*values);
    for (int i = 0; i < count; i++)
        (*values)[i] = (float)rng_normal(random);
    assert_no_failure(buffer_new(d, (size_t)count * sizeof(float), "matrix", &buffer));
    assert_no_failure(buffer_write(d, buffer, 0, *values, (size_t)count * sizeof(float)));
    return buffer;
}

/* -1 if CLBlast fails. Large products are looked at here and there. */
static inline int check_product(device *d, int m, int n, int k)
{
    rng random = rng_start(2, STREAM_CHECK);
    float *a, *b, *c;
    matrix ma = {.buffer = random_matrix(d, &random, m * k, &a), .row_stride = k};
    matrix mb = {.buffer = random_matrix(d, &random, k * n, &b), .row_stride = n};
    matrix mc = {.buffer = random_matrix(d, &random, m * n, &c), .row_stride = n};
    gemm_shape s = {.m = m, .n = n, .k = k, .outer = 1, .inner = 1};
    int result = gemm(d, &s, 1, ma, mb, 0, mc);
    if (!result)
        assert_no_failure(buffer_read(d, mc.buffer, 0, c, (size_t)m * (size_t)n * sizeof(float)));
    for (int i = 0; !result && i < 300; i++) {
        int row = (int)rng_below(&random, (uint32_t)m),
            column = (int)rng_below(&random, (uint32_t)n);
        double sum = 0;
        for (int j = 0; j < k; j++)
            sum += (double)a[row * k + j] * b[j * n + column];
        if (!(fabs(c[row * n + column] - sum) <= 1e-4 * sqrt(k)))
            fail_msg("(%d, %d) is %g and should be %g", row, column, c[row * n + column], sum);
    }
    buffer_free(d, &ma.buffer);
    buffer_free(d, &mb.buffer);
    buffer_free(d, &mc.buffer);
    free(a);
    free(b);
    free(c);
    return result;
}

#endif
