#include "image/image.h"

#include "base/error.h"
#include "base/files.h"
#include "base/identify.h"
#include "base/memory.h"
#include "image/decode.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_LIMIT ((size_t)1 << 30)
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

/* Of either byte order, classic or BigTIFF. */
static bool is_tiff(const unsigned char *bytes, size_t length)
{
    return length >= 4 && (!memcmp(bytes, "II*\0", 4) || !memcmp(bytes, "MM\0*", 4) ||
                           !memcmp(bytes, "II+\0", 4) || !memcmp(bytes, "MM\0+", 4));
}

static bool is_webp(const unsigned char *bytes, size_t length)
{
    return length >= 12 && !memcmp(bytes, "RIFF", 4) && !memcmp(bytes + 8, "WEBP", 4);
}

static const struct {
    bool (*knows)(const unsigned char *bytes, size_t length);
    int (*decode)(const struct encoded *file, struct image *picture);
} formats[] = {{is_png, decode_png},
               {is_jpeg, decode_jpeg},
               {is_tiff, decode_tiff},
               {is_webp, decode_webp},
               {starts_as_pnm, decode_pnm}};
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
    return 0;
}

int new_picture(const struct encoded *file, struct stored is, struct image *picture)
{
    int own = is.coloured ? 3 : 1, channels = file->wanted->channels;
    int result = image_new_deep(picture, (int)is.width, (int)is.height, channels ? channels : own,
                                file->wanted->deep ? is.depth : 8);
    picture->coloured = is.coloured && !result;
    return result;
}

int note_head(const struct encoded *file, struct stored is, int orientation)
{
    bool turned = orientation >= 5;
    *file->head = (struct image_head){(int)(turned ? is.height : is.width),
                                      (int)(turned ? is.width : is.height), is.coloured};
    return 0;
}

static unsigned luma(unsigned red, unsigned green, unsigned blue)
{
    return (299 * red + 587 * green + 114 * blue + 500) / 1000;
}

void put_pixel(struct image *picture, size_t i, pixel p)
{
    const unsigned full = picture->depth == 16 ? 65535 : 255;
    const unsigned colour[] = {p.red, p.green, p.blue}, gray[] = {luma(p.red, p.green, p.blue)};
    const unsigned *from = picture->channels == 1 ? gray : colour;
    size_t to = i * (size_t)picture->channels;
    for (int c = 0; c < picture->channels; c++) {
        unsigned value = (from[c] * p.alpha + full / 2) / full; /* over black */
        if (picture->depth == 16)
            ((unsigned short *)(void *)picture->pixels)[to + (size_t)c] = (unsigned short)value;
        else
            picture->pixels[to + (size_t)c] = (unsigned char)value;
    }
}

int keep_profile(struct image_tags *tags, const void *profile, size_t length)
{
    if (!length)
        return 0;
    if (!(tags->profile = allocate(length, 1)))
        return -1;
    memcpy(tags->profile, profile, length);
    tags->profile_length = length;
    return 0;
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
    return fail(
        STATUS_DATA,
        "%s: not a picture: neither PNG, JPEG, TIFF, WebP, PGM nor PPM starts with the bytes%s",
        file->path, start);
}

static int decode(const struct encoded *file, struct image *picture)
{
    for (int i = 0; i < FORMATS; i++)
        if (formats[i].knows(file->bytes, file->length))
            return formats[i].decode(file, picture);
    return refuse(file);
}

int image_read_as(const char *path, const struct image_request *wanted, struct image *picture)
{
    unsigned char *bytes = NULL;
    size_t length;
    *picture = (struct image){0};
    if (file_read(path, FILE_LIMIT, STATUS_DATA, &bytes, &length))
        return -1;
    int result = decode(&(struct encoded){path, bytes, length, wanted, NULL}, picture);
    free(bytes);
    return result;
}

int image_read(const char *path, int channels, struct image *picture)
{
    return image_read_as(path, &(struct image_request){.channels = channels}, picture);
}

static int look(const char *path, const unsigned char *bytes, size_t length,
                struct image_head *head)
{
    struct image none;
    return decode(&(struct encoded){path, bytes, length, &(struct image_request){0}, head}, &none);
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

int image_new_deep(struct image *picture, int width, int height, int channels, int depth)
{
    *picture = (struct image){0};
    unsigned char *pixels =
        allocate((size_t)width * (size_t)height, (size_t)channels * (size_t)(depth / 8));
    if (!pixels)
        return -1;
    *picture = (struct image){
        .width = width, .height = height, .channels = channels, .depth = depth, .pixels = pixels};
    return 0;
}

int image_new(struct image *picture, int width, int height, int channels)
{
    return image_new_deep(picture, width, height, channels, 8);
}

void image_release(struct image *picture)
{
    if (!picture)
        return;
    free(picture->pixels);
    free(picture->tags.profile);
    *picture = (struct image){0};
}
