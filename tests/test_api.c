/* The public C API, as a program that links with the library sees it. */
#include "standard_error.h"
#include "tiny_model.h"

#include "base/log.h"
#include "base/memory.h"
#include "compute/profile.h"
#include "unblend.h"

enum { SIDE = 28, SIZE = SIDE * SIDE };

static int set_up(void **state)
{
    log_set_level(LOG_QUIET);
    if (scratch_make(state) || tiny_model_save(scratch_path("tiny.safetensors")) ||
        constant_model_save(scratch_path("constant.safetensors"), 0.2f, 0.8f)) {
        print_error("%s\n", error_message());
        return -1;
    }
    return 0;
}

static void separates(void **state)
{
    (void)state;
    unsigned char pixels[3 * SIZE], a[3 * SIZE], b[3 * SIZE], one_a[SIZE], one_b[SIZE];
    for (int i = 0; i < 3 * SIZE; i++)
        pixels[i] = (unsigned char)(i * 31 % 256);
    ub_separator *s = ub_open(scratch_path("tiny.safetensors"), NULL, NULL);
    assert_non_null(s);
    assert_string_equal(ub_error(), "");
    assert_string_equal(ub_source_name(s, 0), "mnist");
    assert_string_equal(ub_source_name(s, 1), "fashion");
    assert_null(ub_source_name(s, 2));
    assert_null(ub_source_name(s, -1));
    assert_int_equal(ub_separate(s, pixels, SIDE, SIDE, 3, a, b), 0);
    assert_int_equal(ub_separate(s, pixels + SIZE, SIDE, SIDE, 1, one_a, one_b), 0);
    assert_memory_equal(one_a, a + SIZE, SIZE);
    assert_memory_equal(one_b, b + SIZE, SIZE);
    assert_int_equal(ub_separate(s, pixels, SIDE, SIDE, 0, a, b), 0);
    ub_close(s);
}

/* A program that uses the library has its own way to say things. */
static void is_silent(void **state)
{
    (void)state;
    unsigned char pixels[SIZE] = {0}, a[SIZE], b[SIZE];
    log_set_level(LOG_VERBOSE);
    standard_error_begin();
    ub_separator *s = ub_open(scratch_path("tiny.safetensors"), NULL, NULL);
    int result = s ? ub_separate(s, pixels, SIDE, SIDE, 1, a, b) : -1;
    ub_close(s);
    assert_string_equal(standard_error_end(), "");
    assert_int_equal(result, 0);
}

static void each_source_goes_where_it_belongs(void **state)
{
    (void)state;
    unsigned char pixels[2 * SIZE] = {0}, a[2 * SIZE], b[2 * SIZE];
    ub_separator *s = ub_open(scratch_path("constant.safetensors"), NULL, NULL);
    assert_non_null(s);
    assert_int_equal(ub_separate(s, pixels, SIDE, SIDE, 2, a, b), 0);
    for (int i = 0; i < 2 * SIZE; i++) {
        assert_int_equal(a[i], 51);
        assert_int_equal(b[i], 204);
    }
    ub_close(s);
}

/* Not even of a profile that cannot be used, which the program warns of. */
static void a_bad_profile_is_no_reason_to_speak(void **state)
{
    (void)state;
    device_info *list;
    size_t count;
    const char *set = getenv("UNBLEND_PROFILE_DIR");
    char *before = set ? copy_text(set) : NULL;
    setenv("UNBLEND_PROFILE_DIR", scratch, 1);
    assert_int_equal(devices_list(&list, &count), 0);
    for (size_t i = 0; i < count; i++) {
        char *profile = profile_path(&list[i]);
        assert_non_null(scratch_file(strrchr(profile, '/') + 1, "rubbish", 7));
        free(profile);
    }
    free(list);
    standard_error_begin();
    ub_separator *s = ub_open(scratch_path("constant.safetensors"), NULL, NULL);
    assert_string_equal(standard_error_end(), "");
    assert_non_null(s);
    ub_close(s);
    if (before)
        setenv("UNBLEND_PROFILE_DIR", before, 1);
    else
        unsetenv("UNBLEND_PROFILE_DIR");
    free(before);
}

static void says_what_was_wrong(void **state)
{
    (void)state;
    unsigned char pixels[SIZE] = {0};
    assert_null(ub_open(scratch_path("missing.safetensors"), NULL, NULL));
    assert_error(STATUS_DATA, "missing.safetensors", "");
    assert_null(ub_open(NULL, NULL, NULL));
    assert_non_null(strstr(ub_error(), "model_path"));
    assert_null(ub_open(scratch_path("tiny.safetensors"), NULL, "no such device"));
    assert_error(STATUS_USAGE, "no such device", "");
    assert_null(ub_open(scratch_file("text.safetensors", "hello", 5), NULL, NULL));
    assert_error(STATUS_DATA, "text.safetensors", "");

    ub_separator *s = ub_open(scratch_path("tiny.safetensors"), NULL, NULL);
    assert_non_null(s);
    assert_int_equal(ub_separate(s, pixels, 27, 28, 1, pixels, pixels), -1);
    assert_non_null(strstr(ub_error(), "27 x 28"));
    assert_int_equal(ub_separate(s, NULL, SIDE, SIDE, 1, pixels, pixels), -1);
    assert_int_equal(ub_separate(s, pixels, SIDE, SIDE, -1, pixels, pixels), -1);
    assert_int_equal(ub_separate(NULL, pixels, SIDE, SIDE, 1, pixels, pixels), -1);
    ub_close(s);
    ub_close(NULL);
}

/* Every bad choice of a device, with a model that opens: NULL, a message, and a next call works. */
static void bad_devices_are_no_danger(void **state)
{
    (void)state;
    static char too_long[902];
    memset(too_long, 'x', sizeof too_long - 1);
    static const char *const bad[] = {"Bob's GPU", "\"", "\\",  "'",     "\xff",
                                      "\033[2J",   "77", "a=b", too_long};
    static const char *const variables[] = {"UNBLEND_DEVICE", "UNBLEND_PLATFORM"};
    const char *model = scratch_path("tiny.safetensors");
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        for (int k = 0; k < 2; k++) {
            assert_null(ub_open(model, k ? bad[i] : NULL, k ? NULL : bad[i]));
            assert_int_equal(error_status(), STATUS_USAGE);
            assert_true(strlen(ub_error()) > 0 && !strchr(ub_error(), '\033'));
            assert_null(strstr(ub_error(), "settings in this model"));
            setenv(variables[k], bad[i], 1);
            assert_null(ub_open(model, NULL, NULL));
            unsetenv(variables[k]);
            assert_int_equal(error_status(), STATUS_USAGE);
            assert_true(strlen(ub_error()) > 0);
            assert_null(strstr(ub_error(), "settings in this model"));
        }
    }
    setenv("UNBLEND_DATA", too_long, 1);
    assert_null(ub_open(model, NULL, NULL));
    unsetenv("UNBLEND_DATA");
    assert_error(STATUS_USAGE, "environment UNBLEND_DATA", "too long");
    ub_separator *s = ub_open(model, "", "");
    assert_non_null(s);
    ub_close(s);
}

/* A model file of which one setting was changed, its tensors whole. */
static const char *changed_model(const char *config)
{
    safetensors *file;
    const struct stored_text metadata[] = {{"format", "unblend 1"}, {"config", config}};
    const char *path = scratch_path("changed.safetensors");
    assert_int_equal(safetensors_read(scratch_path("tiny.safetensors"), &file), 0);
    assert_int_equal(
        safetensors_write(path, safetensors_at(file, 0), safetensors_count(file), metadata, 2), 0);
    safetensors_free(file);
    return path;
}

static void bad_models_are_no_danger(void **state)
{
    (void)state;
    assert_null(ub_open(changed_model("[model]\nfilters = 0\n"), NULL, NULL));
    assert_error(STATUS_DATA, "the settings in this model are not valid", "out of range");
    assert_null(ub_open(changed_model("[data]\nnames = mnist, mnist\n"), NULL, NULL));
    assert_error(STATUS_DATA, "the settings in this model are not valid", "both mnist");
    assert_null(ub_open(changed_model("[data]\ndirectory = \"a\\b\"\n"), NULL, NULL));
    assert_error(STATUS_DATA, "the settings in this model are not valid", "is no escape");
    assert_null(ub_open(changed_model("[model]\nfilters = 3\n"), NULL, NULL));
    assert_error(STATUS_DATA, "changed.safetensors", "encoder1");
    assert_null(ub_open(scratch, NULL, NULL));
    assert_error(STATUS_DATA, scratch, "a directory");
    assert_null(ub_open(scratch_file("net.h5", "\x89HDF\r\n\x1a\n", 8), NULL, NULL));
    assert_error(STATUS_DATA, "net.h5", "Keras");
    assert_null(ub_open("", NULL, NULL));
    assert_error(STATUS_DATA, "No such file", "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(separates),
        cmocka_unit_test(is_silent),
        cmocka_unit_test(each_source_goes_where_it_belongs),
        cmocka_unit_test(a_bad_profile_is_no_reason_to_speak),
        cmocka_unit_test(says_what_was_wrong),
        cmocka_unit_test(bad_devices_are_no_danger),
        cmocka_unit_test(bad_models_are_no_danger),
    };
    return cmocka_run_group_tests_name("api", tests, set_up, scratch_remove);
}
