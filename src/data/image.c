#include "data/image.h"

#include "base/error.h"
#include "base/files.h"
#include "base/memory.h"
#include "data/decode.h"
#include <png.h>
#include <stdlib.h>
#include <string.h>

#define FILE_LIMIT ((size_t)256 << 20)

static const struct {
    const char *magic;
    size_t length;
    int (*decode)(const char *path, const unsigned char *file, size_t length, struct image *);
} formats[] = {
    {"\x89PNG\r\n\x1a\n", 8, decode_png},
    {"\xff\xd8\xff", 3, decode_jpeg},
    {"P2", 2, decode_pgm},
    {"P5", 2, decode_pgm},
};

int check_picture_size(const char *path, unsigned long width, unsigned long height)
{
    if (!width || !height)
        return fail(STATUS_DATA, "%s: the picture is empty (%lu x %lu)", path, width, height);
    if (width > IMAGE_SIDE_LIMIT || height > IMAGE_SIDE_LIMIT ||
        (size_t)width * height > IMAGE_PIXEL_LIMIT)
        return fail(STATUS_DATA,
                    "%s: too large: %lu x %lu pixels; at most %d a side and %zu in all are read",
                    path, width, height, IMAGE_SIDE_LIMIT, IMAGE_PIXEL_LIMIT);
    return 0;
}

static int decode(const char *path, const unsigned char *file, size_t length, struct image *picture)
{
    if (!length)
        return fail(STATUS_DATA, "%s: the file is empty", path);
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
        if (length >= formats[i].length && !memcmp(file, formats[i].magic, formats[i].length))
            return formats[i].decode(path, file, length, picture);
    return fail(STATUS_DATA, "%s: not a picture: neither PNG, JPEG nor PGM starts with byte 0x%02x",
                path, file[0]);
}

int image_read(const char *path, struct image *picture)
{
    unsigned char *file = NULL;
    size_t length;
    *picture = (struct image){0};
    if (file_read(path, FILE_LIMIT, STATUS_DATA, &file, &length))
        return -1;
    int result = decode(path, file, length, picture);
    free(file);
    return result;
}

void image_release(struct image *picture)
{
    if (!picture)
        return;
    free(picture->gray);
    *picture = (struct image){0};
}

int image_write_png(const char *path, int width, int height, int channels,
                    const unsigned char *bytes)
{
    if (width < 1 || height < 1 || width > IMAGE_SIDE_LIMIT || height > IMAGE_SIDE_LIMIT ||
        (size_t)width * (size_t)height > IMAGE_PIXEL_LIMIT)
        return fail(STATUS_RUNTIME, "%s: not written: %d x %d pixels are too few or too many", path,
                    width, height);
    png_image head = {.version = PNG_IMAGE_VERSION,
                      .width = (png_uint_32)width,
                      .height = (png_uint_32)height,
                      .format = channels == 3 ? PNG_FORMAT_RGB : PNG_FORMAT_GRAY};
    png_alloc_size_t length = PNG_IMAGE_PNG_SIZE_MAX(head);
    unsigned char *file = allocate(length, 1);
    if (!file)
        return -1;
    int result = png_image_write_to_memory(&head, file, &length, 0, bytes, 0, NULL)
                     ? file_write_atomic(path, file, length)
                     : fail(STATUS_RUNTIME, "%s: not written: %s", path, head.message);
    free(file);
    return result;
}
