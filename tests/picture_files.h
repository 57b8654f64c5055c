/* What a picture in a file should be, or why it should be refused. */
#ifndef TESTS_PICTURE_FILES_H
#define TESTS_PICTURE_FILES_H

#include "data/image.h"
#include "scratch.h"

static inline void assert_pixels(const char *path, int width, int height, const unsigned char *gray)
{
    struct image picture;
    if (image_read(path, &picture))
        fail_msg("%s", error_message());
    assert_int_equal(picture.width, width);
    assert_int_equal(picture.height, height);
    assert_memory_equal(picture.gray, gray, (size_t)width * (size_t)height);
    image_release(&picture);
    assert_null(picture.gray);
}

static inline void assert_refused(const char *path, const char *why)
{
    struct image picture = {1, 1, NULL};
    assert_int_equal(image_read(path, &picture), -1);
    assert_error(STATUS_DATA, path, why);
    assert_int_equal(picture.width, 0);
    assert_null(picture.gray);
}

#endif
