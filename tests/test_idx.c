/* IDX image files: there and back, and everything a stranger may have done to one. */
#include "data/idx.h"

#include "base/files.h"
#include "scratch.h"

/* Two images of 2 x 3. */
static const unsigned char good[] = {0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 2,  0,  0,
                                     0, 3, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};

static void assert_refused(const char *path, const char *why)
{
    struct image_set set = {1, {1, 1, 1}, NULL};
    assert_int_equal(idx_read_images(path, &set), -1);
    assert_error(STATUS_DATA, path, why);
    assert_int_equal(set.count, 0);
    assert_null(set.pixels);
}

/* The good file with one byte changed. */
static void assert_change_refused(size_t place, unsigned char value, const char *why)
{
    unsigned char bytes[sizeof good];
    memcpy(bytes, good, sizeof good);
    bytes[place] = value;
    assert_refused(scratch_file("changed", bytes, sizeof bytes), why);
}

static void reads_images(void **state)
{
    (void)state;
    struct image_set set;
    assert_int_equal(idx_read_images(scratch_file("good", good, sizeof good), &set), 0);
    assert_int_equal(set.count, 2);
    assert_int_equal(set.format.height, 2);
    assert_int_equal(set.format.width, 3);
    assert_memory_equal(set.pixels, good + 16, 12);
    image_set_release(&set);
    assert_null(set.pixels);
    image_set_release(NULL);
}

static void reads_the_sample(void **state)
{
    (void)state;
    static const char *const names[] = {"mnist", "fashion-mnist"};
    char path[200];
    struct image_set set;
    for (int i = 0; i < 2; i++) {
        snprintf(path, sizeof path, "tests/sample/%s/t10k-images-idx3-ubyte.gz", names[i]);
        assert_int_equal(idx_read_images(path, &set), 0);
        assert_int_equal(set.count, 500);
        assert_int_equal(set.format.height, 28);
        assert_int_equal(set.format.width, 28);
        image_set_release(&set);
        snprintf(path, sizeof path, "tests/sample/%s/train-images-idx3-ubyte.gz", names[i]);
        assert_int_equal(idx_read_images(path, &set), 0);
        assert_int_equal(set.count, 2000);
        image_set_release(&set);
    }
}

static void refuses_a_wrong_header(void **state)
{
    (void)state;
    assert_refused(scratch_path("missing"), "No such file");
    assert_refused(scratch_file("empty", "", 0), "ends at byte 0");
    assert_refused(scratch_file("short", good, 15), "ends at byte 15");
    assert_refused(scratch_file("text", "this is not an image file", 25), "not an IDX image file");
    assert_change_refused(3, 1, "labels");
    assert_change_refused(2, 9, "instead of 0x00000803");
    assert_change_refused(7, 0, "promises 0 images");
    assert_change_refused(11, 0, "of 0 x 3");
    assert_change_refused(15, 0, "of 2 x 0");
}

static void refuses_a_wrong_length(void **state)
{
    (void)state;
    unsigned char longer[sizeof good + 1] = {0};
    memcpy(longer, good, sizeof good);
    assert_refused(scratch_file("cut", good, sizeof good - 1), "truncated at byte 27 of the 28");
    assert_refused(scratch_file("header", good, 16), "truncated at byte 16 of the 28");
    assert_refused(scratch_file("long", longer, sizeof longer), "1 bytes too many");
    assert_change_refused(4, 255, "truncated at byte 28");      /* 4 billion images */
    assert_change_refused(8, 255, "promises 2 images of 4278"); /* 4 billion rows */
}

static void refuses_sizes_that_overflow(void **state)
{
    (void)state;
    unsigned char bytes[sizeof good];
    memcpy(bytes, good, sizeof good);
    memset(bytes + 4, 255, 12);
    assert_refused(scratch_file("huge", bytes, sizeof bytes), "promises 4294967295 images");
    memcpy(bytes + 8, "\0\0\x40\0\0\0\x40\0", 8); /* 16384 x 16384, 4 billion times */
    assert_refused(scratch_file("huge", bytes, sizeof bytes), "truncated at byte 28");
}

static void refuses_cut_gzip(void **state)
{
    (void)state;
    unsigned char *bytes;
    size_t length;
    assert_int_equal(file_read("tests/sample/mnist/t10k-images-idx3-ubyte.gz", 1 << 20, STATUS_DATA,
                               &bytes, &length),
                     0);
    assert_refused(scratch_file("cut.gz", bytes, length / 2), "ends early");
    bytes[length / 2] ^= 0x55;
    assert_refused(scratch_file("bent.gz", bytes, length), "damaged gzip data");
    free(bytes);
}

static void writes_what_it_reads(void **state)
{
    (void)state;
    static const char *const names[] = {"written", "written.gz"};
    struct image_set set = {2, {2, 3, 1}, (unsigned char *)good + 16}, back;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(idx_write_images(scratch_path(names[i]), &set), 0);
        assert_int_equal(idx_read_images(scratch_path(names[i]), &back), 0);
        assert_int_equal(back.count, 2);
        assert_memory_equal(back.pixels, good + 16, 12);
        image_set_release(&back);
    }
}

/* Two images of 1 x 2 pixels of three channels. */
static const unsigned char colour[] = {0, 0, 8, 4, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0,  0,  2,
                                       0, 0, 0, 3, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};

static void colour_has_a_fourth_dimension(void **state)
{
    (void)state;
    static const struct image_format format = {1, 2, 3};
    struct image_set set = {2, format, (unsigned char *)colour + 20}, back;
    unsigned char *bytes;
    size_t length;
    assert_int_equal(idx_write_images(scratch_path("colour"), &set), 0);
    assert_int_equal(file_read(scratch_path("colour"), 999, STATUS_DATA, &bytes, &length), 0);
    assert_int_equal(length, sizeof colour);
    assert_memory_equal(bytes, colour, length);
    free(bytes);
    assert_int_equal(idx_read_images(scratch_path("colour"), &back), 0);
    assert_int_equal(back.count, 2);
    assert_true(image_format_equal(back.format, format));
    assert_memory_equal(back.pixels, colour + 20, 12);
    image_set_release(&back);
}

static void refuses_colour_that_is_not_whole(void **state)
{
    (void)state;
    unsigned char four[sizeof colour];
    assert_refused(scratch_file("short", colour, 18), "an IDX header takes 20 bytes");
    assert_refused(scratch_file("cut", colour, sizeof colour - 1), "truncated at byte 31");
    memcpy(four, colour, sizeof four);
    four[19] = 4;
    assert_refused(scratch_file("four", four, sizeof four), "byte 16 promises 4 channels");
}

static void writes_the_same_bytes_again(void **state)
{
    (void)state;
    struct image_set set = {2, {2, 3, 1}, (unsigned char *)good + 16};
    unsigned char *first, *second, *plain;
    size_t first_length, second_length, plain_length;
    assert_int_equal(idx_write_images(scratch_path("one.gz"), &set), 0);
    assert_int_equal(idx_write_images(scratch_path("two.gz"), &set), 0);
    assert_int_equal(idx_write_images(scratch_path("plain"), &set), 0);
    file_read(scratch_path("one.gz"), 999, STATUS_DATA, &first, &first_length);
    file_read(scratch_path("two.gz"), 999, STATUS_DATA, &second, &second_length);
    file_read(scratch_path("plain"), 999, STATUS_DATA, &plain, &plain_length);
    assert_int_equal(first_length, second_length);
    assert_memory_equal(first, second, first_length);
    assert_memory_equal(first, "\x1f\x8b", 2);
    assert_memory_equal(first + 4, "\0\0\0\0", 4); /* no time */
    assert_int_equal(plain_length, sizeof good);
    assert_memory_equal(plain, good, sizeof good);
    free(first);
    free(second);
    free(plain);
}

static void refuses_to_write_nothing(void **state)
{
    (void)state;
    struct image_set none = {0, {28, 28, 1}, NULL}, huge = {(size_t)1 << 40, {28, 28, 1}, NULL};
    assert_int_equal(idx_write_images(scratch_path("none"), &none), -1);
    assert_error(STATUS_RUNTIME, "none", "not written");
    assert_int_equal(idx_write_images(scratch_path("none"), &huge), -1);
    assert_error(STATUS_RUNTIME, "none", "not written");
    assert_false(file_exists(scratch_path("none")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_images),
        cmocka_unit_test(reads_the_sample),
        cmocka_unit_test(refuses_a_wrong_header),
        cmocka_unit_test(refuses_a_wrong_length),
        cmocka_unit_test(refuses_sizes_that_overflow),
        cmocka_unit_test(refuses_cut_gzip),
        cmocka_unit_test(writes_what_it_reads),
        cmocka_unit_test(colour_has_a_fourth_dimension),
        cmocka_unit_test(refuses_colour_that_is_not_whole),
        cmocka_unit_test(writes_the_same_bytes_again),
        cmocka_unit_test(refuses_to_write_nothing),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
