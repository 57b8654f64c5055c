/* The public C API, as a program that links with the library sees it. */
#include "standard_error.h"
#include "tiny_model.h"

#include "base/files.h"
#include "base/log.h"
#include "base/memory.h"
#include "compute/profile.h"
#include "image/image.h"
#include "unblend.h"
#include <pthread.h>

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

static ub_model *open_on(const char *path, const char *platform, const char *device)
{
    return ub_open(path, &(ub_open_options){.platform = platform, .device = device});
}

static void fill(unsigned char *pixels, size_t count)
{
    for (size_t i = 0; i < count; i++)
        pixels[i] = (unsigned char)(i * 31 % 256);
}

/* A folder with three of them. */
static void make_pictures(const char *folder)
{
    static const char *const names[] = {"a.png", "b.png", "c.png"};
    unsigned char pixels[SIZE];
    fill(pixels, sizeof pixels);
    assert_int_equal(directory_make(scratch_path(folder)), 0);
    for (int i = 0; i < 3; i++) {
        char *path = path_join(scratch_path(folder), names[i]);
        assert_int_equal(image_write_png(path, SIDE, SIDE, 1, pixels), 0);
        free(path);
    }
}

static void separates(void **state)
{
    (void)state;
    unsigned char pixels[3 * SIZE], all[2][3][SIZE], one[2][SIZE];
    fill(pixels, sizeof pixels);
    ub_model *m = ub_open(scratch_path("tiny.safetensors"), &(ub_open_options){.batch = 2});
    assert_non_null(m);
    assert_string_equal(ub_error(), "");
    assert_int_equal(ub_separate_bytes(m, 3, SIDE, SIDE, pixels, all[0][0]), 0);
    assert_int_equal(ub_separate_bytes(m, 1, SIDE, SIDE, pixels + SIZE, one[0]), 0);
    assert_memory_equal(one[0], all[0][1], SIZE);
    assert_memory_equal(one[1], all[1][1], SIZE);
    assert_int_equal(ub_separate_bytes(m, 0, SIDE, SIDE, pixels, all[0][0]), 0);
    ub_close(m);
}

static void describes_the_model(void **state)
{
    (void)state;
    ub_model *m = ub_open(scratch_path("tiny.safetensors"), NULL);
    assert_non_null(m);
    assert_int_equal(ub_sources(m), 2);
    assert_string_equal(ub_source_name(m, 0), "mnist");
    assert_string_equal(ub_source_name(m, 1), "fashion");
    assert_null(ub_source_name(m, 2));
    assert_null(ub_source_name(m, -1));
    assert_int_equal(ub_width(m), 32);
    assert_int_equal(ub_height(m), 32);
    assert_int_equal(ub_channels(m), 1);
    assert_true(ub_takes(m, 32, 32) && ub_takes(m, 28, 28) && ub_takes(m, 1, 700));
    assert_false(ub_takes(m, 0, 1) || ub_takes(m, 1, 0) || ub_takes(m, -1, -1));
    assert_true(strlen(ub_device_name(m)) > 0);
    assert_string_equal(ub_version(), UB_VERSION);
    ub_close(m);
}

/* A byte is its 255th as a float; results are the same before they are rounded. */
static void floats_are_bytes_unrounded(void **state)
{
    (void)state;
    unsigned char bytes[2 * SIZE], rounded[2 * 2 * SIZE];
    float floats[2 * SIZE], results[2 * 2 * SIZE];
    bool whole = true;
    fill(bytes, sizeof bytes);
    for (int i = 0; i < 2 * SIZE; i++)
        floats[i] = (float)bytes[i] / 255;
    ub_model *m = ub_open(scratch_path("tiny.safetensors"), NULL);
    assert_non_null(m);
    assert_int_equal(ub_separate_bytes(m, 2, SIDE, SIDE, bytes, rounded), 0);
    assert_int_equal(ub_separate_float(m, 2, SIDE, SIDE, floats, results), 0);
    for (int i = 0; i < 2 * 2 * SIZE; i++) {
        assert_int_equal((int)(results[i] * 255 + 0.5f), rounded[i]);
        whole &= results[i] * 255 == (float)rounded[i];
    }
    assert_false(whole);
    ub_close(m);
}

/* A program that uses the library has its own way to say things. */
static void is_silent(void **state)
{
    (void)state;
    unsigned char pixels[SIZE] = {0}, results[2 * SIZE];
    make_pictures("quiet");
    log_set_level(LOG_VERBOSE);
    standard_error_begin();
    ub_model *m = ub_open(scratch_path("tiny.safetensors"), NULL);
    int result = m ? ub_separate_bytes(m, 1, SIDE, SIDE, pixels, results) : -1;
    int folder =
        m ? ub_separate_folder(m, scratch_path("quiet"), scratch_path("quiet-out"), NULL, NULL)
          : -1;
    ub_close(m);
    assert_string_equal(standard_error_end(), "");
    assert_int_equal(result, 0);
    assert_int_equal(folder, 0);
}

static void each_source_goes_where_it_belongs(void **state)
{
    (void)state;
    unsigned char pixels[2 * SIZE] = {0}, results[2][2 * SIZE];
    ub_model *m = ub_open(scratch_path("constant.safetensors"), NULL);
    assert_non_null(m);
    assert_int_equal(ub_separate_bytes(m, 2, SIDE, SIDE, pixels, results[0]), 0);
    for (int i = 0; i < 2 * SIZE; i++) {
        assert_int_equal(results[0][i], 51);
        assert_int_equal(results[1][i], 204);
    }
    ub_close(m);
}

/* A thread with a model of its own. */
struct worker {
    const char *model;
    unsigned char results[2][SIZE];
    int result;
    char error[64];
};

static void *work(void *argument)
{
    struct worker *w = argument;
    unsigned char pixels[SIZE];
    fill(pixels, sizeof pixels);
    ub_model *m = ub_open(w->model, NULL);
    w->result = m ? ub_separate_bytes(m, 1, SIDE, SIDE, pixels, w->results[0]) : -1;
    if (m && ub_separate_bytes(m, 1, 0, 1, pixels, w->results[0]))
        snprintf(w->error, sizeof w->error, "%.40s", ub_error());
    ub_close(m);
    return NULL;
}

static void threads_have_models_of_their_own(void **state)
{
    (void)state;
    pthread_t threads[2];
    const char *model = scratch_path("tiny.safetensors");
    struct worker workers[2] = {{.model = model}, {.model = model}}, alone = {.model = model};
    assert_null(ub_open(NULL, NULL));
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_non_null(strstr(ub_error(), "path is NULL")); /* this thread's own */
    work(&alone);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(workers[i].result, 0);
        assert_memory_equal(workers[i].results, alone.results, sizeof alone.results);
        assert_non_null(strstr(workers[i].error, "1 x 0 pixels"));
    }
}

/* ---- Folders ---- */

/* What a program notes down while a folder is separated. */
struct notes {
    size_t calls, seen, total, failures;
    int stop; /* what progress answers */
    char picture[64], why[512];
};

static int note_progress(void *context, size_t seen, size_t total)
{
    struct notes *n = context;
    assert_true(seen > n->seen);
    n->calls++;
    n->seen = seen;
    n->total = total;
    return n->stop;
}

static void note_failure(void *context, const char *picture, const char *why)
{
    struct notes *n = context;
    n->failures++;
    snprintf(n->picture, sizeof n->picture, "%s", picture);
    snprintf(n->why, sizeof n->why, "%s", why);
}

static void assert_counts(ub_folder_counts counts, ub_folder_counts expected)
{
    assert_int_equal(counts.pictures, expected.pictures);
    assert_int_equal(counts.separated, expected.separated);
    assert_int_equal(counts.failed, expected.failed);
    assert_int_equal(counts.left, expected.left);
    assert_int_equal(counts.others, expected.others);
}

static void separates_a_folder(void **state)
{
    (void)state;
    struct notes notes = {0};
    ub_folder_options how = {note_progress, note_failure, &notes};
    ub_folder_counts counts;
    struct image picture;
    make_pictures("in");
    scratch_file("in/bad.png", "hello", 5);
    scratch_file("in/notes.txt", "hello", 5);
    ub_model *m = ub_open(scratch_path("constant.safetensors"), &(ub_open_options){.batch = 1});
    assert_non_null(m);
    assert_int_equal(ub_separate_folder(m, scratch_path("in"), scratch_path("out"), &how, &counts),
                     0);
    assert_string_equal(ub_error(), "");
    assert_counts(counts, (ub_folder_counts){4, 3, 1, 0, 1});
    assert_int_equal(notes.seen, 4);
    assert_int_equal(notes.total, 4);
    assert_int_equal(notes.failures, 1);
    assert_string_equal(notes.picture, "bad.png");
    assert_non_null(strstr(notes.why, "in/bad.png: not a picture"));
    assert_int_equal(image_read(scratch_path("out/c.fashion.png"), 1, &picture), 0);
    assert_int_equal(picture.pixels[0], 204);
    image_release(&picture);
    assert_true(file_exists(scratch_path("out/manifest.json")));
    /* as a program that wants to know nothing does it, over the same results */
    assert_int_equal(ub_separate_folder(m, scratch_path("in"), scratch_path("out"), NULL, NULL), 0);
    ub_close(m);
}

static void a_folder_can_be_stopped(void **state)
{
    (void)state;
    struct notes notes = {.stop = 1};
    ub_folder_options how = {.progress = note_progress, .context = &notes};
    ub_folder_counts counts;
    make_pictures("much");
    ub_model *m = ub_open(scratch_path("constant.safetensors"), &(ub_open_options){.batch = 1});
    assert_non_null(m);
    assert_int_equal(
        ub_separate_folder(m, scratch_path("much"), scratch_path("some"), &how, &counts), 0);
    assert_int_equal(notes.calls, 1);
    assert_counts(counts, (ub_folder_counts){3, 1, 0, 2, 0});
    assert_false(file_exists(scratch_path("some/b.mnist.png")));
    /* and be gone on with */
    notes = (struct notes){0};
    assert_int_equal(
        ub_separate_folder(m, scratch_path("much"), scratch_path("some"), &how, &counts), 0);
    assert_counts(counts, (ub_folder_counts){3, 3, 0, 0, 0});
    ub_close(m);
}

static void bad_folders_are_refused(void **state)
{
    (void)state;
    ub_folder_counts counts = {.pictures = 9};
    const char *in = scratch_path("one"), *none = scratch_path("none");
    make_pictures("one");
    ub_model *m = ub_open(scratch_path("constant.safetensors"), NULL);
    assert_non_null(m);
    assert_int_equal(ub_separate_folder(m, none, scratch_path("out"), NULL, &counts), -1);
    assert_error(STATUS_DATA, "none", "");
    assert_int_equal(ub_separate_folder(m, in, in, NULL, &counts), -1);
    assert_error(STATUS_USAGE, "same folder", "");
    assert_int_equal(ub_separate_folder(m, NULL, in, NULL, NULL), -1);
    assert_int_equal(ub_separate_folder(m, in, NULL, NULL, NULL), -1);
    assert_int_equal(ub_separate_folder(NULL, in, none, NULL, NULL), -1);
    assert_non_null(strstr(ub_error(), "ub_separate_folder"));
    assert_int_equal(counts.pictures, 9);
    ub_close(m);
}

/* ---- What goes wrong ---- */

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
    ub_model *m = ub_open(scratch_path("constant.safetensors"), NULL);
    assert_string_equal(standard_error_end(), "");
    assert_non_null(m);
    ub_close(m);
    if (before)
        setenv("UNBLEND_PROFILE_DIR", before, 1);
    else
        unsetenv("UNBLEND_PROFILE_DIR");
    free(before);
}

static void says_what_was_wrong(void **state)
{
    (void)state;
    unsigned char pixels[SIZE] = {0}, results[2 * SIZE];
    assert_null(ub_open(scratch_path("missing.safetensors"), NULL));
    assert_error(STATUS_DATA, "missing.safetensors", "");
    assert_null(ub_open(NULL, NULL));
    assert_error(STATUS_USAGE, "path is NULL", "");
    assert_null(ub_open(scratch_path("tiny.safetensors"), &(ub_open_options){.batch = -1}));
    assert_error(STATUS_USAGE, "batch is negative", "");
    assert_null(open_on(scratch_path("tiny.safetensors"), NULL, "no such device"));
    assert_error(STATUS_USAGE, "no such device", "");
    assert_null(ub_open(scratch_file("text.safetensors", "hello", 5), NULL));
    assert_error(STATUS_DATA, "text.safetensors", "");

    ub_model *m = ub_open(scratch_path("tiny.safetensors"), NULL);
    assert_non_null(m);
    assert_int_equal(ub_separate_bytes(m, 1, 28, 0, pixels, results), -1);
    assert_non_null(strstr(ub_error(), "0 x 28"));
    assert_int_equal(ub_separate_bytes(m, 1, -28, -28, pixels, results), -1);
    assert_int_equal(ub_separate_bytes(m, 1, SIDE, SIDE, NULL, results), -1);
    assert_int_equal(ub_separate_bytes(m, 1, SIDE, SIDE, pixels, NULL), -1);
    assert_int_equal(ub_separate_float(m, 1, SIDE, SIDE, NULL, NULL), -1);
    assert_int_equal(ub_separate_bytes(m, -1, SIDE, SIDE, pixels, results), -1);
    assert_int_equal(ub_separate_bytes(NULL, 1, SIDE, SIDE, pixels, results), -1);
    assert_int_equal(ub_separate_bytes(m, 1, SIDE, SIDE, pixels, results), 0);
    assert_string_equal(ub_error(), "");
    ub_close(m);
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
            assert_null(open_on(model, k ? bad[i] : NULL, k ? NULL : bad[i]));
            assert_int_equal(error_status(), STATUS_USAGE);
            assert_true(strlen(ub_error()) > 0 && !strchr(ub_error(), '\033'));
            assert_null(strstr(ub_error(), "settings in this model"));
            setenv(variables[k], bad[i], 1);
            assert_null(ub_open(model, NULL));
            unsetenv(variables[k]);
            assert_int_equal(error_status(), STATUS_USAGE);
            assert_true(strlen(ub_error()) > 0);
            assert_null(strstr(ub_error(), "settings in this model"));
        }
    }
    setenv("UNBLEND_DATA", too_long, 1);
    assert_null(ub_open(model, NULL));
    unsetenv("UNBLEND_DATA");
    assert_error(STATUS_USAGE, "environment UNBLEND_DATA", "too long");
    ub_model *m = open_on(model, "", "");
    assert_non_null(m);
    ub_close(m);
}

/* A model file of which one setting was changed, its tensors whole. */
static const char *changed_model(const char *config)
{
    safetensors *file;
    const struct stored_text metadata[] = {
        {"format", "unblend 2"}, {"config", config}, {"pictures", "28x28"}};
    const char *path = scratch_path("changed.safetensors");
    assert_int_equal(safetensors_read(scratch_path("tiny.safetensors"), &file), 0);
    assert_int_equal(
        safetensors_write(path, safetensors_at(file, 0), safetensors_count(file), metadata, 3), 0);
    safetensors_free(file);
    return path;
}

static void bad_models_are_no_danger(void **state)
{
    (void)state;
    assert_null(ub_open(changed_model("[model]\nfilters = 0\n"), NULL));
    assert_error(STATUS_DATA, "the settings in this model are not valid", "out of range");
    assert_null(ub_open(changed_model("[data]\nnames = mnist, mnist\n"), NULL));
    assert_error(STATUS_DATA, "the settings in this model are not valid", "both mnist");
    assert_null(ub_open(changed_model("[data]\ndirectory = \"a\\b\"\n"), NULL));
    assert_error(STATUS_DATA, "the settings in this model are not valid", "is no escape");
    assert_null(ub_open(changed_model("[model]\nfilters = 3\n"), NULL));
    assert_error(STATUS_DATA, "changed.safetensors", "encoder1");
    assert_null(ub_open(scratch, NULL));
    assert_error(STATUS_DATA, scratch, "a directory");
    assert_null(ub_open(scratch_file("net.h5", "\x89HDF\r\n\x1a\n", 8), NULL));
    assert_error(STATUS_DATA, "net.h5", "Keras");
    assert_null(ub_open("", NULL));
    assert_error(STATUS_DATA, "No such file", "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(separates),
        cmocka_unit_test(describes_the_model),
        cmocka_unit_test(floats_are_bytes_unrounded),
        cmocka_unit_test(is_silent),
        cmocka_unit_test(each_source_goes_where_it_belongs),
        cmocka_unit_test(threads_have_models_of_their_own),
        cmocka_unit_test(separates_a_folder),
        cmocka_unit_test(a_folder_can_be_stopped),
        cmocka_unit_test(bad_folders_are_refused),
        cmocka_unit_test(a_bad_profile_is_no_reason_to_speak),
        cmocka_unit_test(says_what_was_wrong),
        cmocka_unit_test(bad_devices_are_no_danger),
        cmocka_unit_test(bad_models_are_no_danger),
    };
    return cmocka_run_group_tests_name("api", tests, set_up, scratch_remove);
}
