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
    unsigned char *rows; /* the one that is read, or all of an interlaced picture */
    pixel palette[256];
    int colours; /* in it */
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

static bool is_little_endian(void)
{
    return *(const unsigned char *)&(const unsigned short){1};
}

static bool has_palette(const struct reader *r)
{
    return png_get_color_type(r->png, r->info) == PNG_COLOR_TYPE_PALETTE;
}

static struct stored stored(const struct reader *r)
{
    return (struct stored){png_get_image_width(r->png, r->info),
                           png_get_image_height(r->png, r->info),
                           has_palette(r) || png_get_channels(r->png, r->info) > 2,
                           png_get_bit_depth(r->png, r->info) == 16 ? 16 : 8};
}

/* 8 or 16 bits a channel: gray or RGB, maybe with alpha, or numbers of colours, which libpng does not
 * hold against the palette when it looks them up itself. Returns how often it passes over the rows. */
static int normalise(struct reader *r)
{
    if (has_palette(r))
        png_set_packing(r->png);
    else
        png_set_expand(r->png);
    if (!r->file->wanted->deep)
        png_set_scale_16(r->png);
    else if (is_little_endian())
        png_set_swap(r->png);
    int passes = png_set_interlace_handling(r->png);
    png_read_update_info(r->png, r->info);
    return passes;
}

static void read_palette(struct reader *r)
{
    png_colorp colours = NULL;
    png_bytep alphas = NULL;
    int count = 0, alpha_count = 0;
    png_get_PLTE(r->png, r->info, &colours, &count);
    if (png_get_valid(r->png, r->info, PNG_INFO_tRNS))
        png_get_tRNS(r->png, r->info, &alphas, &alpha_count, NULL);
    for (int i = 0; i < count && i < 256; i++)
        r->palette[i] = (pixel){colours[i].red, colours[i].green, colours[i].blue,
                                i < alpha_count ? alphas[i] : 255};
    r->colours = count;
}

/* A row of colour numbers, of which pixel number `first` is the first. */
static int look_up(struct reader *r, const unsigned char *row, size_t first)
{
    for (size_t i = 0; i < (size_t)r->picture.width; i++) {
        if (row[i] >= r->colours)
            return fail(STATUS_DATA,
                        "%s: damaged PNG: pixel %zu has colour number %d of a palette of %d",
                        r->file->path, first + i, row[i], r->colours);
        put_pixel(&r->picture, first + i, r->palette[row[i]]);
    }
    return 0;
}

/* Gray has 1 channel, or 2 with alpha, colour 3 or 4. */
static void convert(struct reader *r, const unsigned char *row, size_t first)
{
    size_t channels = png_get_channels(r->png, r->info), count = (size_t)r->picture.width;
    size_t green = channels < 3 ? 0 : 1, blue = channels < 3 ? 0 : 2, alpha = channels - 1;
    bool opaque = channels % 2;
    const unsigned short *deep = (const void *)row;
    if (channels == (size_t)r->picture.channels) {
        size_t bytes = channels * (size_t)(r->picture.depth / 8);
        memcpy(r->picture.pixels + first * bytes, row, count * bytes);
    } else if (r->picture.depth == 16) {
        for (size_t i = first; i < first + count; i++, deep += channels)
            put_pixel(&r->picture, i,
                      (pixel){deep[0], deep[green], deep[blue], opaque ? 65535 : deep[alpha]});
    } else {
        for (size_t i = first; i < first + count; i++, row += channels)
            put_pixel(&r->picture, i,
                      (pixel){row[0], row[green], row[blue], opaque ? 255 : row[alpha]});
    }
}

static int take_row(struct reader *r, const unsigned char *row, size_t number)
{
    size_t first = number * (size_t)r->picture.width;
    if (has_palette(r))
        return look_up(r, row, first);
    convert(r, row, first);
    return 0;
}

/* Row by row, so that memory holds the picture once. The rows of an interlaced one are whole only after
 * the last pass. */
static int read_pixels(struct reader *r)
{
    int passes = normalise(r);
    size_t height = (size_t)r->picture.height;
    size_t row_bytes = png_get_rowbytes(r->png, r->info);
    r->rows = allocate(passes > 1 ? height : 1, row_bytes);
    if (!r->rows)
        return -1;
    for (int pass = 0; pass < passes; pass++) {
        for (size_t y = 0; y < height; y++) {
            unsigned char *row = r->rows + (passes > 1 ? y * row_bytes : 0);
            png_read_row(r->png, row, NULL);
            if (pass + 1 == passes && take_row(r, row, y))
                return -1;
        }
    }
    png_read_end(r->png, r->info); /* the rest must be sound as well */
    return 0;
}

static struct exif exif_of(const struct reader *r)
{
    png_uint_32 length = 0;
    png_bytep exif = NULL;
    return png_get_eXIf_1(r->png, r->info, &length, &exif) ? exif_read(exif, length)
                                                           : (struct exif){.orientation = 1};
}

static int read_tags(struct reader *r)
{
    struct image_tags *tags = &r->picture.tags;
    png_uint_32 across, down, length;
    png_charp name;
    png_bytep profile;
    int unit, intent, compression;
    double *c = tags->chromaticities;
    if (png_get_pHYs(r->png, r->info, &across, &down, &unit) && unit == PNG_RESOLUTION_METER) {
        tags->per_metre[0] = across;
        tags->per_metre[1] = down;
    }
    struct exif exif = exif_of(r);
    add_exif_resolution(tags, &exif);
    if (png_get_sRGB(r->png, r->info, &intent))
        tags->srgb = 1 + intent;
    png_get_gAMA(r->png, r->info, &tags->gamma);
    png_get_cHRM(r->png, r->info, c, c + 1, c + 2, c + 3, c + 4, c + 5, c + 6, c + 7);
    return png_get_iCCP(r->png, r->info, &name, &compression, &profile, &length)
               ? keep_profile(tags, profile, length)
               : 0;
}

/*
 * Of an animated PNG, which libpng takes for its first image: how many there are, 0 of any other. A chunk
 * is its length (4 bytes), its name, data and a checksum; the one in question is in front of all pixels.
 */
static unsigned long count_frames(const struct encoded *file)
{
    enum { SIGNATURE = 8, AROUND = 12 };
    for (size_t place = SIGNATURE; file->length - place >= AROUND;) {
        const unsigned char *chunk = file->bytes + place;
        size_t length = png_get_uint_32(chunk);
        if (length > file->length - place - AROUND || !memcmp(chunk + 4, "IDAT", 4))
            return 0;
        if (!memcmp(chunk + 4, "acTL", 4) && length >= 4)
            return png_get_uint_32(chunk + 8);
        place += length + AROUND;
    }
    return 0;
}

static int refuse_animation(const struct encoded *file)
{
    unsigned long frames = count_frames(file);
    return frames > 1 ? fail(STATUS_DATA,
                             "%s: an animated PNG of %lu frames, not one picture: save the frame "
                             "that is meant",
                             file->path, frames)
                      : 0;
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
    if (refuse_animation(r->file))
        return -1;
    if (r->file->head)
        return note_head(r->file, stored(r), exif_of(r).orientation);
    if (new_picture(r->file, stored(r), &r->picture))
        return -1;
    if (has_palette(r))
        read_palette(r);
    if (read_pixels(r) || (r->file->wanted->tags && read_tags(r)))
        return -1;
    return set_upright(&r->picture, exif_of(r).orientation); /* it may be behind the pixels */
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
    free(r.rows);
    if (result)
        image_release(&r.picture);
    else
        *picture = r.picture;
    return result;
}
