/* Finding the files of a data set, and saying what is in the way. Needs no device. */
#include "base/files.h"
#include "base/memory.h"
#include "data/mixer.h"
#include "scratch.h"

/* One image of 2 x 2, whose first pixel tells which file it is from. */
static void put_images(const char *name, unsigned char first)
{
    unsigned char pixels[4] = {first};
    struct image_set set = {1, 2, 2, pixels};
    assert_int_equal(idx_write_images(scratch_path(name), &set), 0);
}

/* The sets "one" and "two" in a directory. */
static int read_source(const char *directory, int source, bool test, struct image_set *set)
{
    settings *s;
    char *place = format_text("data.directory=%s", directory);
    const char *overrides[] = {place, "data.source_a=one", "data.source_b=two"};
    assert_int_equal(settings_load(&s, NULL, overrides, 3), 0);
    int result = source_read(s, source, test, set);
    settings_free(s);
    free(place);
    return result;
}

static void finds_every_form(void **state)
{
    (void)state;
    static const char *const names[] = {
        "sets/one/train-images.idx3-ubyte.gz", "sets/one/train-images.idx3-ubyte",
        "sets/one/train-images-idx3-ubyte.gz", "sets/one/train-images-idx3-ubyte",
        "sets/two/t10k-images.idx3-ubyte.gz",  "sets/two/t10k-images.idx3-ubyte",
        "sets/two/t10k-images-idx3-ubyte.gz",  "sets/two/t10k-images-idx3-ubyte"};
    assert_int_equal(directory_make(scratch_path("sets/one")), 0);
    assert_int_equal(directory_make(scratch_path("sets/two")), 0);
    for (int i = 0; i < 8; i++) { /* each goes before those that are there */
        struct image_set set;
        put_images(names[i], (unsigned char)i);
        if (read_source(scratch_path("sets"), i / 4, i / 4, &set))
            fail_msg("%s", error_message());
        assert_int_equal(set.pixels[0], i);
        assert_string_equal(error_message(), "");
        image_set_release(&set);
    }
}

/* Archives unpack to a folder of the file's name beside the file. */
static void passes_over_what_is_in_the_way(void **state)
{
    (void)state;
    struct image_set set;
    assert_int_equal(directory_make(scratch_path("odd/one/train-images-idx3-ubyte")), 0);
    assert_int_equal(read_source(scratch_path("odd"), 0, false, &set), -1);
    assert_error(STATUS_DATA, "data set one: ", "train-images-idx3-ubyte: not a regular file");
    put_images("odd/one/train-images.idx3-ubyte", 7);
    assert_int_equal(read_source(scratch_path("odd"), 0, false, &set), 0);
    image_set_release(&set);
}

static void assert_missing(const char *directory, const char *text, const char *other)
{
    struct image_set set;
    assert_int_equal(read_source(directory, 0, true, &set), -1);
    if (strstr(error_message(), "make data"))
        fail_msg("\"%s\": that would not help", error_message());
    assert_error(STATUS_DATA, text, other);
}

static void says_what_is_missing(void **state)
{
    (void)state;
    struct image_set set;
    assert_int_equal(read_source(scratch_path("none"), 0, true, &set), -1);
    assert_error(STATUS_DATA, "none/one/t10k-images-idx3-ubyte: no such file",
                 "`make data` brings it");
    assert_int_equal(directory_make(scratch_path("bare/one")), 0);
    assert_int_equal(read_source(scratch_path("bare"), 0, true, &set), -1);
    assert_error(STATUS_DATA,
                 "bare/one/t10k-images-idx3-ubyte: no such file, nor "
                 "t10k-images.idx3-ubyte, nor one of them with .gz",
                 "`make data` brings it");
}

static void names_the_cause(void **state)
{
    (void)state;
    char long_name[400] = "";
    memset(long_name, 'x', sizeof long_name - 1);
    scratch_file("file", "x", 1);
    assert_int_equal(directory_make(scratch_path("links/one")), 0);
    assert_int_equal(symlink("loop", scratch_path("loop")), 0);
    assert_int_equal(symlink("gone", scratch_path("unmounted")), 0);
    assert_int_equal(symlink("gone", scratch_path("links/one/t10k-images-idx3-ubyte")), 0);
    assert_missing(scratch_path("loop"), "loop: ", "symbolic links");
    assert_missing(scratch_path("unmounted"), "unmounted: ", "a link that leads nowhere");
    assert_missing(scratch_path("file"), "file: ", "not a directory");
    assert_missing(scratch_path("file/below"), "file/below/one: ", "Not a directory");
    assert_missing(long_name, long_name, "File name too long");
    assert_missing(scratch_path("links"), "t10k-images-idx3-ubyte: ", "a link that leads nowhere");
}

/* A page that a server sent in place of the file. */
static void says_what_a_file_is(void **state)
{
    (void)state;
    struct image_set set;
    static const char page[] = "<!DOCTYPE html><html><title>404</title></html>";
    assert_int_equal(directory_make(scratch_path("web/one")), 0);
    scratch_file("web/one/t10k-images-idx3-ubyte", page, sizeof page - 1);
    assert_int_equal(read_source(scratch_path("web"), 0, true, &set), -1);
    assert_error(STATUS_DATA, "not an IDX image file", "it is an HTML page");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_every_form),     cmocka_unit_test(passes_over_what_is_in_the_way),
        cmocka_unit_test(says_what_is_missing), cmocka_unit_test(names_the_cause),
        cmocka_unit_test(says_what_a_file_is),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
