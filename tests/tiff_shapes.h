/* TIFF files of every shape, made by libtiff. Paths are good as those of scratch_path(). */
#ifndef TESTS_TIFF_SHAPES_H
#define TESTS_TIFF_SHAPES_H

#include "picture_bytes.h"
#include <tiffio.h>

enum { WIDTH = 37, HEIGHT = 21, SAMPLES_MOST = 5, TILE = 16 };

typedef struct shape {
    uint16_t photometric, bits, samples, compression;
    int extra; /* what the samples behind the colours are: EXTRASAMPLE_..., or -1 */
    bool tiled, separate;
    const char *mode; /* NULL: "w" */
    uint16_t orientation, format;
    uint32_t rows; /* a strip; 0: 5 */
} shape;

/* Sample s of the pixel at (x, y): of any value, and with runs that compress. */
static inline unsigned value_at(const shape *a, int x, int y, int s)
{
    uint32_t mixed = (uint32_t)(x / 3 * 7919 + y * 104729 + s * 1299709) * 2654435761u;
    return mixed >> (32 - a->bits);
}

static inline unsigned map_entry(unsigned i, int c)
{
    return ((i * 37 + (unsigned)c * 91) & 0xff) * 257;
}

/* samples [from, from + count) of width pixels, packed as TIFF has them. Returns how many bytes. */
static inline size_t pack_row(const shape *a, int x, int y, int width, int from, int count,
                              unsigned char *row)
{
    size_t bit = 0;
    unsigned short *shorts = (unsigned short *)(void *)row;
    memset(row, 0, (size_t)(width * count * a->bits + 7) / 8);
    for (int i = 0; i < width * count; i++) {
        unsigned value = x + i / count < WIDTH && y < HEIGHT
                             ? value_at(a, x + i / count, y, from + i % count)
                             : 0;
        if (a->bits == 16)
            shorts[i] = (unsigned short)value;
        for (int b = a->bits - 1; b >= 0 && a->bits != 16; b--, bit++)
            row[bit / 8] |= (unsigned char)((value >> b & 1) << (7 - bit % 8));
    }
    return (size_t)(width * count * a->bits + 7) / 8;
}

static inline void write_plane(TIFF *tiff, const shape *a, int plane)
{
    static unsigned char block[1 << 16];
    int from = a->separate ? plane : 0, count = a->separate ? 1 : a->samples;
    int rows = a->tiled ? TILE : a->rows ? (int)a->rows : 5, width = a->tiled ? TILE : WIDTH;
    for (int y = 0; y < HEIGHT; y += rows) {
        for (int x = 0; x < WIDTH; x += width) {
            size_t length = 0;
            for (int i = 0; i < rows && (a->tiled || y + i < HEIGHT); i++)
                length += pack_row(a, x, y + i, width, from, count, block + length);
            tmsize_t written =
                a->tiled
                    ? TIFFWriteEncodedTile(
                          tiff, TIFFComputeTile(tiff, (uint32_t)x, (uint32_t)y, 0, (uint16_t)plane),
                          block, (tmsize_t)length)
                    : TIFFWriteEncodedStrip(tiff,
                                            TIFFComputeStrip(tiff, (uint32_t)y, (uint16_t)plane),
                                            block, (tmsize_t)length);
            assert_true(written >= 0);
        }
    }
}

static inline void set_palette(TIFF *tiff, const shape *a)
{
    static uint16_t map[3][256];
    for (unsigned i = 0; i < 1u << a->bits; i++)
        for (int c = 0; c < 3; c++)
            map[c][i] = (uint16_t)map_entry(i, c);
    TIFFSetField(tiff, TIFFTAG_COLORMAP, map[0], map[1], map[2]);
}

static inline int colours_of(const shape *a)
{
    return a->photometric == PHOTOMETRIC_RGB || a->photometric == PHOTOMETRIC_YCBCR ? 3 : 1;
}

static inline void set_fields(TIFF *tiff, const shape *a)
{
    uint16_t extra[SAMPLES_MOST] = {0}, extras = (uint16_t)(a->samples - colours_of(a));
    TIFFSetField(tiff, TIFFTAG_IMAGEWIDTH, WIDTH);
    TIFFSetField(tiff, TIFFTAG_IMAGELENGTH, HEIGHT);
    TIFFSetField(tiff, TIFFTAG_BITSPERSAMPLE, a->bits);
    TIFFSetField(tiff, TIFFTAG_SAMPLESPERPIXEL, a->samples);
    TIFFSetField(tiff, TIFFTAG_PHOTOMETRIC, a->photometric);
    TIFFSetField(tiff, TIFFTAG_PLANARCONFIG,
                 a->separate ? PLANARCONFIG_SEPARATE : PLANARCONFIG_CONTIG);
    TIFFSetField(tiff, TIFFTAG_COMPRESSION, a->compression ? a->compression : COMPRESSION_NONE);
    if (a->tiled) {
        TIFFSetField(tiff, TIFFTAG_TILEWIDTH, TILE);
        TIFFSetField(tiff, TIFFTAG_TILELENGTH, TILE);
    } else {
        TIFFSetField(tiff, TIFFTAG_ROWSPERSTRIP, a->rows ? a->rows : 5);
    }
    for (int i = 0; i < extras && i < SAMPLES_MOST; i++)
        extra[i] = (uint16_t)a->extra;
    if (extras && extras < SAMPLES_MOST && a->extra >= 0)
        TIFFSetField(tiff, TIFFTAG_EXTRASAMPLES, extras, extra);
    if (a->photometric == PHOTOMETRIC_PALETTE)
        set_palette(tiff, a);
    if (a->orientation)
        TIFFSetField(tiff, TIFFTAG_ORIENTATION, a->orientation);
    if (a->format)
        TIFFSetField(tiff, TIFFTAG_SAMPLEFORMAT, a->format);
}

static inline void write_page(TIFF *tiff, const shape *a)
{
    set_fields(tiff, a);
    for (int plane = 0; plane < (a->separate ? a->samples : 1); plane++)
        write_plane(tiff, a, plane);
    assert_int_equal(TIFFWriteDirectory(tiff), 1);
}

static inline const char *tiff_file(const shape *a)
{
    const char *path = scratch_path("made.tif");
    unlink(path);
    TIFF *tiff = TIFFOpen(path, a->mode ? a->mode : "w");
    assert_non_null(tiff);
    write_page(tiff, a);
    TIFFClose(tiff);
    return path;
}

/* A ramp, which JPEG keeps. */
static inline const char *ramp_file(uint16_t photometric, uint16_t compression, bool separate)
{
    const char *path = scratch_path("ramp.tif");
    unsigned char rows[64][64][3];
    bool gray = photometric == PHOTOMETRIC_MINISBLACK;
    TIFF *tiff = TIFFOpen(path, "w");
    const shape a = {photometric, 8, gray ? 1 : 3, compression, -1, .separate = separate};
    set_fields(tiff, &a);
    TIFFSetField(tiff, TIFFTAG_IMAGEWIDTH, 64);
    TIFFSetField(tiff, TIFFTAG_IMAGELENGTH, 64);
    TIFFSetField(tiff, TIFFTAG_ROWSPERSTRIP, 16);
    if (photometric == PHOTOMETRIC_YCBCR)
        TIFFSetField(tiff, TIFFTAG_JPEGCOLORMODE, JPEGCOLORMODE_RGB);
    TIFFSetField(tiff, TIFFTAG_JPEGQUALITY, 100);
    for (int y = 0; y < 64; y++)
        for (int x = 0; x < 64; x++)
            for (int c = 0; c < (gray ? 1 : 3); c++)
                ((unsigned char *)rows)[gray ? y * 64 + x : (y * 64 + x) * 3 + c] =
                    (unsigned char)(40 + 2 * x + y / 2 + 10 * c);
    for (uint32_t strip = 0; strip < 4; strip++)
        assert_true(TIFFWriteEncodedStrip(tiff, strip,
                                          (unsigned char *)rows + strip * 1024 * (gray ? 1 : 3),
                                          1024 * (gray ? 1 : 3)) > 0);
    TIFFClose(tiff);
    return path;
}

static inline const char *tagged_file(uint16_t samples, int unit, uint16_t orientation)
{
    const char *path = scratch_path("tagged.tif");
    const shape a = {samples == 3 ? PHOTOMETRIC_RGB : PHOTOMETRIC_MINISBLACK, 16, samples,
                     .extra = -1, .orientation = orientation};
    TIFF *tiff = TIFFOpen(path, "w");
    if (unit)
        TIFFSetField(tiff, TIFFTAG_RESOLUTIONUNIT, unit);
    TIFFSetField(tiff, TIFFTAG_XRESOLUTION, 300.0);
    TIFFSetField(tiff, TIFFTAG_YRESOLUTION, 150.0);
    TIFFSetField(tiff, TIFFTAG_ICCPROFILE, PROFILE_LENGTH,
                 profile_of(samples == 3 ? "RGB " : "GRAY"));
    write_page(tiff, &a);
    TIFFClose(tiff);
    return path;
}

#endif
