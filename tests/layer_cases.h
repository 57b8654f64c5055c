/*
 * For tests that hold layers' kernels against the plain-C reference: a device of either kernel family
 * as the state of a group of tests, and check() for one layer at one shape.
 */
#ifndef TESTS_LAYER_CASES_H
#define TESTS_LAYER_CASES_H

#include "base/error.h"
#include "check/layer_check.h"
#include "layers/layers.h"
#include "test_choice.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
// cmocka last: it defines fail()
#include <cmocka.h>

/* Under Oclgrind, which takes seconds where a device takes milliseconds, only the first shapes, each
 * once (a simulator has no reason to differ from run to run), and in small tiles. */
static const char *simulated_shapes(void)
{
    return getenv("UNBLEND_TEST_SHAPES");
}

static int open_choice(void **state, device_choice choice)
{
    device *d;
    if (device_open(&d, choice)) {
        print_error("%s\n", error_message());
        return -1;
    }
    if (simulated_shapes()) {
        d->tuning.rows = d->tuning.columns = 32;
        d->tuning.depth = 8;
    }
    *state = d;
    return 0;
}

static int open_vector(void **state)
{
    compile_quickly(false);
    return open_choice(state, test_choice(KERNELS_VECTOR));
}

static int open_tiled(void **state)
{
    compile_quickly(true);
    return open_choice(state, test_choice(KERNELS_TILED));
}

/* With the vector kernels in the sizes of a class, whatever device this is. */
static inline int open_class(void **state, const char *key)
{
    device_choice choice = test_choice(KERNELS_VECTOR);
    compile_quickly(true);
    choice.class = tuning_class_named(key);
    return open_choice(state, choice);
}

static inline int open_cpu16(void **state)
{
    return open_class(state, "cpu16");
}

static inline int open_cpu8(void **state)
{
    return open_class(state, "cpu8");
}

static inline int open_cpu4(void **state)
{
    return open_class(state, "cpu4");
}

static int close_device(void **state)
{
    device_close(*state);
    return 0;
}

static inline size_t limited(size_t count)
{
    size_t most = simulated_shapes() ? strtoul(simulated_shapes(), NULL, 10) : count;
    return most < count ? most : count;
}

static inline struct check_effort effort(void)
{
    return simulated_shapes() ? (struct check_effort){1, true} : CHECK_FULL;
}

static inline void check(void **state, const layer_case *c)
{
    check_report report = {0};
    if (layer_check(*state, c, effort(), &report))
        fail_msg("%s", error_message());
}

/* With the params frozen whose names match the pattern. */
static inline void check_frozen(void **state, const layer_case *c, const char *frozen)
{
    check_report report = {0};
    if (layer_check_frozen(*state, c, frozen, effort(), &report))
        fail_msg("%s", error_message());
}

static bool wants_family(const char *name)
{
    const char *only = getenv("UNBLEND_TEST_FAMILY");
    return !only || !strcmp(only, name);
}

/* Runs the tests with the vector kernels, then with the tiled ones; UNBLEND_TEST_FAMILY=vector or
 * tiled leaves the other out. The value is the number of failures. */
#define RUN_FAMILIES(title, tests)                                                                 \
    ((wants_family("vector") ? cmocka_run_group_tests_name(title ", vector kernels", tests,        \
                                                           open_vector, close_device)              \
                             : 0) +                                                                \
     (wants_family("tiled")                                                                        \
          ? cmocka_run_group_tests_name(title ", tiled kernels", tests, open_tiled, close_device)  \
          : 0))

/* Runs the tests with the vector kernels in the sizes of every class of CPUs. */
#define RUN_CLASS(title, tests, class)                                                             \
    cmocka_run_group_tests_name(title ", sizes of " #class, tests, open_##class, close_device)
#define RUN_CLASSES(title, tests)                                                                  \
    (simulated_shapes() ? 0                                                                        \
                        : RUN_CLASS(title, tests, cpu16) + RUN_CLASS(title, tests, cpu8) +         \
                              RUN_CLASS(title, tests, cpu4))

#define COUNT(array) (sizeof(array) / sizeof *(array))

#endif
