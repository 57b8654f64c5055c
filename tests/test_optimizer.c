/* Adam on the device beside the plain-C reference, and a status that stops it. */
#include "base/error.h"
#include "base/rng.h"
#include "base/streams.h"
#include "check/reference.h"
#include "train/optimizer.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
// cmocka last: it defines fail()
#include <cmocka.h>

enum { COUNT = 77, STEPS = 5 }; /* not a multiple of a work-group */

typedef struct fixture {
    device *device;
    params *params;
    param *item;
    optimizer *optimizer;
    cl_mem status;
    rng random;
} fixture;

static void must(int result)
{
    if (result)
        fail_msg("%s", error_message());
}

static void set_status(fixture *f, int value)
{
    must(buffer_write(f->device, f->status, 0, &value, sizeof value));
}

static int set_up(void **state)
{
    static fixture f;
    const int dims[] = {COUNT};
    f = (fixture){.random = rng_start(1, STREAM_CHECK)};
    must(
        device_open(&f.device, getenv("UNBLEND_PLATFORM"), getenv("UNBLEND_DEVICE"), KERNELS_AUTO));
    must(params_new(&f.params, f.device));
    f.item = params_declare(f.params, "values", dims, 1, INIT_ZEROS, true);
    assert_non_null(f.item);
    must(params_allocate(f.params, true));
    must(optimizer_new(&f.optimizer, f.params));
    must(buffer_new(f.device, sizeof(int), "status", &f.status));
    set_status(&f, 0);
    *state = &f;
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    buffer_free(f->device, &f->status);
    optimizer_free(f->optimizer);
    params_free(f->params);
    device_close(f->device);
    return 0;
}

static void draw(fixture *f, double scale, float values[COUNT])
{
    for (int i = 0; i < COUNT; i++)
        values[i] = (float)(scale * rng_normal(&f->random));
}

static void write_values(fixture *f, cl_mem buffer, const float values[COUNT])
{
    must(buffer_write(f->device, buffer, 0, values, COUNT * sizeof *values));
}

static void read_values(fixture *f, float values[COUNT])
{
    must(buffer_read(f->device, f->item->data, 0, values, COUNT * sizeof *values));
}

static void follows_the_reference(void **state)
{
    fixture *f = *state;
    struct reference_adam options = {
        .learning_rate = 1e-2, .beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-7};
    double p[COUNT], g[COUNT], m[COUNT] = {0}, v[COUNT] = {0};
    float values[COUNT], gradient[COUNT];
    draw(f, 1, values);
    write_values(f, f->item->data, values);
    for (int i = 0; i < COUNT; i++)
        p[i] = values[i];
    for (options.step = 1; options.step <= STEPS; options.step++) {
        draw(f, pow(10, -(double)options.step), gradient);
        gradient[COUNT / 2] = 0;
        for (int i = 0; i < COUNT; i++)
            g[i] = gradient[i];
        write_values(f, f->item->gradient, gradient);
        must(optimizer_step(f->optimizer, options.learning_rate, f->status));
        reference_adam_step(&options, COUNT, g, p, m, v);
        read_values(f, values);
        for (int i = 0; i < COUNT; i++)
            if (!(fabs(values[i] - p[i]) <= 1e-6))
                fail_msg("step %ld: value %d is %.9g and should be %.9g", options.step, i,
                         values[i], p[i]);
    }
}

static void a_status_stops_it(void **state)
{
    fixture *f = *state;
    float gradient[COUNT], before[COUNT], after[COUNT];
    read_values(f, before);
    for (int i = 0; i < COUNT; i++)
        gradient[i] = NAN;
    write_values(f, f->item->gradient, gradient);
    set_status(f, 3);
    must(optimizer_step(f->optimizer, 1e-2, f->status));
    read_values(f, after);
    assert_memory_equal(before, after, sizeof before);
    set_status(f, 0);
    draw(f, 1, gradient);
    write_values(f, f->item->gradient, gradient);
    must(optimizer_step(f->optimizer, 1e-2, f->status));
    read_values(f, after);
    for (int i = 0; i < COUNT; i++)
        assert_true(isfinite(after[i])); /* the moments had no NaN either */
}

static void changes_the_version(void **state)
{
    fixture *f = *state;
    unsigned long before = f->params->version;
    must(optimizer_step(f->optimizer, 1e-2, f->status));
    assert_true(f->params->version > before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(follows_the_reference),
        cmocka_unit_test(a_status_stops_it),
        cmocka_unit_test(changes_the_version),
    };
    return cmocka_run_group_tests_name("Adam", tests, set_up, tear_down);
}
