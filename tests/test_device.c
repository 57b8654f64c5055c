/* Listing, choosing and opening devices; buffers; what a machine without a driver is told. */
#include "base/error.h"
#include "base/memory.h"
#include "opencl/choose.h"
#include "opencl/device.h"
#include "scratch.h"
#include <sys/wait.h>
#include <unistd.h>

static const device_info machine[] = {
    {.platform_index = 0,
     .device_index = 0,
     .platform = "Portable Computing Language",
     .name = "cpu-skylake EPYC",
     .vendor = "AuthenticAMD",
     .type = CL_DEVICE_TYPE_CPU,
     .unified_memory = true},
    {.platform_index = 2,
     .device_index = 0,
     .platform = "Intel(R) OpenCL Graphics",
     .name = "UHD Graphics 770",
     .vendor = "Intel(R) Corporation",
     .type = CL_DEVICE_TYPE_GPU,
     .unified_memory = true},
    {.platform_index = 3,
     .device_index = 0,
     .platform = "NVIDIA CUDA",
     .name = "GeForce RTX 3090",
     .vendor = "NVIDIA Corporation",
     .type = CL_DEVICE_TYPE_GPU},
    {.platform_index = 3,
     .device_index = 1,
     .platform = "NVIDIA CUDA",
     .name = "GeForce GTX 1060",
     .vendor = "NVIDIA Corporation",
     .type = CL_DEVICE_TYPE_GPU},
};
enum { MACHINE_DEVICES = sizeof machine / sizeof *machine };

static void expect_choice(size_t count, const char *platform, const char *name, int expected)
{
    const device_info *chosen = device_choose(machine, count, platform, name);
    assert_non_null(chosen);
    assert_int_equal(chosen - machine, expected);
}

static void expect_refusal(size_t count, const char *platform, const char *name, const char *part)
{
    assert_null(device_choose(machine, count, platform, name));
    assert_int_equal(error_status(), STATUS_USAGE);
    if (!strstr(error_message(), part))
        fail_msg("\"%s\" is not in \"%s\"", part, error_message());
}

static void chooses_by_kind_index_and_name(void **state)
{
    (void)state;
    expect_choice(MACHINE_DEVICES, NULL, NULL, 2);
    expect_choice(MACHINE_DEVICES, "", "", 2);
    expect_choice(2, NULL, NULL, 1);
    expect_choice(1, NULL, NULL, 0);
    expect_choice(1, NULL, "0", 0);
    expect_choice(MACHINE_DEVICES, "3", "1", 3);
    expect_choice(MACHINE_DEVICES, "3", NULL, 2);
    expect_choice(MACHINE_DEVICES, "portable", NULL, 0);
    expect_choice(MACHINE_DEVICES, NULL, "nvidia", 2);
    expect_choice(MACHINE_DEVICES, NULL, "EPYC", 0);
    expect_choice(MACHINE_DEVICES, NULL, "gtx", 3);
    expect_choice(MACHINE_DEVICES, NULL, "1060", 3);
    expect_choice(MACHINE_DEVICES, "cuda", "1", 3);
}

static void refuses_what_is_not_there(void **state)
{
    (void)state;
    expect_refusal(1, NULL, "3",
                   "--device 3: no such device; this machine has 1 device: "
                   "--platform 0 --device 0 (cpu-skylake EPYC");
    expect_refusal(MACHINE_DEVICES, "3", "2", "platform 3 has 2 devices");
    expect_refusal(MACHINE_DEVICES, "1", NULL, "--platform 1: no such platform with devices");
    expect_refusal(MACHINE_DEVICES, "mesa", NULL, "--platform 3 --device 1 (GeForce GTX 1060");
    expect_refusal(MACHINE_DEVICES, NULL, "radeon", "UHD Graphics 770");
    expect_refusal(MACHINE_DEVICES, NULL, "1", "several platforms");
    expect_refusal(MACHINE_DEVICES, NULL, "-1", "no such device");
}

static void names_the_kind(void **state)
{
    (void)state;
    assert_string_equal(device_kind(&machine[0]), "CPU");
    assert_string_equal(device_kind(&machine[1]), "integrated GPU");
    assert_string_equal(device_kind(&machine[2]), "discrete GPU");
}

/* Everything below runs on the device that is chosen by itself. */

static device *open_any(void)
{
    device *d = NULL;
    if (device_open(&d, (device_choice){0}))
        fail_msg("%s", error_message());
    return d;
}

static void opens_by_index_and_part_of_name(void **state)
{
    (void)state;
    device_info *list;
    size_t count;
    assert_int_equal(devices_list(&list, &count), 0);
    assert_true(count >= 1);
    char platform[16], index[16], part[8];
    snprintf(platform, sizeof platform, "%d", list[0].platform_index);
    snprintf(index, sizeof index, "%d", list[0].device_index);
    snprintf(part, sizeof part, "%.5s", list[0].name);
    device *d = NULL;
    assert_int_equal(
        device_open(
            &d, (device_choice){.platform = platform, .device = index, .kernels = KERNELS_TILED}),
        0);
    assert_int_equal(d->kernels, KERNELS_TILED);
    assert_string_equal(d->info.name, list[0].name);
    device_close(d);
    assert_int_equal(device_open(&d, (device_choice){.platform = list[0].platform,
                                                     .device = part,
                                                     .kernels = KERNELS_VECTOR}),
                     0);
    assert_int_equal(d->kernels, KERNELS_VECTOR);
    device_close(d);
    assert_int_equal(device_open(&d, (device_choice){.platform = platform, .device = "99"}), -1);
    assert_int_equal(error_status(), STATUS_USAGE);
    device_close(NULL);
    free(list);
}

static void chooses_a_kernel_family(void **state)
{
    (void)state;
    device *d = open_any();
    bool plain_cpu = (d->info.type & CL_DEVICE_TYPE_CPU) && !(d->info.type & CL_DEVICE_TYPE_GPU);
    assert_int_equal(d->kernels, plain_cpu ? KERNELS_VECTOR : KERNELS_TILED);
    device_close(d);
}

static void buffers_keep_what_is_written(void **state)
{
    (void)state;
    device *d = open_any();
    cl_mem a, b;
    float values[5] = {1, -2, 3.5f, 4, 5}, back[5] = {0};
    assert_int_equal(buffer_new(d, sizeof values, "a", &a), 0);
    assert_int_equal(buffer_new(d, sizeof values, "b", &b), 0);
    assert_int_equal(d->allocated, 2 * sizeof values);
    assert_int_equal(buffer_fill(d, b, 7, 0, sizeof values), 0);
    assert_int_equal(buffer_write(d, a, 0, values, sizeof values), 0);
    assert_int_equal(buffer_copy(d, a, 4, b, 0, 2 * sizeof(float)), 0);
    assert_int_equal(buffer_read(d, b, 0, back, sizeof back), 0);
    const float expected[5] = {-2, 3.5f, 7, 7, 7};
    assert_memory_equal(back, expected, sizeof expected);
    assert_int_equal(buffer_read(d, a, 12, back, 8), 0);
    assert_memory_equal(back, values + 3, 8);
    assert_int_equal(buffer_read(d, a, sizeof values, back, 0), 0);
    assert_int_equal(buffer_fill(d, a, 1, 0, 0), 0);
    assert_int_equal(device_finish(d), 0);
    buffer_free(d, &a);
    buffer_free(d, &a);
    assert_null(a);
    buffer_free(d, &b);
    assert_int_equal(d->allocated, 0);
    device_close(d);
}

static long resident_mebibytes(void)
{
    long whole = 0, resident = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    if (!f)
        skip();
    int fields = fscanf(f, "%ld %ld", &whole, &resident);
    fclose(f);
    assert_int_equal(fields, 2);
    return resident * (sysconf(_SC_PAGESIZE) / 1024) / 1024;
}

/* Large buffers of CPU devices lie in memory of ours (opencl/pages.h), which must go with them. */
static void large_buffers_keep_what_is_written_and_are_given_back(void **state)
{
    (void)state;
    enum { COUNT = (5 << 20) / sizeof(float) + 3, TIMES = 200 };
    device *d = open_any();
    float *values = allocate(COUNT, sizeof *values), *back = allocate(COUNT, sizeof *back);
    assert_non_null(values);
    assert_non_null(back);
    long before = 0;
    for (int i = 0; i < TIMES; i++) {
        cl_mem buffer;
        for (int k = 0; k < COUNT; k += 1000)
            values[k] = (float)(k + i);
        assert_int_equal(buffer_new(d, COUNT * sizeof *values, "large", &buffer), 0);
        assert_int_equal(buffer_write(d, buffer, 0, values, COUNT * sizeof *values), 0);
        assert_int_equal(buffer_read(d, buffer, 0, back, COUNT * sizeof *back), 0);
        assert_memory_equal(values, back, COUNT * sizeof *back);
        buffer_free(d, &buffer);
        if (i == 1)
            before = resident_mebibytes();
    }
    /* All of them would be 1000 MiB. AddressSanitizer holds on to 256 MiB of what is freed. */
    assert_true(resident_mebibytes() - before < 400);
    assert_int_equal(d->allocated, 0);
    free(back);
    free(values);
    device_close(d);
}

static void buffers_beyond_the_limits_are_refused(void **state)
{
    (void)state;
    device *d = open_any();
    cl_mem b;
    assert_int_equal(buffer_new(d, (size_t)d->info.max_allocation + 1, "skip 3", &b), -1);
    assert_int_equal(error_status(), STATUS_MEMORY);
    assert_non_null(strstr(error_message(), "skip 3: needs a buffer of"));
    assert_non_null(strstr(error_message(), "MiB"));
    assert_null(b);
    d->allocated = (size_t)d->info.global_memory - 8; /* as if others had taken the rest */
    assert_int_equal(buffer_new(d, 16, "skip 4", &b), -1);
    assert_int_equal(error_status(), STATUS_MEMORY);
    d->allocated = 0;
    assert_int_equal(buffer_new(d, 0, "nothing", &b), -1);
    assert_int_equal(error_status(), STATUS_RUNTIME);
    device_close(d);
}

static void errors_name_call_code_and_layer(void **state)
{
    (void)state;
    device *d = open_any();
    cl_mem b;
    char byte;
    assert_int_equal(buffer_new(d, 16, "b", &b), 0);
    device_annotate(d, (annotation){.layer = "conv 7"});
    assert_int_equal(buffer_read(d, b, 16, &byte, 1), -1);
    assert_int_equal(error_status(), STATUS_DEVICE);
    const char *const parts[] = {"clEnqueueReadBuffer failed in layer conv 7",
                                 "CL_INVALID_VALUE (-30)", d->info.name, "buffer.c:"};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (!strstr(error_message(), parts[i]))
            fail_msg("\"%s\" is not in \"%s\"", parts[i], error_message());
    buffer_free(d, &b);
    device_close(d);
    cl_check(NULL, CL_MEM_OBJECT_ALLOCATION_FAILURE, "call(x)", "file", 1);
    assert_int_equal(error_status(), STATUS_MEMORY);
    assert_string_equal(cl_error_name(-1001), "CL_PLATFORM_NOT_FOUND_KHR");
    assert_string_equal(cl_error_name(-12345), "unknown OpenCL error");
}

/* The loader reads its environment once, so these need a process of their own: this program,
 * started with the argument "list". Its exit status is returned, its words are left in said. */
static int list_in_child(const char *environment, char *said, size_t size)
{
    char self[4096];
    ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    assert_true(length > 0);
    self[length] = '\0';
    char *command = format_text("%s '%s' list", environment, self);
    FILE *child = popen(command, "r");
    free(command);
    assert_non_null(child);
    size_t got = fread(said, 1, size - 1, child);
    said[got] = '\0';
    return WEXITSTATUS(pclose(child));
}

static int list_and_report(void)
{
    device_info *list = NULL;
    size_t count = 0;
    if (devices_list(&list, &count)) {
        puts(error_message());
        return error_status();
    }
    free(list);
    return STATUS_OK;
}

static void without_a_driver_says_what_to_install(void **state)
{
    (void)state;
    char said[4096];
    char *environment = format_text("OCL_ICD_VENDORS='%s'", scratch);
    int status = list_in_child(environment, said, sizeof said);
    free(environment);
    if (status == STATUS_OK)
        skip(); /* Oclgrind puts itself in the loader's place */
    assert_int_equal(status, STATUS_DEVICE);
    assert_non_null(strstr(said, "no OpenCL device found"));
    assert_non_null(strstr(said, "pocl-opencl-icd"));
}

/* Only where PoCL is alone: its platform is then left without a device. */
static void unwritable_pocl_cache_is_named(void **state)
{
    (void)state;
    char said[4096];
    if (list_in_child("POCL_CACHE_DIR=/proc/none", said, sizeof said) == STATUS_OK)
        skip();
    assert_non_null(strstr(said, "POCL_CACHE_DIR is not a directory that can be written to"));
    assert_int_equal(
        list_in_child("env -u POCL_CACHE_DIR HOME=/proc/none XDG_CACHE_HOME=/proc/none", said,
                      sizeof said),
        STATUS_DEVICE);
    assert_non_null(strstr(said, "set POCL_CACHE_DIR"));
}

int main(int argc, char **argv)
{
    if (argc == 2 && !strcmp(argv[1], "list"))
        return list_and_report();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chooses_by_kind_index_and_name),
        cmocka_unit_test(refuses_what_is_not_there),
        cmocka_unit_test(names_the_kind),
        cmocka_unit_test(opens_by_index_and_part_of_name),
        cmocka_unit_test(chooses_a_kernel_family),
        cmocka_unit_test(buffers_keep_what_is_written),
        cmocka_unit_test(large_buffers_keep_what_is_written_and_are_given_back),
        cmocka_unit_test(buffers_beyond_the_limits_are_refused),
        cmocka_unit_test(errors_name_call_code_and_layer),
        cmocka_unit_test(without_a_driver_says_what_to_install),
        cmocka_unit_test(unwritable_pocl_cache_is_named),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
