/* What the tests of picture formats share: reading as a request says, colour profiles, damage, and that nothing
 * is printed meanwhile. Use quiet_make and quiet_remove as the group's setup and teardown. */
#ifndef TESTS_PICTURE_BYTES_H
#define TESTS_PICTURE_BYTES_H

#include "base/files.h"
#include "image/image.h"
#include "scratch.h"
#include <fcntl.h>

/* ---- Standard error must stay empty ---- */

static int kept_error;

static inline int quiet_make(void **state)
{
    if (scratch_make(state))
        return -1;
    int file = open(scratch_path("stderr"), O_WRONLY | O_CREAT | O_APPEND, 0600);
    kept_error = dup(2);
    return file >= 0 && kept_error >= 0 && dup2(file, 2) == 2 ? close(file) : -1;
}

/* cmocka tells of failed tests there, so this is for the end of a test that passed. */
static inline void assert_nothing_printed(void)
{
    struct stat info;
    assert_int_equal(fstat(2, &info), 0);
    if (info.st_size)
        fail_msg("%ld bytes were printed", (long)info.st_size);
}

static inline int quiet_remove(void **state)
{
    unsigned char *said = NULL;
    size_t length = 0;
    dup2(kept_error, 2);
    if (!file_read(scratch_path("stderr"), 1 << 20, STATUS_DATA, &said, &length))
        fwrite(said, 1, length, stderr);
    free(said);
    return scratch_remove(state);
}

/* ---- Reading ---- */

static const struct image_request everything = {.deep = true, .tags = true};

static inline struct image read_with(const char *path, struct image_request wanted)
{
    struct image picture;
    struct image_head head;
    if (image_read_as(path, &wanted, &picture) || image_look(path, &head))
        fail_msg("%s", error_message());
    assert_int_equal(head.width, picture.width);
    assert_int_equal(head.height, picture.height);
    assert_int_equal(head.coloured, picture.coloured);
    if (!wanted.deep)
        assert_int_equal(picture.depth, 8);
    return picture;
}

/* Which stored row and column is seen at (x, y), by the standard's words: which side of the picture is row 0, and which
 * is column 0. The stored picture is that wide and high. */
static inline void stored_place(int orientation, int x, int y, int width, int height, int *column,
                                int *row)
{
    *row = orientation < 5 ? y : x;
    *column = orientation < 5 ? x : y;
    if (orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8)
        *column = width - 1 - *column;
    if (orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7)
        *row = height - 1 - *row;
}

static inline unsigned sample(const struct image *p, size_t i)
{
    return p->depth == 16 ? ((const unsigned short *)(const void *)p->pixels)[i] : p->pixels[i];
}

static inline void assert_refused(const char *path, const char *why)
{
    struct image picture;
    assert_int_equal(image_read_as(path, &everything, &picture), -1);
    assert_error(STATUS_DATA, path, why);
    assert_null(picture.pixels);
    assert_null(picture.tags.profile);
}

static inline void load(const char *path, unsigned char **bytes, size_t *length)
{
    assert_int_equal(file_read(path, 1 << 24, STATUS_DATA, bytes, length), 0);
}

/* ---- Colour profiles ---- */

enum { PROFILE_LENGTH = 400 };

static inline void put_number(unsigned char *at, unsigned long value)
{
    for (int i = 0; i < 4; i++)
        at[i] = (unsigned char)(value >> (24 - 8 * i));
}

/* All that libpng asks of one, which takes none of less than 81 packed bytes for whole; space is "RGB " or
 * "GRAY". */
static inline const unsigned char *profile_of(const char *space)
{
    static unsigned char p[PROFILE_LENGTH];
    memset(p, 0, sizeof p);
    put_number(p, PROFILE_LENGTH);
    p[8] = 2; /* version 2.0 */
    memcpy(p + 12, "mntr", 4);
    memcpy(p + 16, space, 4);
    memcpy(p + 20, "XYZ acsp", 4);
    memcpy(p + 36, "acsp", 4);
    put_number(p + 68, 0x0000f6d6); /* D50 */
    put_number(p + 72, 0x00010000);
    put_number(p + 76, 0x0000d32d);
    put_number(p + 128, 1); /* one tag, of any data */
    memcpy(p + 132, "cprt", 4);
    put_number(p + 136, 144);
    put_number(p + 140, PROFILE_LENGTH - 144);
    for (int i = 144; i < PROFILE_LENGTH; i++)
        p[i] = (unsigned char)(i * i / 7);
    return p;
}

static inline void assert_profile(const struct image *p, const char *space)
{
    assert_int_equal(p->tags.profile_length, space ? PROFILE_LENGTH : 0);
    if (space)
        assert_memory_equal(p->tags.profile, profile_of(space), PROFILE_LENGTH);
    else
        assert_null(p->tags.profile);
}

/* To a hundredth. */
static inline void assert_per_metre(const struct image *p, double across, double down)
{
    const double *found = p->tags.per_metre;
    if (found[0] < across - 0.01 || found[0] > across + 0.01 || found[1] < down - 0.01 ||
        found[1] > down + 0.01)
        fail_msg("%.3f x %.3f pixels a metre, not %.3f x %.3f", found[0], found[1], across, down);
}

/* Into a PNG, and out of it: what it is afterwards. */
static inline struct image packed_and_read(const struct image *picture)
{
    unsigned char *file;
    size_t length;
    if (image_pack("packed", picture, &file, &length))
        fail_msg("%s", error_message());
    const char *path = scratch_file("packed.png", file, length);
    free(file);
    struct image again = read_with(path, everything);
    assert_int_equal(again.width, picture->width);
    assert_int_equal(again.height, picture->height);
    assert_int_equal(again.channels, picture->channels);
    assert_int_equal(again.depth, picture->depth);
    assert_memory_equal(again.pixels, picture->pixels,
                        (size_t)(again.width * again.height * again.channels * again.depth / 8));
    return again;
}

/* ---- Damage ---- */

/* As scratch_file(), for a name that has been used: a file that is truncated and written again may be flushed to
 * the disk at once. */
static inline const char *fresh_file(const char *name, const void *bytes, size_t length)
{
    unlink(scratch_path(name));
    return scratch_file(name, bytes, length);
}

/* A picture or a message, whatever the bytes are. */
static inline bool is_read(const char *path)
{
    struct image picture;
    bool whole = !image_read_as(path, &everything, &picture);
    if (!whole) {
        assert_non_null(strstr(error_message(), path));
        assert_true(error_status() == STATUS_DATA || error_status() == STATUS_MEMORY);
        assert_null(picture.pixels);
        error_clear();
    }
    image_release(&picture);
    return whole;
}

/* Cut anywhere, a file is refused. */
static inline void assert_cuts_refused(const char *path, size_t from)
{
    unsigned char *bytes;
    size_t length;
    load(path, &bytes, &length);
    for (size_t cut = from; cut < length; cut++)
        if (is_read(fresh_file("cut", bytes, cut)))
            fail_msg("%s: cut to %zu of %zu bytes it is read", path, cut, length);
    free(bytes);
}

/* `count` times another byte of the file is another one. Returns how many were read. */
static inline int read_damaged(const char *path, int count)
{
    unsigned char *bytes;
    size_t length;
    uint32_t random = 1;
    int whole = 0;
    load(path, &bytes, &length);
    for (int i = 0; i < count; i++) {
        random = random * 1664525 + 1013904223;
        size_t place = (size_t)((uint64_t)random * length >> 32);
        unsigned char kept = bytes[place];
        bytes[place] ^= (unsigned char)(1 + i % 255);
        whole += is_read(fresh_file("damaged", bytes, length));
        bytes[place] = kept;
    }
    free(bytes);
    return whole;
}

#endif
