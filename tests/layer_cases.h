/*
 * For tests that hold layers' kernels against the plain-C reference: a device of either kernel family
 * as the state of a group of tests, and check() for one layer at one shape.
 */
#ifndef TESTS_LAYER_CASES_H
#define TESTS_LAYER_CASES_H

#include "base/error.h"
#include "check/layer_check.h"
#include "layers/layers.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
// cmocka last: it defines fail()
#include <cmocka.h>

static int open_family(void **state, enum kernel_family family)
{
    device *d;
    if (device_open(&d, getenv("UNBLEND_PLATFORM"), getenv("UNBLEND_DEVICE"), family)) {
        print_error("%s\n", error_message());
        return -1;
    }
    *state = d;
    return 0;
}

static int open_vector(void **state)
{
    return open_family(state, KERNELS_VECTOR);
}

static int open_tiled(void **state)
{
    return open_family(state, KERNELS_TILED);
}

static int close_device(void **state)
{
    device_close(*state);
    return 0;
}

static void check(void **state, const layer_case *c)
{
    check_report report = {0};
    if (layer_check(*state, c, CHECK_FULL, &report))
        fail_msg("%s", error_message());
}

/* Under Oclgrind, which takes seconds where a device takes milliseconds, only the first shapes. */
static size_t limited(size_t count)
{
    const char *limit = getenv("UNBLEND_TEST_SHAPES");
    size_t most = limit ? strtoul(limit, NULL, 10) : count;
    return most < count ? most : count;
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

#define COUNT(array) (sizeof(array) / sizeof *(array))

#endif
