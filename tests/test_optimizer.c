/*
 * The optimizer on the device beside plain C in double: Adam, AdamW, clipping of the gradients' common
 * norm, the moving average; and that a gradient which is not finite freezes all of it.
 */
#include "base/error.h"
#include "base/rng.h"
#include "base/streams.h"
#include "check/reference.h"
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

/* Two params, neither a multiple of a work-group, so that there are gaps between them. */
enum { FIRST = 77, SECOND = 130, COUNT = FIRST + SECOND, STEPS = 6 };

static device *opened;

/* Two trainable params, one that is not, and their optimizer. */
typedef struct fixture {
    settings *settings;
    params *params;
    param *first, *second, *fixed;
    optimizer *optimizer;
    cl_mem status;
    rng random;
} fixture;

/* All that a step changes, the gaps included. */
typedef struct contents {
    size_t count;
    float *values, *first_moment, *second_moment, *average;
} contents;

static void must(int result)
{
    if (result)
        fail_msg("%s", error_message());
}

static int open_device(void **state)
{
    (void)state;
    if (device_open(&opened, test_choice(KERNELS_AUTO))) {
        print_error("%s\n", error_message());
        return -1;
    }
    return 0;
}

static int close_device(void **state)
{
    (void)state;
    device_close(opened);
    return 0;
}

/* ---- Params ---- */

static void set_status(const fixture *f, int value)
{
    must(buffer_write(opened, f->status, 0, &value, sizeof value));
}

static int get_status(const fixture *f)
{
    int value;
    must(buffer_read(opened, f->status, 0, &value, sizeof value));
    return value;
}

/* Of both params, one behind the other. */
static void write_halves(cl_mem first, cl_mem second, const float values[COUNT])
{
    must(buffer_write(opened, first, 0, values, FIRST * sizeof *values));
    must(buffer_write(opened, second, 0, values + FIRST, SECOND * sizeof *values));
}

static void write_gradients(const fixture *f, const float values[COUNT])
{
    write_halves(f->first->gradient, f->second->gradient, values);
}

static void read_params(const fixture *f, float values[COUNT])
{
    must(buffer_read(opened, f->first->data, 0, values, FIRST * sizeof *values));
    must(buffer_read(opened, f->second->data, 0, values + FIRST, SECOND * sizeof *values));
}

static void draw(fixture *f, double scale, float values[COUNT])
{
    for (int i = 0; i < COUNT; i++)
        values[i] = (float)(scale * rng_normal(&f->random));
}

static fixture set_up(const char *const *overrides, size_t count)
{
    static const int first[] = {FIRST}, second[] = {SECOND};
    fixture f = {.random = rng_start(1, STREAM_CHECK)};
    must(settings_load(&f.settings, NULL, overrides, count));
    must(params_new(&f.params, opened));
    f.first = params_declare(f.params, "first", first, 1, INIT_NORMAL, PARAM_WEIGHT);
    f.fixed = params_declare(f.params, "fixed", first, 1, INIT_NORMAL, PARAM_STATISTICS);
    f.second = params_declare(f.params, "second", second, 1, INIT_NORMAL, PARAM_WEIGHT);
    assert_true(f.first && f.second && f.fixed);
    must(params_allocate(f.params, true));
    must(params_initialize(f.params, 1));
    must(optimizer_new(&f.optimizer, f.params, &f.settings->train));
    must(buffer_new(opened, sizeof(int), "status", &f.status));
    set_status(&f, 0);
    return f;
}

static void tear_down(fixture *f)
{
    buffer_free(opened, &f->status);
    optimizer_free(f->optimizer);
    params_free(f->params);
    settings_free(f->settings);
}

static float *copy_of(cl_mem buffer, size_t count)
{
    float *values = calloc(count, sizeof *values);
    assert_non_null(values);
    if (buffer)
        must(buffer_read(opened, buffer, 0, values, count * sizeof *values));
    return values;
}

static contents contents_of(const fixture *f)
{
    const optimizer *o = f->optimizer;
    size_t count = f->params->trainable_floats;
    return (contents){count, copy_of(f->params->values, count), copy_of(o->first_moment, count),
                      copy_of(o->second_moment, count), copy_of(o->average, count)};
}

static void forget(contents *c)
{
    free(c->values);
    free(c->first_moment);
    free(c->second_moment);
    free(c->average);
}

static void assert_unchanged(const contents *before, const fixture *f)
{
    contents now = contents_of(f);
    size_t bytes = now.count * sizeof(float);
    assert_memory_equal(now.values, before->values, bytes);
    assert_memory_equal(now.first_moment, before->first_moment, bytes);
    assert_memory_equal(now.second_moment, before->second_moment, bytes);
    assert_memory_equal(now.average, before->average, bytes);
    forget(&now);
}

/* ---- Beside the reference ---- */

typedef struct reference {
    struct reference_adam adam;
    double weight_decay, clip_norm, average_decay;
    bool warm;
    double p[COUNT], m[COUNT], v[COUNT], average[COUNT];
} reference;

static reference reference_of(const fixture *f)
{
    reference r = {.adam = {.learning_rate = 1e-2, .beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-7}};
    float values[COUNT];
    read_params(f, values);
    for (int i = 0; i < COUNT; i++)
        r.p[i] = r.average[i] = values[i];
    return r;
}

static void reference_step(reference *r, const float gradient[COUNT])
{
    double g[COUNT], squares = 0;
    for (int i = 0; i < COUNT; i++)
        squares += (double)gradient[i] * gradient[i];
    bool clips = r->clip_norm && sqrt(squares) > r->clip_norm;
    for (int i = 0; i < COUNT; i++) {
        g[i] = gradient[i] * (clips ? r->clip_norm / sqrt(squares) : 1);
        r->p[i] -= r->adam.learning_rate * r->weight_decay * r->p[i];
    }
    double rising = (1.0 + r->adam.step) / (10.0 + r->adam.step);
    double kept = r->warm && rising < r->average_decay ? rising : r->average_decay;
    r->adam.step++;
    reference_adam_step(&r->adam, COUNT, g, r->p, r->m, r->v);
    for (int i = 0; i < COUNT; i++)
        r->average[i] = kept * r->average[i] + (1 - kept) * r->p[i];
}

static void assert_close(const float got[COUNT], const double wanted[COUNT], long step,
                         const char *what)
{
    for (int i = 0; i < COUNT; i++)
        if (!(fabs(got[i] - wanted[i]) <= 1e-6))
            fail_msg("step %ld: %s %d is %.9g and should be %.9g", step, what, i, got[i],
                     wanted[i]);
}

/* The average of both params, where the values have their places. */
static void read_average(const fixture *f, float values[COUNT])
{
    float *all = copy_of(f->optimizer->average, f->params->trainable_floats);
    memcpy(values, all + f->first->offset, FIRST * sizeof *values);
    memcpy(values + FIRST, all + f->second->offset, SECOND * sizeof *values);
    free(all);
}

/* Gradients get smaller from step to step; with a clip_norm some are above it and some below. */
static void follow(fixture *f, reference *r)
{
    float values[COUNT], gradient[COUNT];
    while (r->adam.step < STEPS) {
        draw(f, pow(10, 1 - (double)r->adam.step), gradient);
        gradient[COUNT / 2] = 0;
        write_gradients(f, gradient);
        must(optimizer_step(f->optimizer, r->adam.learning_rate, f->status));
        reference_step(r, gradient);
        read_params(f, values);
        assert_close(values, r->p, r->adam.step, "value");
        if (f->optimizer->average) {
            read_average(f, values);
            assert_close(values, r->average, r->adam.step, "average");
        }
    }
    assert_int_equal(get_status(f), 0);
}

static void adam_follows_the_reference(void **state)
{
    (void)state;
    const char *const overrides[] = {"train.weight_decay=0.5"}; /* which is adamw's */
    fixture f = set_up(overrides, 1);
    reference r = reference_of(&f);
    follow(&f, &r);
    assert_null(f.optimizer->average);
    tear_down(&f);
}

static void adamw_follows_the_reference(void **state)
{
    (void)state;
    const char *const overrides[] = {"train.optimizer=adamw", "train.weight_decay=0.5"};
    fixture f = set_up(overrides, 2);
    reference r = reference_of(&f);
    r.weight_decay = 0.5;
    follow(&f, &r);
    tear_down(&f);
}

static void clipping_follows_the_reference(void **state)
{
    (void)state;
    const char *const overrides[] = {"train.clip_norm=0.3"};
    fixture f = set_up(overrides, 1);
    reference r = reference_of(&f);
    r.clip_norm = 0.3;
    follow(&f, &r);
    tear_down(&f);
}

/* With 0.3 the fourth step is the first that keeps as much as it may. */
static void an_average_follows(const char *decay, double value, const char *begin, bool warm)
{
    const char *const overrides[] = {decay, begin};
    fixture f = set_up(overrides, 2);
    reference r = reference_of(&f);
    r.average_decay = value;
    r.warm = warm;
    follow(&f, &r);
    tear_down(&f);
}

static void the_average_follows_the_reference(void **state)
{
    (void)state;
    an_average_follows("train.average=0.9", 0.9, "train.moving_averages=keras", false);
    an_average_follows("train.average=0.9", 0.9, "train.moving_averages=warm", true);
    an_average_follows("train.average=0.3", 0.3, "train.moving_averages=warm", true);
}

static void all_of_it_follows_the_reference(void **state)
{
    (void)state;
    const char *const overrides[] = {"train.optimizer=adamw", "train.weight_decay=0.1",
                                     "train.clip_norm=0.3", "train.average=0.5"};
    fixture f = set_up(overrides, 4);
    reference r = reference_of(&f);
    r.weight_decay = 0.1;
    r.clip_norm = 0.3;
    r.average_decay = 0.5;
    r.warm = true; /* the default */
    follow(&f, &r);
    tear_down(&f);
}

/* A gradient below the limit is not touched at all: no bit differs from a step without clipping. */
static void a_limit_that_is_not_reached_changes_nothing(void **state)
{
    (void)state;
    const char *const limit[] = {"train.clip_norm=1000"};
    fixture with = set_up(limit, 1), without = set_up(NULL, 0);
    float gradient[COUNT];
    draw(&with, 1, gradient);
    write_gradients(&with, gradient);
    write_gradients(&without, gradient);
    must(optimizer_step(with.optimizer, 1e-2, with.status));
    must(optimizer_step(without.optimizer, 1e-2, without.status));
    contents before = contents_of(&without);
    assert_unchanged(&before, &with);
    forget(&before);
    tear_down(&with);
    tear_down(&without);
}

/* One that is too small for a float is not taken for none. */
static void a_tiny_limit_stops_everything(void **state)
{
    (void)state;
    const char *const limit[] = {"train.clip_norm=1e-60"};
    fixture f = set_up(limit, 1);
    float gradient[COUNT], before[COUNT], after[COUNT];
    draw(&f, 1, gradient);
    write_gradients(&f, gradient);
    read_params(&f, before);
    must(optimizer_step(f.optimizer, 1e-2, f.status));
    read_params(&f, after);
    for (int i = 0; i < COUNT; i++)
        assert_float_equal(after[i], before[i], 1e-6);
    tear_down(&f);
}

/* ---- What must stay ---- */

/* Params that are not trained, and the gaps between those that are. */
static void it_keeps_to_the_trainable_params(void **state)
{
    (void)state;
    const char *const overrides[] = {"train.optimizer=adamw", "train.average=0.9"};
    fixture f = set_up(overrides, 2);
    float gradient[COUNT], *fixed = copy_of(f.fixed->data, FIRST);
    draw(&f, 1, gradient);
    write_gradients(&f, gradient);
    must(optimizer_step(f.optimizer, 1e-2, f.status));
    must(optimizer_swap_average(f.optimizer));
    float *after = copy_of(f.fixed->data, FIRST);
    assert_memory_equal(after, fixed, FIRST * sizeof *fixed);
    contents now = contents_of(&f);
    for (size_t i = 0; i < now.count; i++) {
        bool is_gap = (i >= FIRST && i < f.second->offset) || i >= f.second->offset + SECOND;
        if (is_gap && (now.values[i] || now.average[i] || now.first_moment[i]))
            fail_msg("the gap at %zu is not zero any more", i);
    }
    forget(&now);
    free(fixed);
    free(after);
    tear_down(&f);
}

/* Steps with a gradient of the second param that is bad, then with good ones: nothing moves, and the
 * status names the first of them. */
static void freezes(double bad)
{
    const char *const overrides[] = {"train.optimizer=adamw", "train.clip_norm=1",
                                     "train.average=0.9"};
    fixture f = set_up(overrides, 3);
    float gradient[COUNT];
    draw(&f, 1, gradient);
    write_gradients(&f, gradient);
    must(optimizer_step(f.optimizer, 1e-2, f.status));
    contents before = contents_of(&f);
    gradient[COUNT - 1] = (float)bad;
    write_gradients(&f, gradient);
    must(optimizer_step(f.optimizer, 1e-2, f.status));
    assert_int_equal(get_status(&f), 2);
    assert_unchanged(&before, &f);
    draw(&f, 1, gradient);
    write_gradients(&f, gradient);
    must(optimizer_step(f.optimizer, 1e-2, f.status));
    assert_int_equal(get_status(&f), 2);
    assert_unchanged(&before, &f);
    forget(&before);
    tear_down(&f);
}

static void a_gradient_that_is_not_finite_freezes_it(void **state)
{
    (void)state;
    freezes(NAN);
    freezes(INFINITY);
    freezes(-INFINITY);
}

/* The loss may have been bad before: then the optimizer finds the status set. */
static void a_status_stops_it(void **state)
{
    (void)state;
    fixture f = set_up(NULL, 0);
    float gradient[COUNT], after[COUNT];
    contents before = contents_of(&f);
    draw(&f, 1, gradient);
    write_gradients(&f, gradient);
    set_status(&f, 3);
    must(optimizer_step(f.optimizer, 1e-2, f.status));
    assert_unchanged(&before, &f);
    assert_int_equal(get_status(&f), 3);
    set_status(&f, 0);
    must(optimizer_step(f.optimizer, 1e-2, f.status));
    read_params(&f, after);
    assert_memory_not_equal(after, before.values, FIRST * sizeof *after);
    forget(&before);
    tear_down(&f);
}

static void changes_the_version(void **state)
{
    (void)state;
    const char *const overrides[] = {"train.average=0.9"};
    fixture f = set_up(overrides, 1);
    unsigned long before = f.params->version;
    must(optimizer_step(f.optimizer, 1e-2, f.status));
    unsigned long after = f.params->version;
    assert_true(after > before);
    must(optimizer_swap_average(f.optimizer));
    assert_true(f.params->version > after);
    tear_down(&f);
}

/* ---- Swapping the average ---- */

static void swaps_there_and_back(void **state)
{
    (void)state;
    const char *const overrides[] = {"train.average=0.9"};
    fixture f = set_up(overrides, 1);
    float gradient[COUNT];
    draw(&f, 1, gradient);
    write_gradients(&f, gradient);
    must(optimizer_step(f.optimizer, 1e-1, f.status));
    contents before = contents_of(&f);
    size_t bytes = before.count * sizeof(float);
    assert_memory_not_equal(before.values, before.average, bytes);
    must(optimizer_swap_average(f.optimizer));
    contents swapped = contents_of(&f);
    assert_memory_equal(swapped.values, before.average, bytes);
    assert_memory_equal(swapped.average, before.values, bytes);
    must(optimizer_swap_average(f.optimizer));
    assert_unchanged(&before, &f);
    forget(&swapped);
    forget(&before);
    tear_down(&f);
}

static void without_an_average_a_swap_is_nothing(void **state)
{
    (void)state;
    fixture f = set_up(NULL, 0);
    contents before = contents_of(&f);
    must(optimizer_swap_average(f.optimizer));
    assert_unchanged(&before, &f);
    forget(&before);
    tear_down(&f);
}

/* The losses of either source are looked at, and the first bad step is the one that is told. */
static void a_loss_that_is_not_finite_is_reported(void **state)
{
    (void)state;
    static const float cases[][2] = {{1, 2}, {NAN, 2}, {1, INFINITY}};
    cl_mem losses, report, status;
    kernel *k = kernel_get(opened, "losses", "", "report_losses");
    assert_non_null(k);
    assert_int_equal(buffer_new(opened, sizeof cases[0], "losses", &losses), 0);
    assert_int_equal(buffer_new(opened, 3 * sizeof(float), "report", &report), 0);
    assert_int_equal(buffer_new(opened, sizeof(int), "status", &status), 0);
    for (int c = 0; c < 3; c++) {
        float got[3];
        assert_int_equal(buffer_fill(opened, status, 0, 0, sizeof(int)), 0);
        assert_int_equal(buffer_write(opened, losses, 0, cases[c], sizeof cases[c]), 0);
        for (int step = 7; step < 9; step++)
            assert_int_equal(LAUNCH(opened, k, range_single(1, 1, 1), ARG(losses), ARG(2),
                                    ARG(report), ARG(status), ARG(step)),
                             0);
        assert_int_equal(buffer_read(opened, report, 0, got, sizeof got), 0);
        assert_float_equal(got[2], c ? 7 : 0, 0);
    }
    buffer_free(opened, &losses);
    buffer_free(opened, &report);
    buffer_free(opened, &status);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(adam_follows_the_reference),
        cmocka_unit_test(adamw_follows_the_reference),
        cmocka_unit_test(clipping_follows_the_reference),
        cmocka_unit_test(the_average_follows_the_reference),
        cmocka_unit_test(all_of_it_follows_the_reference),
        cmocka_unit_test(a_limit_that_is_not_reached_changes_nothing),
        cmocka_unit_test(a_tiny_limit_stops_everything),
        cmocka_unit_test(it_keeps_to_the_trainable_params),
        cmocka_unit_test(a_gradient_that_is_not_finite_freezes_it),
        cmocka_unit_test(a_status_stops_it),
        cmocka_unit_test(changes_the_version),
        cmocka_unit_test(swaps_there_and_back),
        cmocka_unit_test(without_an_average_a_swap_is_nothing),
        cmocka_unit_test(a_loss_that_is_not_finite_is_reported),
    };
    return cmocka_run_group_tests_name("optimizer", tests, open_device, close_device);
}
