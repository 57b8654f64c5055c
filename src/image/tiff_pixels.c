#include "base/error.h"
#include "base/memory.h"
#include "image/tiff_reader.h"
#include <string.h>

typedef struct tiff_reader reader;

/* ---- A row of samples ---- */

/* Samples of less than 8, or of 9 to 15 bits lie one after the other, the highest bit first. */
static unsigned bits_at(const unsigned char *row, size_t bit, unsigned count)
{
    unsigned value = 0;
    for (size_t i = bit; i < bit + count; i++)
        value = value << 1 | (row[i / 8] >> (7 - i % 8) & 1u);
    return value;
}

/* count samples become every step-th value. */
static void unpack(const void *row, unsigned bits, size_t count, unsigned short *values,
                   size_t step)
{
    const unsigned char *bytes = row;
    const unsigned short *shorts = row;
    for (size_t i = 0; i < count; i++)
        values[i * step] = bits == 8    ? bytes[i]
                           : bits == 16 ? shorts[i]
                                        : (unsigned short)bits_at(bytes, i * bits, bits);
}

/* What a sample is at the depth of the picture. */
static unsigned short scaled(const reader *r, unsigned value)
{
    unsigned most = (1u << r->bits) - 1, full = r->picture.depth == 16 ? 65535 : 255;
    return most == full ? (unsigned short)value
                        : (unsigned short)((value * full + most / 2) / most);
}

/* Some programs write palettes of bytes, others of shorts, as it should be. */
static bool has_bytes(const reader *r)
{
    for (size_t i = 0; i < (size_t)1 << r->bits; i++)
        if (r->map[0][i] > 255 || r->map[1][i] > 255 || r->map[2][i] > 255)
            return false;
    return true;
}

/* The colours and the alpha of a pixel, as the file's photometric has them. */
static pixel to_pixel(const reader *r, const unsigned short *samples)
{
    unsigned short opaque = r->picture.depth == 16 ? 65535 : 255;
    unsigned short alpha = r->alpha ? scaled(r, samples[r->alpha]) : opaque;
    if (r->photometric == PHOTOMETRIC_PALETTE)
        return (pixel){(unsigned short)(r->map[0][samples[0]] >> r->map_shift),
                       (unsigned short)(r->map[1][samples[0]] >> r->map_shift),
                       (unsigned short)(r->map[2][samples[0]] >> r->map_shift), alpha};
    int green = r->colours == 3 ? 1 : 0, blue = r->colours == 3 ? 2 : 0;
    pixel p = {scaled(r, samples[0]), scaled(r, samples[green]), scaled(r, samples[blue]), alpha};
    if (r->photometric == PHOTOMETRIC_MINISWHITE)
        p.red = p.green = p.blue = (unsigned short)(opaque - p.red);
    return p;
}

static bool can_be_copied(const reader *r)
{
    return r->bits == r->picture.depth && r->samples == r->picture.channels && !r->separate &&
           r->photometric != PHOTOMETRIC_PALETTE && r->photometric != PHOTOMETRIC_MINISWHITE;
}

/* count pixels, of which pixel number `first` is the first. planes are their samples, all in one row or
 * in one row each. */
static void take_pixels(reader *r, const unsigned char *const *planes, size_t first, size_t count)
{
    size_t samples = r->samples, bytes = samples * (size_t)(r->picture.depth / 8);
    if (can_be_copied(r)) {
        memcpy(r->picture.pixels + first * bytes, planes[0], count * bytes);
        return;
    }
    for (size_t s = 0; r->separate && s < samples; s++)
        unpack(planes[s], r->bits, count, r->values + s, samples);
    if (!r->separate)
        unpack(planes[0], r->bits, count * samples, r->values, 1);
    for (size_t i = 0; i < count; i++)
        put_pixel(&r->picture, first + i, to_pixel(r, r->values + i * samples));
}

/* ---- Rows and blocks ---- */

static size_t row_bytes(const reader *r, size_t pixels)
{
    return (pixels * (r->separate ? 1 : r->samples) * r->bits + 7) / 8;
}

/* Strips that hold whole pixels: row by row, however long a strip is. */
static int read_rows(reader *r)
{
    size_t bytes = (size_t)TIFFScanlineSize64(r->tiff);
    if (bytes < row_bytes(r, r->width))
        return tiff_damaged(r, "its rows are too short");
    if (!(r->buffer = allocate(bytes, 1)))
        return -1;
    for (uint32_t y = 0; y < r->height; y++) {
        if (TIFFReadScanline(r->tiff, r->buffer, y, 0) < 0 || *r->why)
            return tiff_damaged(r, "the file ends early");
        const unsigned char *row = r->buffer;
        take_pixels(r, &row, (size_t)y * r->width, r->width);
    }
    return 0;
}

/* Tiles, or strips of one sample each. */
struct blocks {
    bool tiled;
    uint32_t width, height;
    size_t row_bytes, bytes; /* of one plane of a block */
    int planes;
};

static int find_blocks(const reader *r, struct blocks *b)
{
    b->tiled = TIFFIsTiled(r->tiff);
    b->planes = r->separate ? r->samples : 1;
    if (b->tiled) {
        TIFFGetField(r->tiff, TIFFTAG_TILEWIDTH, &b->width);
        TIFFGetField(r->tiff, TIFFTAG_TILELENGTH, &b->height);
        b->row_bytes = (size_t)TIFFTileRowSize64(r->tiff);
        b->bytes = (size_t)TIFFTileSize64(r->tiff);
    } else {
        b->width = r->width;
        TIFFGetFieldDefaulted(r->tiff, TIFFTAG_ROWSPERSTRIP, &b->height);
        if (b->height > r->height)
            b->height = r->height;
        b->row_bytes = (size_t)TIFFScanlineSize64(r->tiff);
        b->bytes = (size_t)TIFFStripSize64(r->tiff);
    }
    if (!b->width || !b->height || b->row_bytes < row_bytes(r, b->width) ||
        b->bytes / b->row_bytes < b->height)
        return tiff_damaged(r, "its parts have no sensible size");
    /* blocks at the edges reach beyond a picture, but never by more than one of its size */
    if (b->width > 2 * (r->width + 1024) || b->height > 2 * (r->height + 1024))
        return tiff_damaged(r, "its tiles are far larger than it");
    return 0;
}

static int read_plane(reader *r, const struct blocks *b, uint32_t x, uint32_t y, int plane)
{
    void *to = (unsigned char *)r->buffer + (size_t)plane * b->bytes;
    tmsize_t got =
        b->tiled ? TIFFReadEncodedTile(r->tiff, TIFFComputeTile(r->tiff, x, y, 0, (uint16_t)plane),
                                       to, (tmsize_t)b->bytes)
                 : TIFFReadEncodedStrip(r->tiff, TIFFComputeStrip(r->tiff, y, (uint16_t)plane), to,
                                        (tmsize_t)b->bytes);
    uint32_t rows = r->height - y < b->height && !b->tiled ? r->height - y : b->height;
    return got < 0 || (size_t)got < rows * b->row_bytes || *r->why
               ? tiff_damaged(r, "the file ends early")
               : 0;
}

static int read_block(reader *r, const struct blocks *b, uint32_t x, uint32_t y)
{
    const unsigned char *planes[TIFF_SAMPLES_MOST];
    uint32_t width = r->width - x < b->width ? r->width - x : b->width;
    uint32_t height = r->height - y < b->height ? r->height - y : b->height;
    for (int plane = 0; plane < b->planes; plane++)
        if (read_plane(r, b, x, y, plane))
            return -1;
    for (uint32_t i = 0; i < height; i++) {
        for (int plane = 0; plane < b->planes; plane++)
            planes[plane] =
                (unsigned char *)r->buffer + (size_t)plane * b->bytes + i * b->row_bytes;
        take_pixels(r, planes, (size_t)(y + i) * r->width + x, width);
    }
    return 0;
}

static int read_blocks(reader *r)
{
    struct blocks b;
    if (find_blocks(r, &b) || !(r->buffer = allocate((size_t)b.planes, b.bytes)))
        return -1;
    for (uint32_t y = 0; y < r->height; y += b.height)
        for (uint32_t x = 0; x < r->width; x += b.width)
            if (read_block(r, &b, x, y))
                return -1;
    return 0;
}

/* ---- YCbCr ---- */

static int convert_rows(reader *r, TIFFRGBAImage *rgba, uint32_t rows)
{
    if (!(r->buffer = allocate((size_t)rows * r->width, sizeof(uint32_t))))
        return -1;
    const uint32_t *raster = r->buffer;
    for (uint32_t y = 0; y < r->height; y += rows) {
        uint32_t height = r->height - y < rows ? r->height - y : rows;
        rgba->row_offset = (int)y;
        if (!TIFFRGBAImageGet(rgba, r->buffer, r->width, height) || *r->why)
            return tiff_damaged(r, "the file ends early");
        for (size_t i = 0; i < (size_t)height * r->width; i++)
            put_pixel(&r->picture, (size_t)y * r->width + i,
                      (pixel){TIFFGetR(raster[i]), TIFFGetG(raster[i]), TIFFGetB(raster[i]), 255});
    }
    return 0;
}

/* As many rows at a time as are stored together. */
static int read_converted(reader *r)
{
    TIFFRGBAImage rgba;
    char why[1024] = "";
    uint32_t rows = r->height;
    if (TIFFIsTiled(r->tiff))
        TIFFGetField(r->tiff, TIFFTAG_TILELENGTH, &rows);
    else
        TIFFGetFieldDefaulted(r->tiff, TIFFTAG_ROWSPERSTRIP, &rows);
    if (!TIFFRGBAImageBegin(&rgba, r->tiff, 1, why))
        return tiff_damaged(r, *why ? why : "its colours cannot be converted");
    rgba.req_orientation = rgba.orientation; /* as it is stored: it is turned later */
    int result = convert_rows(r, &rgba, rows && rows < r->height ? rows : r->height);
    TIFFRGBAImageEnd(&rgba);
    return result;
}

int tiff_read_pixels(struct tiff_reader *r)
{
    if (r->converted_by_library)
        return read_converted(r);
    if (r->photometric == PHOTOMETRIC_PALETTE)
        r->map_shift = has_bytes(r) ? 0 : 8;
    if (!(r->values = allocate((size_t)r->width * r->samples, sizeof *r->values)))
        return -1;
    return TIFFIsTiled(r->tiff) || r->separate ? read_blocks(r) : read_rows(r);
}
