#include "image/image.h"

#include "base/error.h"
#include "base/files.h"
#include "base/identify.h"
#include "base/memory.h"
#include "image/decode.h"
#include <png.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_LIMIT ((size_t)256 << 20)
#define HEADER_LIMIT ((size_t)64 << 10)

enum { START = 16 }; /* bytes that tell one format from another */

static bool is_png(const unsigned char *bytes, size_t length)
{
    return length >= 8 && !memcmp(bytes, "\x89PNG\r\n\x1a\n", 8);
}

static bool is_jpeg(const unsigned char *bytes, size_t length)
{
    return length >= 3 && !memcmp(bytes, "\xff\xd8\xff", 3);
}

static const struct {
    bool (*knows)(const unsigned char *bytes, size_t length);
    int (*decode)(const struct encoded *file, struct image *picture);
} formats[] = {{is_png, decode_png}, {is_jpeg, decode_jpeg}, {starts_as_pnm, decode_pnm}};
enum { FORMATS = sizeof formats / sizeof *formats };

int check_picture_size(const struct encoded *file, unsigned long width, unsigned long height)
{
    if (!width || !height)
        return fail(STATUS_DATA, "%s: the picture is empty (%lu x %lu)", file->path, width, height);
    if (width > IMAGE_SIDE_LIMIT || height > IMAGE_SIDE_LIMIT ||
        (size_t)width * height > IMAGE_PIXEL_LIMIT)
        return fail(STATUS_DATA,
                    "%s: too large: %lu x %lu pixels; at most %d a side and %zu in all are read",
                    file->path, width, height, IMAGE_SIDE_LIMIT, IMAGE_PIXEL_LIMIT);
    return file->fits && file->fits(file->context, (int)width, (int)height)
               ? fail_while("%s", file->path)
               : 0;
}

int new_picture(const struct encoded *file, unsigned long width, unsigned long height,
                bool coloured, struct image *picture)
{
    int own = coloured ? 3 : 1;
    return image_new(picture, (int)width, (int)height, file->channels ? file->channels : own);
}

int note_head(const struct encoded *file, unsigned long width, unsigned long height, bool coloured,
              int orientation)
{
    bool turned = orientation >= 5;
    *file->head = (struct image_head){(int)(turned ? height : width),
                                      (int)(turned ? width : height), coloured};
    return 0;
}

static unsigned luma(unsigned red, unsigned green, unsigned blue)
{
    return (299 * red + 587 * green + 114 * blue + 500) / 1000;
}

static unsigned char over_black(unsigned value, unsigned alpha)
{
    return (unsigned char)((value * alpha + 127) / 255);
}

void put_pixel(struct image *picture, size_t i, pixel p)
{
    unsigned char *to = picture->pixels + i * (size_t)picture->channels;
    if (picture->channels == 1) {
        to[0] = over_black(luma(p.red, p.green, p.blue), p.alpha);
        return;
    }
    to[0] = over_black(p.red, p.alpha);
    to[1] = over_black(p.green, p.alpha);
    to[2] = over_black(p.blue, p.alpha);
}

static int refuse(const struct encoded *file)
{
    char start[3 * START + 1] = "";
    file_kind kind = bytes_identify(file->bytes, file->length, file->path);
    if (!file->length)
        return fail(STATUS_DATA, "%s: the file is empty; perhaps a copy was cut short", file->path);
    if (kind.type != FILE_BINARY)
        return fail(STATUS_DATA, "%s: not a picture that can be read: it is %s%s", file->path,
                    kind.name, kind.type == FILE_PICTURE ? "; convert it to PNG, JPEG or PGM" : "");
    for (size_t i = 0; i < START / 2 && i < file->length; i++)
        snprintf(start + 3 * i, 4, " %02x", file->bytes[i]);
    return fail(STATUS_DATA,
                "%s: not a picture: neither PNG, JPEG, PGM nor PPM starts with the bytes%s",
                file->path, start);
}

static int decode(const struct encoded *file, struct image *picture)
{
    for (int i = 0; i < FORMATS; i++)
        if (formats[i].knows(file->bytes, file->length))
            return formats[i].decode(file, picture);
    return refuse(file);
}

int image_read_if(const char *path, int channels, image_fits *fits, const void *context,
                  struct image *picture)
{
    unsigned char *bytes = NULL;
    size_t length;
    *picture = (struct image){0};
    if (file_read(path, FILE_LIMIT, STATUS_DATA, &bytes, &length))
        return -1;
    int result =
        decode(&(struct encoded){path, bytes, length, channels, fits, context, NULL}, picture);
    free(bytes);
    return result;
}

int image_read(const char *path, int channels, struct image *picture)
{
    return image_read_if(path, channels, NULL, NULL, picture);
}

static int look(const char *path, const unsigned char *bytes, size_t length,
                struct image_head *head)
{
    struct image none;
    return decode(&(struct encoded){.path = path, .bytes = bytes, .length = length, .head = head},
                  &none);
}

/* Most headers end early in a file; an embedded thumbnail or profile may be long. */
int image_look(const char *path, struct image_head *head)
{
    unsigned char *bytes = NULL;
    size_t length;
    *head = (struct image_head){0};
    if (file_read_start(path, HEADER_LIMIT, STATUS_DATA, &bytes, &length))
        return -1;
    int result = look(path, bytes, length, head);
    free(bytes);
    if (!result || length < HEADER_LIMIT)
        return result;
    if (file_read(path, FILE_LIMIT, STATUS_DATA, &bytes, &length))
        return -1;
    result = look(path, bytes, length, head);
    free(bytes);
    return result;
}

bool image_is_one(const char *path)
{
    unsigned char start[START];
    FILE *in = file_exists(path) ? fopen(path, "rb") : NULL;
    size_t length = in ? fread(start, 1, START, in) : 0;
    if (in)
        fclose(in);
    for (int i = 0; i < FORMATS; i++)
        if (formats[i].knows(start, length))
            return true;
    return false;
}

int image_new(struct image *picture, int width, int height, int channels)
{
    *picture = (struct image){0};
    unsigned char *pixels = allocate((size_t)width * (size_t)height, (size_t)channels);
    if (!pixels)
        return -1;
    *picture = (struct image){width, height, channels, pixels};
    return 0;
}

void image_release(struct image *picture)
{
    if (!picture)
        return;
    free(picture->pixels);
    *picture = (struct image){0};
}

int image_pack_png(const char *path, int width, int height, int channels,
                   const unsigned char *bytes, unsigned char **file, size_t *length)
{
    if (width < 1 || height < 1 || width > IMAGE_SIDE_LIMIT || height > IMAGE_SIDE_LIMIT ||
        (size_t)width * (size_t)height > IMAGE_PIXEL_LIMIT)
        return fail(STATUS_RUNTIME, "%s: not written: %d x %d pixels are too few or too many", path,
                    width, height);
    png_image head = {.version = PNG_IMAGE_VERSION,
                      .width = (png_uint_32)width,
                      .height = (png_uint_32)height,
                      .format = channels == 3 ? PNG_FORMAT_RGB : PNG_FORMAT_GRAY};
    png_alloc_size_t packed = PNG_IMAGE_PNG_SIZE_MAX(head);
    if (!(*file = allocate(packed, 1)))
        return -1;
    if (!png_image_write_to_memory(&head, *file, &packed, 0, bytes, 0, NULL)) {
        free(*file);
        return fail(STATUS_RUNTIME, "%s: not written: %s", path, head.message);
    }
    *length = packed;
    return 0;
}

int image_write_png(const char *path, int width, int height, int channels,
                    const unsigned char *bytes)
{
    unsigned char *file;
    size_t length;
    if (image_pack_png(path, width, height, channels, bytes, &file, &length))
        return -1;
    int result = file_write_atomic(path, file, length);
    free(file);
    return result;
}
