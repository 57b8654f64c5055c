/* The device that the tests use: what the environment names, as for the program; else the first. */
#ifndef TESTS_TEST_CHOICE_H
#define TESTS_TEST_CHOICE_H

#include "opencl/device.h"
#include <stdlib.h>
#include <string.h>

static inline device_choice test_choice(enum kernel_family kernels)
{
    const char *class = getenv("UNBLEND_DEVICE_CLASS");
    return (device_choice){.platform = getenv("UNBLEND_PLATFORM"),
                           .device = getenv("UNBLEND_DEVICE"),
                           .kernels = kernels,
                           .class = class ? tuning_class_named(class) : NULL};
}

/*
 * PoCL compiles three times as fast without optimising, CLBlast's kernels too. Whatever runs on a CPU
 * in earnest is tested as it is compiled there; the tiled family, other classes' sizes, and sizes that
 * the tuner might try are not.
 */
static inline void compile_quickly(bool quickly)
{
    if (quickly)
        setenv("POCL_EXTRA_BUILD_FLAGS", "-cl-opt-disable", 1);
    else
        unsetenv("POCL_EXTRA_BUILD_FLAGS");
}

#endif
