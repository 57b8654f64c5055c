#include "base/error.h"
#include "base/memory.h"
#include "data/decode.h"
#include <png.h>
#include <stdlib.h>
#include <string.h>

/* What a decoding owns. It lives in decode_png's frame, so that a longjmp out of libpng finds
 * every member as it was. */
struct reader {
    const char *path;
    const unsigned char *file;
    size_t length, place;
    png_structp png;
    png_infop info;
    unsigned char *pixels; /* (height, width, channels) */
    png_bytepp rows;
    struct image picture;
};

static void stop(png_structp png, png_const_charp why)
{
    const struct reader *r = png_get_error_ptr(png);
    fail(STATUS_DATA, "%s: damaged PNG near byte %zu: %s", r->path, r->place, why);
    png_longjmp(png, 1);
}

static void ignore(png_structp png, png_const_charp why)
{
    (void)png;
    (void)why;
}

static void give_bytes(png_structp png, png_bytep bytes, size_t wanted)
{
    struct reader *r = png_get_io_ptr(png);
    if (wanted > r->length - r->place) {
        r->place = r->length;
        png_error(png, "the file ends early");
    }
    memcpy(bytes, r->file + r->place, wanted);
    r->place += wanted;
}

/* 8 bits a channel, with palette and transparency resolved into gray or RGB, maybe with alpha. */
static void normalise(struct reader *r)
{
    png_set_expand(r->png);
    png_set_scale_16(r->png);
    png_set_interlace_handling(r->png);
    png_read_update_info(r->png, r->info);
}

static unsigned char to_gray(const unsigned char *p, size_t channels)
{
    unsigned value = channels < 3 ? p[0] : (299u * p[0] + 587u * p[1] + 114u * p[2] + 500) / 1000;
    unsigned alpha = channels % 2 ? 255 : p[channels - 1];
    return (unsigned char)((value * alpha + 127) / 255);
}

static int read_pixels(struct reader *r)
{
    size_t height = (size_t)r->picture.height, row_bytes = png_get_rowbytes(r->png, r->info);
    r->pixels = allocate(height, row_bytes);
    r->rows = allocate(height, sizeof *r->rows);
    if (!r->pixels || !r->rows)
        return -1;
    for (size_t i = 0; i < height; i++)
        r->rows[i] = r->pixels + i * row_bytes;
    png_read_image(r->png, r->rows);
    png_read_end(r->png, NULL); /* the rest must be sound as well */
    return 0;
}

static int convert_to_gray(struct reader *r)
{
    size_t count = (size_t)r->picture.width * (size_t)r->picture.height;
    size_t channels = png_get_channels(r->png, r->info);
    r->picture.gray = allocate(count, 1);
    if (!r->picture.gray)
        return -1;
    for (size_t i = 0; i < count; i++)
        r->picture.gray[i] = to_gray(r->pixels + i * channels, channels);
    return 0;
}

static int read_all(struct reader *r)
{
    if (setjmp(png_jmpbuf(r->png)))
        return -1; /* stop() has said why */
    png_set_read_fn(r->png, r, give_bytes);
    png_set_user_limits(r->png, 0x7fffffff, 0x7fffffff); /* ours, below, names the limit */
    png_read_info(r->png, r->info);
    png_uint_32 width = png_get_image_width(r->png, r->info);
    png_uint_32 height = png_get_image_height(r->png, r->info);
    if (check_picture_size(r->path, width, height))
        return -1;
    r->picture = (struct image){(int)width, (int)height, NULL};
    normalise(r);
    return read_pixels(r) || convert_to_gray(r) ? -1 : 0;
}

int decode_png(const char *path, const unsigned char *file, size_t length, struct image *picture)
{
    struct reader r = {.path = path, .file = file, .length = length};
    int result = -1;
    r.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &r, stop, ignore);
    r.info = r.png ? png_create_info_struct(r.png) : NULL;
    if (!r.info)
        fail(STATUS_MEMORY, "%s: out of memory while reading a PNG", path);
    else
        result = read_all(&r);
    png_destroy_read_struct(&r.png, &r.info, NULL);
    free(r.pixels);
    free(r.rows);
    if (result)
        free(r.picture.gray);
    else
        *picture = r.picture;
    return result;
}
