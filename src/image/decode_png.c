#include "base/error.h"
#include "base/memory.h"
#include "image/decode.h"
#include <png.h>
#include <stdlib.h>
#include <string.h>

/* What a decoding owns. It lives in decode_png's frame, so that a longjmp out of libpng finds
 * every member as it was. */
struct reader {
    const struct encoded *file;
    size_t place;
    png_structp png;
    png_infop info;
    unsigned char *pixels; /* (height, width, channels) */
    png_bytepp rows;
    struct image picture;
};

static void stop(png_structp png, png_const_charp why)
{
    const struct reader *r = png_get_error_ptr(png);
    fail(STATUS_DATA, "%s: damaged PNG near byte %zu: %s", r->file->path, r->place, why);
    png_longjmp(png, 1);
}

/*
 * libpng leaves out what is damaged and continues; a picture that lacks its transparency is refused
 * here. Its warnings start with the chunk's name. Only of those listed is it certain that no pixel
 * depends on them: a name that it does not know may be a damaged one.
 */
static void judge_warning(png_structp png, png_const_charp why)
{
    static const char names[][5] = {"bKGD", "cHRM", "cICP", "dSIG", "eXIf", "gAMA", "hIST",
                                    "iCCP", "iTXt", "oFFs", "pCAL", "pHYs", "sBIT", "sCAL",
                                    "sPLT", "sRGB", "sTER", "tEXt", "tIME", "zTXt"};
    if (strlen(why) < 5 || why[4] != ':')
        return; /* about no chunk */
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!strncmp(why, names[i], 4))
            return;
    stop(png, why);
}

static void give_bytes(png_structp png, png_bytep bytes, size_t wanted)
{
    struct reader *r = png_get_io_ptr(png);
    if (wanted > r->file->length - r->place) {
        r->place = r->file->length;
        png_error(png, "the file ends early");
    }
    memcpy(bytes, r->file->bytes + r->place, wanted);
    r->place += wanted;
}

static bool has_palette(const struct reader *r)
{
    return png_get_color_type(r->png, r->info) == PNG_COLOR_TYPE_PALETTE;
}

static bool is_coloured(const struct reader *r)
{
    return has_palette(r) || png_get_channels(r->png, r->info) > 2;
}

/* 8 bits a channel: gray or RGB, maybe with alpha, or numbers of colours, which libpng does not
 * hold against the palette when it looks them up itself. */
static void normalise(struct reader *r)
{
    if (has_palette(r))
        png_set_packing(r->png);
    else
        png_set_expand(r->png);
    png_set_scale_16(r->png);
    png_set_interlace_handling(r->png);
    png_read_update_info(r->png, r->info);
}

static int read_pixels(struct reader *r)
{
    size_t height = png_get_image_height(r->png, r->info);
    size_t row_bytes = png_get_rowbytes(r->png, r->info);
    r->pixels = allocate(height, row_bytes);
    r->rows = allocate(height, sizeof *r->rows);
    if (!r->pixels || !r->rows)
        return -1;
    for (size_t i = 0; i < height; i++)
        r->rows[i] = r->pixels + i * row_bytes;
    png_read_image(r->png, r->rows);
    png_read_end(r->png, r->info); /* the rest must be sound as well */
    return 0;
}

/* Returns how many colours the palette has. */
static int read_palette(const struct reader *r, pixel palette[256])
{
    png_colorp colours = NULL;
    png_bytep alphas = NULL;
    int count = 0, alpha_count = 0;
    png_get_PLTE(r->png, r->info, &colours, &count);
    if (png_get_valid(r->png, r->info, PNG_INFO_tRNS))
        png_get_tRNS(r->png, r->info, &alphas, &alpha_count, NULL);
    for (int i = 0; i < count && i < 256; i++)
        palette[i] = (pixel){colours[i].red, colours[i].green, colours[i].blue,
                             i < alpha_count ? alphas[i] : 255};
    return count;
}

static int look_up(struct reader *r, size_t count)
{
    pixel palette[256] = {{0}};
    int colours = read_palette(r, palette);
    for (size_t i = 0; i < count; i++) {
        if (r->pixels[i] >= colours)
            return fail(STATUS_DATA,
                        "%s: damaged PNG: pixel %zu has colour number %d of a palette of %d",
                        r->file->path, i, r->pixels[i], colours);
        put_pixel(&r->picture, i, palette[r->pixels[i]]);
    }
    return 0;
}

/* Gray has 1 channel, or 2 with alpha, colour 3 or 4. */
static void convert(struct reader *r, size_t count)
{
    size_t channels = png_get_channels(r->png, r->info);
    size_t green = channels < 3 ? 0 : 1, blue = channels < 3 ? 0 : 2;
    for (size_t i = 0; i < count; i++) {
        const unsigned char *p = r->pixels + i * channels;
        put_pixel(&r->picture, i,
                  (pixel){p[0], p[green], p[blue], channels % 2 ? 255 : p[channels - 1]});
    }
}

static int make_picture(struct reader *r)
{
    size_t width = png_get_image_width(r->png, r->info);
    size_t height = png_get_image_height(r->png, r->info), count = width * height;
    if (new_picture(r->file, width, height, is_coloured(r), &r->picture))
        return -1;
    if (has_palette(r))
        return look_up(r, count);
    convert(r, count);
    return 0;
}

static int orientation(const struct reader *r)
{
    png_uint_32 length = 0;
    png_bytep exif = NULL;
    return png_get_eXIf_1(r->png, r->info, &length, &exif) ? exif_orientation(exif, length) : 1;
}

static int read_all(struct reader *r)
{
    if (setjmp(png_jmpbuf(r->png)))
        return -1; /* stop() has said why */
    png_set_read_fn(r->png, r, give_bytes);
    png_set_user_limits(r->png, 0x7fffffff, 0x7fffffff); /* ours, below, names the limit */
    png_read_info(r->png, r->info);
    if (check_picture_size(r->file, png_get_image_width(r->png, r->info),
                           png_get_image_height(r->png, r->info)))
        return -1;
    if (r->file->head)
        return note_head(r->file, png_get_image_width(r->png, r->info),
                         png_get_image_height(r->png, r->info), is_coloured(r), orientation(r));
    normalise(r);
    return read_pixels(r) || make_picture(r) || set_upright(&r->picture, orientation(r)) ? -1 : 0;
}

int decode_png(const struct encoded *file, struct image *picture)
{
    struct reader r = {.file = file};
    int result = -1;
    r.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &r, stop, judge_warning);
    r.info = r.png ? png_create_info_struct(r.png) : NULL;
    if (!r.info)
        fail(STATUS_MEMORY, "%s: out of memory while reading a PNG", file->path);
    else
        result = read_all(&r);
    png_destroy_read_struct(&r.png, &r.info, NULL);
    free(r.pixels);
    free(r.rows);
    if (result)
        image_release(&r.picture);
    else
        *picture = r.picture;
    return result;
}
