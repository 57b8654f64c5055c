/*
 * Muon on the device beside plain C in double: of matrices, whatever their shape; that everything else is
 * left to Adam; that a gradient which is not finite freezes it; and what an orthogonalised step is.
 */
#include "base/error.h"
#include "base/rng.h"
#include "base/streams.h"
#include "config/settings.h"
#include "test_choice.h"
#include "train/optimizer.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
// cmocka last: it defines fail()
#include <cmocka.h>

enum { STEPS = 3, LONGEST = 3 * 3 * 33 * 40 };

static device *opened;

static void must(int result)
{
    if (result)
        fail_msg("%s", error_message());
}

static int open_family(enum kernel_family family)
{
    compile_quickly(family == KERNELS_TILED);
    if (!device_open(&opened, test_choice(family)))
        return 0;
    print_error("%s\n", error_message());
    return -1;
}

static int open_vector(void **state)
{
    (void)state;
    return open_family(KERNELS_VECTOR);
}

static int open_tiled(void **state)
{
    (void)state;
    return open_family(KERNELS_TILED);
}

static int close_device(void **state)
{
    (void)state;
    device_close(opened);
    return 0;
}

/* ---- In double ---- */

/* c (m, n) = a (m, k) b (k, n) */
static void multiply(int m, int n, int k, const double *a, const double *b, double *c)
{
    for (int i = 0; i < m; i++)
        for (int j = 0; j < n; j++) {
            c[i * n + j] = 0;
            for (int l = 0; l < k; l++)
                c[i * n + j] += a[i * k + l] * b[l * n + j];
        }
}

/* x = a x + (b g + c g^2) x with g = x x^T, five times, from x over its Frobenius norm. */
static void orthogonalise(int rows, int columns, double *x)
{
    static double transposed[LONGEST], gram[400 * 400], square[400 * 400], product[LONGEST];
    double norm = 0;
    for (int i = 0; i < rows * columns; i++)
        norm += x[i] * x[i];
    for (int i = 0; i < rows * columns; i++)
        x[i] /= sqrt(norm) + 1e-7;
    for (int step = 0; step < 5; step++) {
        for (int i = 0; i < rows; i++)
            for (int j = 0; j < columns; j++)
                transposed[j * rows + i] = x[i * columns + j];
        multiply(rows, rows, columns, x, transposed, gram);
        multiply(rows, rows, rows, gram, gram, square);
        for (int i = 0; i < rows * rows; i++)
            gram[i] = -4.7750 * gram[i] + 2.0315 * square[i];
        multiply(rows, columns, rows, gram, x, product);
        for (int i = 0; i < rows * columns; i++)
            x[i] = 3.4445 * x[i] + product[i];
    }
}

/* ---- Beside the device ---- */

/* A matrix, in double, as a training has it. */
typedef struct matrix_case {
    const char *name;
    int dims[4], rank, rows, columns;
} matrix_case;

static const matrix_case cases[] = {
    {"conv/kernel", {3, 3, 16, 20}, 4, 144, 20}, {"up/kernel", {3, 3, 33, 40}, 4, 297, 40},
    {"dense/kernel", {16, 57}, 2, 16, 57},       {"square/kernel", {24, 24}, 2, 24, 24},
    {"query/kernel", {17, 2, 16}, 3, 17, 32},    {"output/kernel", {2, 20, 18}, 3, 40, 18},
};
enum { CASES = sizeof cases / sizeof cases[0] };

typedef struct fixture {
    settings *settings;
    params *params;
    param *items[CASES], *bias, *small;
    optimizer *optimizer;
    cl_mem status;
} fixture;

static fixture set_up(void)
{
    static const char *const overrides[] = {"train.optimizer=muon", "train.learning_rate=0.01",
                                            "train.muon_rate=0.02"};
    static const int bias[] = {20}, small[] = {3, 3, 1, 20};
    fixture f = {0};
    must(settings_load(&f.settings, NULL, overrides, 3));
    must(params_new(&f.params, opened));
    f.bias = params_declare(f.params, "conv/bias", bias, 1, INIT_ZEROS, PARAM_WEIGHT);
    for (int i = 0; i < CASES; i++)
        f.items[i] = params_declare(f.params, cases[i].name, cases[i].dims, cases[i].rank,
                                    INIT_GLOROT_UNIFORM, PARAM_WEIGHT);
    f.small = params_declare(f.params, "first/kernel", small, 4, INIT_GLOROT_UNIFORM, PARAM_WEIGHT);
    must(params_allocate(f.params, true));
    must(params_initialize(f.params, 1));
    must(optimizer_new(&f.optimizer, f.params, &f.settings->train));
    must(buffer_new(opened, sizeof(int), "status", &f.status));
    must(buffer_fill(opened, f.status, 0, 0, sizeof(int)));
    return f;
}

static void tear_down(fixture *f)
{
    buffer_free(opened, &f->status);
    optimizer_free(f->optimizer);
    params_free(f->params);
    settings_free(f->settings);
}

static void read_param(const param *item, float *values)
{
    must(buffer_read(opened, item->data, 0, values, item->count * sizeof *values));
}

/* Step `step` of any param: the same numbers at every call. */
static void draw_gradient(const param *item, int step, float *values)
{
    rng random = rng_start((uint64_t)step, stream_of_name(STREAM_CHECK, item->name));
    for (size_t i = 0; i < item->count; i++)
        values[i] = (float)rng_normal(&random);
}

static void write_gradients(fixture *f, int step)
{
    static float values[LONGEST];
    for (size_t i = 0; i < f->params->count; i++) {
        const param *item = f->params->items[i];
        draw_gradient(item, step, values);
        must(buffer_write(opened, item->gradient, 0, values, item->count * sizeof *values));
    }
}

static void take_steps(fixture *f)
{
    for (int step = 0; step < STEPS; step++) {
        write_gradients(f, step);
        must(optimizer_step(f->optimizer, 0.01, f->status));
    }
}

static void what_is_a_matrix(void **state)
{
    (void)state;
    fixture f = set_up();
    for (int i = 0; i < CASES; i++) {
        assert_true(param_is_matrix(f.items[i]));
        assert_int_equal(f.items[i]->rows, cases[i].rows);
        assert_int_equal(f.items[i]->columns, cases[i].columns);
        assert_true(f.items[i]->offset >= f.params->matrix_offset);
    }
    assert_false(param_is_matrix(f.bias));
    assert_false(param_is_matrix(f.small));
    assert_true(f.small->offset < f.params->matrix_offset);
    tear_down(&f);
}

static void matrices_move_as_defined(void **state)
{
    static float started[LONGEST], ended[LONGEST], gradient[LONGEST];
    static double wanted[LONGEST], momentum[LONGEST], step[LONGEST];
    (void)state;
    for (int i = 0; i < CASES; i++) {
        fixture f = set_up();
        const matrix_case *c = &cases[i];
        int count = c->rows * c->columns, longer = c->rows > c->columns ? c->rows : c->columns;
        read_param(f.items[i], started);
        take_steps(&f);
        read_param(f.items[i], ended);
        memset(momentum, 0, sizeof momentum);
        for (int k = 0; k < count; k++)
            wanted[k] = started[k];
        for (int number = 0; number < STEPS; number++) {
            draw_gradient(f.items[i], number, gradient);
            for (int k = 0; k < count; k++) {
                momentum[k] = 0.95 * momentum[k] + 0.05 * gradient[k];
                step[k] = 0.95 * momentum[k] + 0.05 * gradient[k];
            }
            orthogonalise(c->rows, c->columns, step);
            for (int k = 0; k < count; k++)
                wanted[k] -= 0.02 * 0.2 * sqrt(longer) * step[k];
        }
        for (int k = 0; k < count; k++)
            if (!(fabs(ended[k] - wanted[k]) <= 1e-5))
                fail_msg("%s[%d] is %.8g and should be %.8g", c->name, k, ended[k], wanted[k]);
        tear_down(&f);
    }
}

/* Every direction of the gradient moves by about as much, as long as Adam's step all in all. */
static void a_step_has_the_length_of_one_of_adam(void **state)
{
    static float started[LONGEST], ended[LONGEST];
    (void)state;
    fixture f = set_up();
    for (int i = 0; i < CASES; i++) {
        read_param(f.items[i], started);
        take_steps(&f);
        read_param(f.items[i], ended);
        double sum = 0;
        for (size_t k = 0; k < f.items[i]->count; k++)
            sum += ((double)ended[k] - started[k]) * ((double)ended[k] - started[k]);
        double rms = sqrt(sum / (double)f.items[i]->count) / (0.02 * sqrt(STEPS));
        assert_true(rms > 0.1 && rms < 0.4);
    }
    tear_down(&f);
}

/* By Adam's first step everything moves by the rate. */
static void other_params_are_adams(void **state)
{
    static float started[LONGEST], ended[LONGEST], gradient[LONGEST];
    (void)state;
    fixture f = set_up();
    const param *const others[] = {f.bias, f.small};
    for (int i = 0; i < 2; i++) {
        read_param(others[i], started);
        draw_gradient(others[i], 0, gradient);
        write_gradients(&f, 0);
        f.optimizer->step = 0;
        must(buffer_fill(opened, f.optimizer->first_moment, 0, 0,
                         f.params->trainable_floats * sizeof(float)));
        must(buffer_fill(opened, f.optimizer->second_moment, 0, 0,
                         f.params->trainable_floats * sizeof(float)));
        must(optimizer_step(f.optimizer, 0.01, f.status));
        read_param(others[i], ended);
        for (size_t k = 0; k < others[i]->count; k++)
            assert_true(fabs(ended[k] - (started[k] - copysign(0.01, gradient[k]))) < 1e-5);
    }
    tear_down(&f);
}

static void nothing_moves_after_a_bad_gradient(void **state)
{
    static float before[LONGEST], after[LONGEST];
    const float bad = NAN;
    (void)state;
    fixture f = set_up();
    take_steps(&f);
    read_param(f.items[0], before);
    write_gradients(&f, 7);
    must(buffer_write(opened, f.bias->gradient, 0, &bad, sizeof bad));
    must(optimizer_step(f.optimizer, 0.01, f.status));
    write_gradients(&f, 8);
    must(optimizer_step(f.optimizer, 0.01, f.status));
    read_param(f.items[0], after);
    assert_memory_equal(before, after, f.items[0]->count * sizeof *before);
    tear_down(&f);
}

/* Two batches of half the gradient each are one of the whole. */
static void gradients_of_several_batches_are_averaged(void **state)
{
    static const char *const overrides[] = {"train.batch=4", "train.batch_last=8"};
    static const int dims[] = {200};
    static float first[200], second[200], got[200];
    (void)state;
    settings *s;
    params *p;
    optimizer *o;
    must(settings_load(&s, NULL, overrides, 2));
    must(params_new(&p, opened));
    param *item = params_declare(p, "x", dims, 1, INIT_ZEROS, PARAM_WEIGHT);
    must(params_allocate(p, true));
    must(optimizer_new(&o, p, &s->train));
    for (int round = 0; round < 2; round++) { /* what an earlier step has left does not count */
        draw_gradient(item, 2 * round, first);
        draw_gradient(item, 2 * round + 1, second);
        must(buffer_write(opened, item->gradient, 0, first, sizeof first));
        must(optimizer_add_up(o, 0, 2));
        must(buffer_write(opened, item->gradient, 0, second, sizeof second));
        must(optimizer_add_up(o, 1, 2));
        must(buffer_read(opened, item->gradient, 0, got, sizeof got));
        for (int i = 0; i < 200; i++)
            assert_true(fabsf(got[i] - (first[i] + second[i]) / 2) <= 1e-6f);
    }
    optimizer_free(o);
    params_free(p);
    settings_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_a_matrix),
        cmocka_unit_test(matrices_move_as_defined),
        cmocka_unit_test(a_step_has_the_length_of_one_of_adam),
        cmocka_unit_test(other_params_are_adams),
        cmocka_unit_test(nothing_moves_after_a_bad_gradient),
        cmocka_unit_test(gradients_of_several_batches_are_averaged),
    };
    return cmocka_run_group_tests_name("Muon, vector kernels", tests, open_vector, close_device) +
           cmocka_run_group_tests_name("Muon, tiled kernels", tests, open_tiled, close_device);
}
