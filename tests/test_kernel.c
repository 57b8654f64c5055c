/* Kernels from source to launch: finding and expanding .cl files, the binary cache, arguments. */
#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "base/memory.h"
#include "opencl/cache.h"
#include "opencl/kernel.h"
#include "opencl/source.h"
#include "standard_error.h"

static const char scale_cl[] = "#include \"shared.h\"\n"
                               "#include \"shared.h\"\n"
                               "__kernel void scale(__global float *x, float factor, int n)\n"
                               "{\n"
                               "    int i = get_global_id(0);\n"
                               "    if (i < n)\n"
                               "        x[i] = times(x[i], factor) + OFFSET;\n"
                               "}\n"
                               "__kernel void sum(__global const float *x, __global float *total,\n"
                               "                  uint n, ulong unused, __local float *part)\n"
                               "{\n"
                               "    part[0] = 0;\n"
                               "    for (uint i = 0; i < n; i++)\n"
                               "        part[0] += x[i];\n"
                               "    total[0] = part[0];\n"
                               "}\n";
static const char shared_h[] = "float times(float a, float b)\n{\n    return a * b;\n}\n";

typedef struct fixture {
    char *cl, *cache;
    device *d;
} fixture;

static void reopen(fixture *f)
{
    device_close(f->d);
    f->d = NULL;
    if (device_open(&f->d, (device_choice){0}))
        fail_msg("%s", error_message());
}

static void write_kernels(const char *name, const char *text)
{
    char inside[64];
    snprintf(inside, sizeof inside, "cl/%s", name);
    scratch_file(inside, text, strlen(text));
}

static int set_up(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    assert_int_equal(scratch_make(state), 0);
    f->cl = path_join(scratch, "cl");
    f->cache = path_join(scratch, "cache");
    assert_int_equal(directory_make(f->cl), 0);
    write_kernels("scale.cl", scale_cl);
    write_kernels("shared.h", shared_h);
    setenv("UNBLEND_CL_DIR", f->cl, 1);
    setenv("UNBLEND_CACHE_DIR", f->cache, 1);
    unsetenv("UNBLEND_NO_CACHE");
    log_set_level(LOG_QUIET);
    reopen(f);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    device_close(f->d);
    free(f->cl);
    free(f->cache);
    free(f);
    return scratch_remove(state);
}

static void expect_message(enum status status, const char *part)
{
    assert_int_equal(error_status(), status);
    if (!strstr(error_message(), part))
        fail_msg("\"%s\" is not in \"%s\"", part, error_message());
}

static kernel *get(fixture *f, const char *name)
{
    kernel *k = kernel_get(f->d, "scale", "-DOFFSET=1", name);
    if (!k)
        fail_msg("%s", error_message());
    return k;
}

/* x = 0 .. 9, scaled by 2, plus 1; the items past n must stay */
static void expect_scale_works(fixture *f)
{
    float x[12];
    cl_mem buffer;
    for (int i = 0; i < 12; i++)
        x[i] = (float)i;
    assert_int_equal(buffer_new(f->d, sizeof x, "x", &buffer), 0);
    assert_int_equal(buffer_write(f->d, buffer, 0, x, sizeof x), 0);
    kernel *k = get(f, "scale");
    if (LAUNCH(f->d, k, range_groups(10, 1, 1, 4, 1, 1), ARG(buffer), ARG(2.0f), ARG(10)))
        fail_msg("%s", error_message());
    assert_int_equal(buffer_read(f->d, buffer, 0, x, sizeof x), 0);
    for (int i = 0; i < 12; i++)
        assert_float_equal(x[i], i < 10 ? 2 * i + 1 : i, 0);
    buffer_free(f->d, &buffer);
}

static void expands_each_include_once(void **state)
{
    (void)state;
    char *text = source_expand("scale");
    assert_non_null(text);
    const char *expected_start = "#line 1 \"scale.cl\"\n#line 1 \"shared.h\"\nfloat times(";
    assert_memory_equal(text, expected_start, strlen(expected_start));
    assert_null(strstr(strstr(text, "times(") + 1, "float times("));
    assert_non_null(strstr(text, "#line 2 \"scale.cl\"\n#line 3 \"scale.cl\"\n__kernel"));
    free(text);
}

static void names_missing_files_and_who_wants_them(void **state)
{
    fixture *f = *state;
    assert_null(kernel_get(f->d, "absent", "", "k"));
    expect_message(STATUS_DEVICE, "absent.cl: No such file");
    write_kernels("lost.cl", "\n  #  include \"gone.h\"\n");
    assert_null(kernel_get(f->d, "lost", "", "k"));
    expect_message(STATUS_DEVICE, "lost.cl:2: #include \"gone.h\"");
    assert_null(kernel_get(f->d, "scale", "-DOFFSET=1", "shrink"));
    expect_message(STATUS_DEVICE, "scale.cl has no kernel named shrink");
    setenv("UNBLEND_CL_DIR", "/proc/none", 1);
    assert_null(kernel_get(f->d, "other", "", "k"));
    expect_message(STATUS_DEVICE, "UNBLEND_CL_DIR=/proc/none");
}

static void shows_the_compilers_log(void **state)
{
    fixture *f = *state;
    write_kernels("wrong.cl", "#include \"shared.h\"\n\n__kernel void k(void) { rubbish; }\n");
    assert_null(kernel_get(f->d, "wrong", "-DA=1", "k"));
    expect_message(STATUS_DEVICE, "wrong.cl does not build on");
    expect_message(STATUS_DEVICE, "-DA=1");
    expect_message(STATUS_DEVICE, "rubbish");
    if (!strstr(f->d->info.name, "Oclgrind")) /* which ignores #line */
        expect_message(STATUS_DEVICE, "wrong.cl:3");
    write_kernels("wrong.cl", "__kernel void k(__global int *x) { *x = 1; }\n");
    assert_non_null(kernel_get(f->d, "wrong", "-DA=1", "k")); /* a failure is not remembered */
}

/* Some drivers print "1 warning generated." by themselves. */
static void warnings_of_the_compiler_reach_nobody(void **state)
{
    fixture *f = *state;
    write_kernels("odd.cl", "#warning rubbish\n"
                            "float16 twice(float16 x) { int unused; return 2 * x; }\n"
                            "__kernel void k(__global float16 *x) { *x = twice(*x); }\n");
    standard_error_begin();
    kernel *k = kernel_get(f->d, "odd", "", "k");
    assert_string_equal(standard_error_end(), "");
    assert_non_null(k);
}

/* All of the log, not the first error alone. */
static void a_failed_build_shows_all_errors(void **state)
{
    fixture *f = *state;
    char text[4096] = "";
    for (int i = 0; i < 12; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text),
                 "__kernel void k%d(__global int *x) { *x = a_name_that_is_not_declared_%d; }\n", i,
                 i);
    write_kernels("odd.cl", text);
    assert_null(kernel_get(f->d, "odd", "", "k"));
    expect_message(STATUS_DEVICE, "a_name_that_is_not_declared_0");
    expect_message(STATUS_DEVICE, "a_name_that_is_not_declared_11");
}

static void builds_once_for_each_options(void **state)
{
    fixture *f = *state;
    kernel *k = get(f, "scale");
    assert_ptr_equal(k, get(f, "scale"));
    assert_ptr_not_equal(k, kernel_get(f->d, "scale", "-DOFFSET=2", "scale"));
    if (device_is_cpu(&f->d->info)) { /* which alone look at the tuning's fetch */
        f->d->tuning.fetch = !f->d->tuning.fetch;
        assert_ptr_not_equal(k, kernel_get(f->d, "scale", "-DOFFSET=1", "scale"));
        f->d->tuning.fetch = !f->d->tuning.fetch;
        assert_ptr_equal(k, kernel_get(f->d, "scale", "-DOFFSET=1", "scale"));
    }
}

static void arguments_of_every_kind_arrive(void **state)
{
    fixture *f = *state;
    float x[3] = {1, 2, 4}, total = 0;
    cl_mem in, out;
    assert_int_equal(buffer_new(f->d, sizeof x, "in", &in), 0);
    assert_int_equal(buffer_new(f->d, sizeof total, "out", &out), 0);
    assert_int_equal(buffer_write(f->d, in, 0, x, sizeof x), 0);
    if (LAUNCH(f->d, get(f, "sum"), range_single(1, 1, 1), ARG(in), ARG(out), ARG(3u), ARG(9ul),
               LOCAL(4)))
        fail_msg("%s", error_message());
    assert_int_equal(buffer_read(f->d, out, 0, &total, sizeof total), 0);
    assert_float_equal(total, 7, 0);
    buffer_free(f->d, &in);
    buffer_free(f->d, &out);
}

typedef struct pair {
    int count;
    float value;
} pair;
typedef struct other_pair {
    int count;
    float value;
} other_pair;

static const char pair_cl[] = "typedef struct pair { int count; float value; } pair;\n"
                              "kernel void product(global float *out, pair p)\n"
                              "{ *out = p.count * p.value; }\n";

static void structs_arrive_by_value(void **state)
{
    fixture *f = *state;
    float product = 0;
    pair p = {3, 1.5f};
    cl_mem out;
    write_kernels("pair.cl", pair_cl);
    kernel *k = kernel_get(f->d, "pair", "", "product");
    assert_non_null(k);
    assert_int_equal(buffer_new(f->d, sizeof product, "out", &out), 0);
    if (LAUNCH(f->d, k, range_single(1, 1, 1), ARG(out), STRUCT(pair, p)))
        fail_msg("%s", error_message());
    assert_int_equal(buffer_read(f->d, out, 0, &product, sizeof product), 0);
    assert_float_equal(product, 4.5f, 0);
#ifdef UNBLEND_DEBUG
    assert_int_equal(LAUNCH(f->d, k, range_single(1, 1, 1), ARG(out), ARG(1)), -1);
    expect_message(STATUS_RUNTIME, "it takes pair");
    other_pair other = {3, 1.5f};
    assert_int_equal(LAUNCH(f->d, k, range_single(1, 1, 1), ARG(out), STRUCT(other_pair, other)),
                     -1);
    expect_message(STATUS_RUNTIME, "it takes pair");
#endif
    buffer_free(f->d, &out);
}

static void wrong_launches_are_refused(void **state)
{
    fixture *f = *state;
    cl_mem b;
    kernel *k = get(f, "scale");
    device_annotate(f->d, (annotation){.layer = "pool 2"});
    assert_int_equal(buffer_new(f->d, 64, "b", &b), 0);
    assert_int_equal(LAUNCH(f->d, k, range_single(4, 1, 1), ARG(b), ARG(1.0f)), -1);
    expect_message(STATUS_RUNTIME, "kernel scale takes 3 arguments, 2 were given");
    assert_int_equal(LAUNCH(f->d, k, range_single(0, 1, 1), ARG(b), ARG(1.0f), ARG(1)), -1);
    expect_message(STATUS_RUNTIME, "kernel scale: an empty range");
    assert_int_equal(LAUNCH(f->d, k, range_groups(4, 1, 1, 4, 0, 1), ARG(b), ARG(1.0f), ARG(1)),
                     -1);
    expect_message(STATUS_RUNTIME, "kernel scale: an empty range");
    assert_int_equal(LAUNCH(f->d, k, range_single(4, 1, 1), ARG(b), ARG(1ul), ARG(1)), -1);
    expect_message(error_status(), "argument 1");
    size_t huge = 2 * f->d->info.max_work_group;
    assert_int_equal(
        LAUNCH(f->d, k, range_groups(huge, 1, 1, huge, 1, 1), ARG(b), ARG(1.0f), ARG(1)), -1);
    expect_message(STATUS_DEVICE, "kernel scale, global");
    expect_message(STATUS_DEVICE, "in layer pool 2");
#ifdef UNBLEND_DEBUG
    assert_int_equal(LAUNCH(f->d, k, range_single(4, 1, 1), ARG(b), ARG(1), ARG(1)), -1);
    expect_message(STATUS_RUNTIME, "it takes float");
#endif
    buffer_free(f->d, &b);
}

/* The path of the only file in the cache; release with free(). */
static char *cached_file(const fixture *f)
{
    char *found = NULL;
    DIR *directory = opendir(f->cache);
    assert_non_null(directory);
    for (struct dirent *entry; (entry = readdir(directory));)
        if (strstr(entry->d_name, ".bin")) {
            assert_null(found);
            found = path_join(f->cache, entry->d_name);
        }
    closedir(directory);
    assert_non_null(found);
    return found;
}

/* Whether a fresh device has to compile; the kernel must work in any case. */
static bool compiles(fixture *f)
{
    reopen(f);
    expect_scale_works(f);
    expect_scale_works(f); /* needs no build */
    assert_int_equal(f->d->builds.compiled, f->d->compiling_announced);
    assert_int_equal(f->d->builds.cached, !f->d->compiling_announced);
    assert_true(f->d->builds.seconds > 0);
    return f->d->compiling_announced;
}

/* Whether a kernel has to be compiled on a device that says this of itself. */
static bool compiles_for(fixture *f, const device_info *info, const char *options)
{
    reopen(f);
    long before = f->d->builds.compiled;
    f->d->info = *info;
    if (!kernel_get(f->d, "scale", options, "scale"))
        fail_msg("%s", error_message());
    assert_int_equal(f->d->builds.compiled + f->d->builds.cached, before + 1);
    return f->d->builds.compiled > before;
}

/* A binary is for one device under one driver, built with these options. */
static void binaries_of_others_are_not_taken(void **state)
{
    fixture *f = *state;
    const device_info own = f->d->info;
    device_info other[] = {own, own, own, own, own};
    snprintf(other[0].driver, sizeof own.driver, "another");
    snprintf(other[1].version, sizeof own.version, "another");
    snprintf(other[2].name, sizeof own.name, "another");
    snprintf(other[3].vendor, sizeof own.vendor, "another");
    snprintf(other[4].platform, sizeof own.platform, "another");
    assert_true(compiles_for(f, &own, "-DOFFSET=1"));
    assert_false(compiles_for(f, &own, "-DOFFSET=1"));
    assert_true(compiles_for(f, &own, "-DOFFSET=2"));
    for (size_t i = 0; i < sizeof other / sizeof *other; i++) {
        assert_true(compiles_for(f, &other[i], "-DOFFSET=1"));
        assert_false(compiles_for(f, &other[i], "-DOFFSET=1"));
    }
    assert_false(compiles_for(f, &own, "-DOFFSET=1"));
}

static void second_run_loads_the_binary(void **state)
{
    fixture *f = *state;
    assert_true(compiles(f));
    free(cached_file(f));
    assert_false(compiles(f));
    setenv("UNBLEND_NO_CACHE", "1", 1);
    assert_true(compiles(f));
    unsetenv("UNBLEND_NO_CACHE");
    write_kernels("shared.h", "float times(float a, float b) { return b * a; }\n");
    assert_true(compiles(f)); /* an included file changed */
}

static const char both_cl[] = "kernel void forward(global float *x)\n{\n    x[0] = 1.0f;\n}\n"
                              "#ifndef INFERENCE\n"
                              "kernel void backward(global float *x)\n{\n    x[0] = 2.0f;\n}\n"
                              "#endif\n";

static float run_both(fixture *f, bool inference, const char *name)
{
    float value = 0;
    cl_mem buffer;
    device_close(f->d);
    f->d = NULL;
    assert_int_equal(device_open(&f->d, (device_choice){.inference = inference}), 0);
    assert_int_equal(buffer_new(f->d, sizeof value, "x", &buffer), 0);
    kernel *k = kernel_get(f->d, "both", "", name);
    assert_non_null(k);
    if (!LAUNCH(f->d, k, range_single(1, 1, 1), ARG(buffer)))
        assert_int_equal(buffer_read(f->d, buffer, 0, &value, sizeof value), 0);
    buffer_free(f->d, &buffer);
    return value;
}

/* For inference, what only training needs is not compiled; but what a training has compiled is used. */
static void inference_goes_without_the_kernels_of_training(void **state)
{
    fixture *f = *state;
    write_kernels("both.cl", both_cl);
    assert_true(run_both(f, true, "forward") == 1 && f->d->builds.compiled == 1);
    assert_true(run_both(f, true, "forward") == 1 && f->d->builds.compiled == 0);
    assert_true(run_both(f, true, "backward") == 0);
    expect_message(STATUS_RUNTIME, "backward is for training");
    assert_null(kernel_get(f->d, "scale", "", "nothing"));
    assert_true(run_both(f, false, "backward") == 2 && f->d->builds.compiled == 1);
    assert_true(run_both(f, true, "backward") == 2 && f->d->builds.compiled == 0);
    setenv("UNBLEND_NO_CACHE", "1", 1); /* nothing is compiled before it is used then */
    write_kernels("shared.h", shared_h);
    assert_true(run_both(f, true, "backward") == 2);
    unsetenv("UNBLEND_NO_CACHE");
}

static void damaged_binaries_are_replaced(void **state)
{
    fixture *f = *state;
    assert_true(compiles(f));
    char *path = cached_file(f);
    unsigned char *whole;
    size_t length;
    assert_int_equal(file_read(path, 64 << 20, STATUS_RUNTIME, &whole, &length), 0);
    const size_t cuts[] = {0, 7, 48, length - 1};
    for (size_t i = 0; i < sizeof cuts / sizeof *cuts; i++) {
        assert_int_equal(file_write_atomic(path, whole, cuts[i]), 0);
        assert_true(compiles(f));
        assert_false(compiles(f));
    }
    const size_t flips[] = {0, 8, 16, 48, length / 2, length - 1};
    for (size_t i = 0; i < sizeof flips / sizeof *flips; i++) {
        whole[flips[i]] ^= 1;
        assert_int_equal(file_write_atomic(path, whole, length), 0);
        whole[flips[i]] ^= 1;
        assert_true(compiles(f));
        assert_false(compiles(f));
    }
    free(whole);
    free(path);
}

/* Whole by its checksum, but nothing the driver knows; long, as PoCL reads a header unchecked. */
static void a_binary_the_driver_refuses_is_replaced(void **state)
{
    fixture *f = *state;
    assert_true(compiles(f));
    char *path = cached_file(f), key[CACHE_KEY_SIZE];
    snprintf(key, sizeof key, "%s", strrchr(path, '/') + 1);
    const unsigned char rubbish[4096] = "not a program";
    cache_store(key, rubbish, sizeof rubbish);
    assert_true(compiles(f));
    assert_false(compiles(f));
    free(path);
}

/* As the XDG specification has it: a relative path is none. */
static void the_cache_has_its_place(void **state)
{
    fixture *f = *state;
    char *home = copy_text(getenv("HOME") ? getenv("HOME") : "");
    unsetenv("UNBLEND_CACHE_DIR");
    setenv("HOME", scratch_path("home"), 1);
    setenv("XDG_CACHE_HOME", "relative", 1);
    assert_true(compiles(f));
    assert_true(directory_exists(scratch_path("home/.cache/unblend")));
    assert_false(directory_exists("relative"));
    setenv("XDG_CACHE_HOME", scratch_path("shared"), 1);
    assert_true(compiles(f));
    assert_true(directory_exists(scratch_path("shared/unblend")));
    unsetenv("XDG_CACHE_HOME");
    setenv("HOME", home, 1);
    free(home);
}

static void works_without_a_place_for_the_cache(void **state)
{
    fixture *f = *state;
    setenv("UNBLEND_CACHE_DIR", "/proc/none", 1);
    assert_true(compiles(f));
    assert_true(compiles(f));
    assert_int_equal(error_status(), STATUS_OK);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(expands_each_include_once),       TEST(names_missing_files_and_who_wants_them),
        TEST(shows_the_compilers_log),         TEST(warnings_of_the_compiler_reach_nobody),
        TEST(a_failed_build_shows_all_errors), TEST(builds_once_for_each_options),
        TEST(arguments_of_every_kind_arrive),  TEST(wrong_launches_are_refused),
        TEST(second_run_loads_the_binary),     TEST(binaries_of_others_are_not_taken),
        TEST(damaged_binaries_are_replaced),   TEST(a_binary_the_driver_refuses_is_replaced),
        TEST(the_cache_has_its_place),         TEST(works_without_a_place_for_the_cache),
        TEST(structs_arrive_by_value),         TEST(inference_goes_without_the_kernels_of_training),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
