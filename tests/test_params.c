/* The values that parameters start with. */
#include "base/error.h"
#include "layers/layers.h"
#include "test_choice.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
// cmocka last: it defines fail()
#include <cmocka.h>

typedef struct moments {
    double mean, deviation, largest;
} moments;

static void must(int result)
{
    if (result)
        fail_msg("%s", error_message());
}

static int open_device(void **state)
{
    device *d;
    if (device_open(&d, test_choice(KERNELS_AUTO))) {
        print_error("%s\n", error_message());
        return -1;
    }
    *state = d;
    return 0;
}

static int close_device(void **state)
{
    device_close(*state);
    return 0;
}

static moments moments_of(device *d, const param *p)
{
    moments m = {0};
    float *values = malloc(p->count * sizeof *values);
    assert_non_null(values);
    must(buffer_read(d, p->data, 0, values, p->count * sizeof *values));
    for (size_t i = 0; i < p->count; i++)
        m.mean += values[i] / (double)p->count;
    for (size_t i = 0; i < p->count; i++) {
        m.deviation += (values[i] - m.mean) * (values[i] - m.mean) / (double)p->count;
        m.largest = fmax(m.largest, fabs(values[i]));
    }
    m.deviation = sqrt(m.deviation);
    free(values);
    return m;
}

static void initial_values_have_the_deviation_of_keras(void **state)
{
    static const int dims[] = {3, 3, 20, 50};
    const double he = sqrt(2.0 / 180), glorot = sqrt(6.0 / (9 * 70));
    params *p;
    must(params_new(&p, *state));
    const param *normal = params_declare(p, "normal", dims, 4, INIT_NORMAL, PARAM_WEIGHT);
    const param *he_normal = params_declare(p, "he", dims, 4, INIT_HE_NORMAL, PARAM_WEIGHT);
    const param *uniform = params_declare(p, "glorot", dims, 4, INIT_GLOROT_UNIFORM, PARAM_WEIGHT);
    const param *ones = params_declare(p, "ones", dims + 3, 1, INIT_ONES, PARAM_STATISTICS);
    must(params_allocate(p, false));
    must(params_initialize(p, 5));

    moments m = moments_of(*state, normal);
    assert_float_equal(m.mean, 0, 0.03);
    assert_float_equal(m.deviation, 1, 0.03);
    assert_true(m.largest > 3);
    m = moments_of(*state, he_normal);
    assert_float_equal(m.mean, 0, 0.03 * he);
    assert_float_equal(m.deviation, he, 0.03 * he);
    assert_float_equal(m.largest, 2 * he / 0.8796, 0.01 * he);
    m = moments_of(*state, uniform);
    assert_float_equal(m.deviation, glorot / sqrt(3), 0.03 * glorot);
    assert_float_equal(m.largest, glorot, 0.01 * glorot);
    m = moments_of(*state, ones);
    assert_float_equal(m.mean, 1, 1e-6);
    assert_float_equal(m.deviation, 0, 1e-6);
    params_free(p);
}

static bool start_alike(device *d, const param *a, const param *b)
{
    float *left = malloc(a->count * sizeof *left), *right = malloc(b->count * sizeof *right);
    assert_true(left && right && a->count == b->count);
    must(buffer_read(d, a->data, 0, left, a->count * sizeof *left));
    must(buffer_read(d, b->data, 0, right, b->count * sizeof *right));
    bool alike = !memcmp(left, right, a->count * sizeof *left);
    free(left);
    free(right);
    return alike;
}

/* Filters that start alike would stay so. */
static void no_two_parameters_start_alike(void **state)
{
    static const int dims[] = {3, 3, 2, 2};
    device *d = *state;
    param *all[2][2];
    params *both[2];
    for (int k = 0; k < 2; k++) {
        must(params_new(&both[k], d));
        all[k][0] = params_declare(both[k], "first", dims, 4, INIT_GLOROT_UNIFORM, PARAM_WEIGHT);
        all[k][1] = params_declare(both[k], "second", dims, 4, INIT_GLOROT_UNIFORM, PARAM_WEIGHT);
        must(params_allocate(both[k], false));
        must(params_initialize(both[k], 5 + (uint64_t)k));
        assert_false(start_alike(d, all[k][0], all[k][1]));
    }
    assert_false(start_alike(d, all[0][0], all[1][0])); /* another seed */
    must(params_initialize(both[1], 5));
    assert_true(start_alike(d, all[0][0], all[1][0]));
    for (int k = 0; k < 2; k++)
        params_free(both[k]);
}

/* Three heads of one convolution start within the limits of separate ones. */
static void heads_start_as_separate_ones(void **state)
{
    const double limit = sqrt(6.0 / (9 * 40 + 9 * 5));
    params *p;
    graph *g;
    must(params_new(&p, *state));
    must(graph_new(&g, p));
    tensor *x = graph_input(g, "x", (shape){1, 4, 4, 40});
    tensor *y = conv2d_heads(g, "heads", x, 5, 3, 3);
    assert_non_null(y);
    assert_int_equal(y->shape.c, 15);
    must(params_allocate(p, false));
    must(params_initialize(p, 5));
    moments m = moments_of(*state, y->producer->params[0]);
    assert_float_equal(m.deviation, limit / sqrt(3), 0.03 * limit);
    assert_float_equal(m.largest, limit, 0.01 * limit);
    graph_free(g);
    params_free(p);
}

/* Another layer before it must not change what a parameter starts with. */
static void a_start_follows_from_the_name(void **state)
{
    static const int dims[] = {3, 3, 2, 2};
    device *d = *state;
    params *plain, *longer;
    must(params_new(&plain, d));
    must(params_new(&longer, d));
    const param *alone = params_declare(plain, "last", dims, 4, INIT_HE_NORMAL, PARAM_WEIGHT);
    params_declare(longer, "before", dims, 4, INIT_HE_NORMAL, PARAM_WEIGHT);
    const param *behind = params_declare(longer, "last", dims, 4, INIT_HE_NORMAL, PARAM_WEIGHT);
    must(params_allocate(plain, false));
    must(params_allocate(longer, false));
    must(params_initialize(plain, 5));
    must(params_initialize(longer, 5));
    assert_true(start_alike(d, alone, behind));
    params_free(plain);
    params_free(longer);
}

/* Seeds of 64 bits: the upper half counts too. */
static void every_bit_of_the_seed_counts(void **state)
{
    static const int dims[] = {3, 3, 2, 2};
    param *both[2];
    params *p[2];
    for (int k = 0; k < 2; k++) {
        must(params_new(&p[k], *state));
        both[k] = params_declare(p[k], "kernel", dims, 4, INIT_GLOROT_UNIFORM, PARAM_WEIGHT);
        must(params_allocate(p[k], false));
        must(params_initialize(p[k], 5 + ((uint64_t)k << 32)));
    }
    assert_false(start_alike(*state, both[0], both[1]));
    params_free(p[0]);
    params_free(p[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(initial_values_have_the_deviation_of_keras),
        cmocka_unit_test(no_two_parameters_start_alike),
        cmocka_unit_test(heads_start_as_separate_ones),
        cmocka_unit_test(a_start_follows_from_the_name),
        cmocka_unit_test(every_bit_of_the_seed_counts),
    };
    return cmocka_run_group_tests_name("params", tests, open_device, close_device);
}
