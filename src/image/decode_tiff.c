#include "base/error.h"
#include "image/tiff_reader.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What libtiff may take at once, for example for tables that a damaged directory calls huge. */
#define ALLOCATION_LIMIT ((tmsize_t)1 << 30)

typedef struct tiff_reader reader;

/* ---- A file in memory ---- */

static tmsize_t read_bytes(thandle_t handle, void *to, tmsize_t wanted)
{
    reader *r = handle;
    size_t left = r->place < r->file->length ? r->file->length - r->place : 0;
    size_t count = (size_t)wanted < left ? (size_t)wanted : left;
    memcpy(to, r->file->bytes + (left ? r->place : 0), count);
    r->place += count;
    return (tmsize_t)count;
}

static tmsize_t write_nothing(thandle_t handle, void *bytes, tmsize_t length)
{
    (void)handle;
    (void)bytes;
    (void)length;
    return -1;
}

static toff_t seek(thandle_t handle, toff_t offset, int from)
{
    reader *r = handle;
    size_t start = from == SEEK_CUR ? r->place : from == SEEK_END ? r->file->length : 0;
    r->place = start + (size_t)offset;
    return r->place;
}

static int close_nothing(thandle_t handle)
{
    (void)handle;
    return 0;
}

static toff_t size_of(thandle_t handle)
{
    return ((const reader *)handle)->file->length;
}

/* libtiff only reads what is mapped. */
static int map(thandle_t handle, void **bytes, toff_t *length)
{
    const reader *r = handle;
    *bytes = (void *)r->file->bytes;
    *length = r->file->length;
    return 1;
}

static void unmap(thandle_t handle, void *bytes, toff_t length)
{
    (void)handle;
    (void)bytes;
    (void)length;
}

/* ---- What libtiff says ---- */

static void note(reader *r, const char *format, va_list arguments)
{
    if (!*r->why)
        vsnprintf(r->why, sizeof r->why, format, arguments);
}

/* Returns 1: nobody else needs to hear it. */
static int take_error(TIFF *tiff, void *user, const char *module, const char *format,
                      va_list arguments)
{
    (void)tiff;
    (void)module;
    note(user, format, arguments);
    return 1;
}

/*
 * Decoders of fax and JPEG fill in what is missing and continue; a picture with invented parts is
 * refused here. Stray bytes between two parts of a JPEG do not matter, and neither do warnings about
 * the directory.
 */
static int judge_warning(TIFF *tiff, void *user, const char *module, const char *format,
                         va_list arguments)
{
    reader *r = user;
    (void)tiff;
    bool fills_in = module && (strstr(module, "Fax") || strstr(module, "JPEG"));
    if (r->at_pixels && fills_in && !strstr(format, "extraneous"))
        note(r, format, arguments);
    return 1;
}

int tiff_damaged(const struct tiff_reader *r, const char *otherwise)
{
    return fail(STATUS_DATA, "%s: damaged TIFF: %s", r->file->path, *r->why ? r->why : otherwise);
}

static int open_file(reader *r)
{
    TIFFOpenOptions *options = TIFFOpenOptionsAlloc();
    if (!options)
        return fail(STATUS_MEMORY, "%s: out of memory while reading a TIFF", r->file->path);
    TIFFOpenOptionsSetMaxSingleMemAlloc(options, ALLOCATION_LIMIT);
    TIFFOpenOptionsSetErrorHandlerExtR(options, take_error, r);
    TIFFOpenOptionsSetWarningHandlerExtR(options, judge_warning, r);
    r->tiff = TIFFClientOpenExt(r->file->path, "r", r, read_bytes, write_nothing, seek,
                                close_nothing, size_of, map, unmap, options);
    TIFFOpenOptionsFree(options);
    return r->tiff && !*r->why ? 0 : tiff_damaged(r, "it cannot be opened");
}

/* ---- Pages ---- */

/* Previews and masks go with a page and are none. */
static bool is_page(TIFF *tiff)
{
    uint32_t kind = 0;
    TIFFGetField(tiff, TIFFTAG_SUBFILETYPE, &kind);
    return !(kind & (FILETYPE_REDUCEDIMAGE | FILETYPE_MASK));
}

static bool has_inner_directories(TIFF *tiff)
{
    uint16_t count = 0;
    void *places;
    return TIFFGetField(tiff, TIFFTAG_SUBIFD, &count, &places) && count;
}

/* Goes to the only page. */
static int find_page(reader *r)
{
    unsigned pages = 0;
    tdir_t number = 0, page = 0;
    bool raw = has_inner_directories(r->tiff);
    do {
        if (is_page(r->tiff) && !pages++)
            page = number;
        number++;
    } while (!TIFFLastDirectory(r->tiff) && TIFFReadDirectory(r->tiff));
    if (*r->why)
        return tiff_damaged(r, "");
    if (pages > 1)
        return fail(STATUS_DATA,
                    "%s: a TIFF of %u pages, not one picture: make a file of each, for example "
                    "with tiffsplit",
                    r->file->path, pages);
    if (!pages && (raw || number > 1))
        return fail(STATUS_DATA,
                    "%s: a TIFF with previews only, as raw pictures of cameras are: convert it to "
                    "an ordinary TIFF or PNG first",
                    r->file->path);
    return number == 1 || TIFFSetDirectory(r->tiff, page) ? 0 : tiff_damaged(r, "no page");
}

/* ---- What the directory says ---- */

static int refuse(const reader *r, const char *what)
{
    return fail(STATUS_DATA, "%s: a TIFF %s first", r->file->path, what);
}

/* How many samples are colours. */
static int judge_colours(reader *r)
{
    switch (r->photometric) {
    case PHOTOMETRIC_MINISWHITE:
    case PHOTOMETRIC_MINISBLACK:
    case PHOTOMETRIC_PALETTE:
        r->colours = 1;
        return 0;
    case PHOTOMETRIC_RGB:
    case PHOTOMETRIC_YCBCR:
        r->colours = 3;
        return 0;
    case PHOTOMETRIC_SEPARATED:
        return refuse(r, "in CMYK, for printing: convert it to RGB or gray");
    case PHOTOMETRIC_CIELAB:
    case PHOTOMETRIC_ICCLAB:
    case PHOTOMETRIC_ITULAB:
        return refuse(r, "in Lab colours: convert it to RGB");
    case PHOTOMETRIC_LOGL:
    case PHOTOMETRIC_LOGLUV:
        return refuse(r, "of floating-point numbers (LogLuv): convert it to 8 or 16 bits");
    case PHOTOMETRIC_CFA:
    case 34892: /* of DNG, linear raw */
        return refuse(r, "as a camera's sensor saw it (raw): convert it to an ordinary TIFF");
    default:
        return fail(STATUS_DATA,
                    "%s: a TIFF whose colours are of a kind that cannot be read (%u): convert it "
                    "to RGB or gray first",
                    r->file->path, r->photometric);
    }
}

static int judge_samples(const reader *r)
{
    uint16_t form, compression;
    TIFFGetFieldDefaulted(r->tiff, TIFFTAG_SAMPLEFORMAT, &form);
    TIFFGetFieldDefaulted(r->tiff, TIFFTAG_COMPRESSION, &compression);
    if (form == SAMPLEFORMAT_IEEEFP || form == SAMPLEFORMAT_COMPLEXIEEEFP)
        return refuse(r, "of floating-point numbers: convert it to 8 or 16 bits");
    if (form != SAMPLEFORMAT_UINT && form != SAMPLEFORMAT_VOID)
        return refuse(r, "of signed numbers: convert it to unsigned ones");
    if (r->bits < 1 || r->bits > (r->photometric == PHOTOMETRIC_PALETTE ? 8 : 16))
        return fail(STATUS_DATA,
                    "%s: a TIFF of %u bits a sample, too many to be read: convert it to 8 or 16 "
                    "bits first",
                    r->file->path, r->bits);
    if (r->samples < r->colours || r->samples > TIFF_SAMPLES_MOST)
        return fail(STATUS_DATA,
                    "%s: a TIFF of %u samples a pixel, which cannot be read: convert it to RGB or "
                    "gray first",
                    r->file->path, r->samples);
    if (!TIFFIsCODECConfigured(compression))
        return fail(STATUS_DATA,
                    "%s: a TIFF whose compression (%u) cannot be read: compress it with LZW or "
                    "Deflate",
                    r->file->path, compression);
    return 0;
}

/* Colours that are multiplied by alpha already (associated) are as they look on black. */
static void find_alpha(reader *r)
{
    uint16_t count = 0, *kinds = NULL;
    r->alpha = 0;
    if (!TIFFGetField(r->tiff, TIFFTAG_EXTRASAMPLES, &count, &kinds))
        return;
    for (int i = 0; i < count && !r->alpha && r->colours + i < r->samples; i++)
        if (kinds[i] == EXTRASAMPLE_UNASSALPHA)
            r->alpha = r->colours + i;
}

/* JPEG in a TIFF turns YCbCr into RGB itself. */
static void find_conversion(reader *r)
{
    uint16_t compression;
    TIFFGetFieldDefaulted(r->tiff, TIFFTAG_COMPRESSION, &compression);
    if (r->photometric != PHOTOMETRIC_YCBCR)
        return;
    if (compression == COMPRESSION_JPEG && !r->separate)
        TIFFSetField(r->tiff, TIFFTAG_JPEGCOLORMODE, JPEGCOLORMODE_RGB);
    else
        r->converted_by_library = true;
}

static int read_directory(reader *r)
{
    uint16_t planes;
    TIFFGetField(r->tiff, TIFFTAG_IMAGEWIDTH, &r->width);
    TIFFGetField(r->tiff, TIFFTAG_IMAGELENGTH, &r->height);
    TIFFGetFieldDefaulted(r->tiff, TIFFTAG_BITSPERSAMPLE, &r->bits);
    TIFFGetFieldDefaulted(r->tiff, TIFFTAG_SAMPLESPERPIXEL, &r->samples);
    TIFFGetFieldDefaulted(r->tiff, TIFFTAG_PLANARCONFIG, &planes);
    if (!TIFFGetField(r->tiff, TIFFTAG_PHOTOMETRIC, &r->photometric))
        r->photometric = r->samples < 3 ? PHOTOMETRIC_MINISBLACK : PHOTOMETRIC_RGB;
    if (check_picture_size(r->file, r->width, r->height) || judge_colours(r) || judge_samples(r))
        return -1;
    r->separate = planes == PLANARCONFIG_SEPARATE && r->samples > 1;
    find_alpha(r);
    find_conversion(r);
    if (r->photometric != PHOTOMETRIC_PALETTE)
        return 0;
    uint16_t *red, *green, *blue;
    if (!TIFFGetField(r->tiff, TIFFTAG_COLORMAP, &red, &green, &blue))
        return tiff_damaged(r, "it lacks its palette");
    r->map[0] = red;
    r->map[1] = green;
    r->map[2] = blue;
    return 0;
}

static struct stored stored(const reader *r)
{
    return (struct stored){r->width, r->height,
                           r->colours == 3 || r->photometric == PHOTOMETRIC_PALETTE,
                           r->bits > 8 ? 16 : 8};
}

static int orientation(const reader *r)
{
    uint16_t value;
    TIFFGetFieldDefaulted(r->tiff, TIFFTAG_ORIENTATION, &value);
    return value >= 1 && value <= 8 ? value : 1;
}

static double per_metre(const reader *r, uint32_t tag)
{
    float value = 0;
    uint16_t unit;
    TIFFGetFieldDefaulted(r->tiff, TIFFTAG_RESOLUTIONUNIT, &unit);
    if (unit == RESUNIT_NONE || !TIFFGetField(r->tiff, tag, &value) || !isfinite(value) ||
        value <= 0)
        return 0;
    return unit == RESUNIT_CENTIMETER ? 100 * (double)value : (double)value / 0.0254;
}

static int read_tags(reader *r)
{
    struct image_tags *tags = &r->picture.tags;
    uint32_t length = 0;
    void *profile = NULL;
    tags->per_metre[0] = per_metre(r, TIFFTAG_XRESOLUTION);
    tags->per_metre[1] = per_metre(r, TIFFTAG_YRESOLUTION);
    return TIFFGetField(r->tiff, TIFFTAG_ICCPROFILE, &length, &profile)
               ? keep_profile(tags, profile, length)
               : 0;
}

static int read_all(reader *r)
{
    if (open_file(r) || find_page(r) || read_directory(r))
        return -1;
    int stored_as = orientation(r);
    if (r->file->head)
        return note_head(r->file, stored(r), stored_as);
    if (new_picture(r->file, stored(r), &r->picture))
        return -1;
    r->at_pixels = true;
    if (tiff_read_pixels(r) || (r->file->wanted->tags && read_tags(r)))
        return -1;
    return set_upright(&r->picture, stored_as);
}

int decode_tiff(const struct encoded *file, struct image *picture)
{
    reader r = {.file = file};
    int result = read_all(&r);
    if (r.tiff)
        TIFFClose(r.tiff);
    free(r.buffer);
    free(r.values);
    if (result)
        image_release(&r.picture);
    else
        *picture = r.picture;
    return result;
}
