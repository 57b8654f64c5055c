#include "base/error.h"
#include "base/files.h"
#include "base/memory.h"
#include "image/image.h"
#include <png.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

/* What an encoding owns. It lives in image_pack's frame, so that a longjmp out of libpng finds every
 * member as it was. */
struct writer {
    const char *path;
    const struct image *picture;
    png_structp png;
    png_infop info;
    unsigned char *bytes;
    size_t length, capacity;
};

static void stop(png_structp png, png_const_charp why)
{
    const struct writer *w = png_get_error_ptr(png);
    fail(STATUS_RUNTIME, "%s: not written: %s", w->path, why);
    png_longjmp(png, 1);
}

/* Such as one about a profile that is not sound, and left out then. */
static void pass_over(png_structp png, png_const_charp why)
{
    (void)png;
    (void)why;
}

static void take_bytes(png_structp png, png_bytep bytes, size_t length)
{
    struct writer *w = png_get_io_ptr(png);
    if (grow(&w->bytes, &w->capacity, w->length + length, 1))
        png_longjmp(png, 1);
    memcpy(w->bytes + w->length, bytes, length);
    w->length += length;
}

static void flush(png_structp png)
{
    (void)png;
}

/* Gray pictures take profiles of gray, colour ones of RGB; where it lies in a profile, the ICC says.
 * A profile that is padded ends where it says so. Returns how long it is, or 0. */
static size_t usable_profile(const struct image *picture)
{
    enum { LENGTH = 0, SPACE = 16, HEADER = 128 };
    const struct image_tags *tags = &picture->tags;
    if (tags->profile_length < HEADER ||
        memcmp(tags->profile + SPACE, picture->channels == 1 ? "GRAY" : "RGB ", 4) != 0)
        return 0;
    size_t said = png_get_uint_32(tags->profile + LENGTH);
    return said <= tags->profile_length ? said : 0;
}

static bool has_chromaticities(const struct image_tags *tags)
{
    for (int i = 0; i < 8; i++)
        if (tags->chromaticities[i] <= 0)
            return false;
    return true;
}

static void set_colour_space(struct writer *w)
{
    const struct image_tags *tags = &w->picture->tags;
    const double *c = tags->chromaticities;
    size_t profile = usable_profile(w->picture);
    if (profile) {
        png_set_iCCP(w->png, w->info, "ICC profile", PNG_COMPRESSION_TYPE_BASE, tags->profile,
                     (png_uint_32)profile);
    } else if (tags->srgb) {
        png_set_sRGB(w->png, w->info, tags->srgb - 1);
    } else {
        if (tags->gamma > 0)
            png_set_gAMA(w->png, w->info, tags->gamma);
        if (has_chromaticities(tags))
            png_set_cHRM(w->png, w->info, c[0], c[1], c[2], c[3], c[4], c[5], c[6], c[7]);
    }
}

static void set_tags(struct writer *w)
{
    const double *per_metre = w->picture->tags.per_metre;
    if (per_metre[0] >= 0.5 && per_metre[1] >= 0.5 && per_metre[0] < PNG_UINT_31_MAX &&
        per_metre[1] < PNG_UINT_31_MAX)
        png_set_pHYs(w->png, w->info, (png_uint_32)(per_metre[0] + 0.5),
                     (png_uint_32)(per_metre[1] + 0.5), PNG_RESOLUTION_METER);
    set_colour_space(w);
}

/*
 * Measured on one core of an AMD EPYC (Zen 3) with libpng 1.6.39 and zlib 1.2.13:
 * - a photograph of 4224 x 3168, 8 bits: 2.1 s at level 4, 4.9 s at libpng's own level 6, and 5 % larger;
 * - noise on a ramp, 7016 x 1500, 16 bits: 1.7 s if only runs are looked for, 5.7 s at level 4, and as large.
 *   Noise in the lower bytes leaves nothing else to find;
 * - digits of 28 x 28: 46 us and 241 bytes each without filters and with a small hash table, 56 us and 282
 *   bytes by png_image_write_to_memory(); clothes: 65 us and 519 bytes, 76 us and 523 bytes.
 */
static void choose_speed(struct writer *w, size_t bytes)
{
    enum { SMALL = 1024, SMALL_TABLE = 4, LEVEL = 4 };
    if (bytes <= SMALL) {
        png_set_filter(w->png, PNG_FILTER_TYPE_BASE, PNG_FILTER_NONE);
        png_set_compression_mem_level(w->png, SMALL_TABLE);
    } else if (w->picture->depth == 16) {
        png_set_compression_level(w->png, 1);
        png_set_compression_strategy(w->png, Z_RLE);
    } else {
        png_set_compression_level(w->png, LEVEL);
    }
}

static int write_all(struct writer *w)
{
    const struct image *p = w->picture;
    size_t row_bytes = (size_t)p->width * (size_t)p->channels * (size_t)(p->depth / 8);
    if (setjmp(png_jmpbuf(w->png)))
        return -1; /* the error is recorded */
    png_set_write_fn(w->png, w, take_bytes, flush);
    png_set_benign_errors(w->png, 1);
    png_set_IHDR(w->png, w->info, (png_uint_32)p->width, (png_uint_32)p->height, p->depth,
                 p->channels == 3 ? PNG_COLOR_TYPE_RGB : PNG_COLOR_TYPE_GRAY, PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_BASE, PNG_FILTER_TYPE_BASE);
    choose_speed(w, row_bytes * (size_t)p->height);
    set_tags(w);
    png_write_info(w->png, w->info);
    if (p->depth == 16 && *(const unsigned char *)&(const unsigned short){1})
        png_set_swap(w->png);
    for (size_t y = 0; y < (size_t)p->height; y++)
        png_write_row(w->png, p->pixels + y * row_bytes);
    png_write_end(w->png, NULL);
    return 0;
}

int image_pack(const char *path, const struct image *picture, unsigned char **file, size_t *length)
{
    struct writer w = {.path = path, .picture = picture};
    int width = picture->width, height = picture->height, result = -1;
    if (width < 1 || height < 1 || width > IMAGE_SIDE_LIMIT || height > IMAGE_SIDE_LIMIT ||
        (size_t)width * (size_t)height > IMAGE_PIXEL_LIMIT)
        return fail(STATUS_RUNTIME, "%s: not written: %d x %d pixels are too few or too many", path,
                    width, height);
    w.png = png_create_write_struct(PNG_LIBPNG_VER_STRING, &w, stop, pass_over);
    w.info = w.png ? png_create_info_struct(w.png) : NULL;
    if (!w.info)
        fail(STATUS_MEMORY, "%s: out of memory while writing a PNG", path);
    else
        result = write_all(&w);
    png_destroy_write_struct(&w.png, &w.info);
    if (result) {
        free(w.bytes);
        return -1;
    }
    *file = w.bytes;
    *length = w.length;
    return 0;
}

int image_write_png(const char *path, int width, int height, int channels,
                    const unsigned char *bytes)
{
    /* pixels are only read */
    const struct image picture = {.width = width,
                                  .height = height,
                                  .channels = channels,
                                  .depth = 8,
                                  .pixels = (unsigned char *)bytes};
    unsigned char *file;
    size_t length;
    if (image_pack(path, &picture, &file, &length))
        return -1;
    int result = file_write_atomic(path, file, length);
    free(file);
    return result;
}
