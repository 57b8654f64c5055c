/* TIFF in every shape it comes in, held against what the samples mean. */
#include "tiff_shapes.h"
#include <math.h>

/* ---- What the samples mean ---- */

static unsigned meant(const shape *a, int x, int y, int c, unsigned full)
{
    double most = (double)((1u << a->bits) - 1);
    int colours = colours_of(a), alpha = a->samples > colours && a->extra == EXTRASAMPLE_UNASSALPHA;
    double opacity = alpha ? (double)lround(value_at(a, x, y, colours) / most * full) / full : 1;
    double value = a->photometric == PHOTOMETRIC_PALETTE
                       ? map_entry(value_at(a, x, y, 0), c) / 257
                       : (double)lround(value_at(a, x, y, colours == 3 ? c : 0) / most * full);
    if (a->photometric == PHOTOMETRIC_MINISWHITE)
        value = full - value;
    return (unsigned)lround(value * opacity);
}

static void assert_meant(const char *path, const shape *a, bool deep)
{
    struct image p = read_with(path, (struct image_request){.deep = deep});
    unsigned full = deep && a->bits > 8 ? 65535 : 255;
    assert_int_equal(p.width, WIDTH);
    assert_int_equal(p.height, HEIGHT);
    assert_int_equal(p.depth, full == 255 ? 8 : 16);
    assert_int_equal(p.coloured,
                     a->photometric == PHOTOMETRIC_RGB || a->photometric == PHOTOMETRIC_PALETTE);
    assert_int_equal(p.channels, p.coloured ? 3 : 1);
    for (int y = 0, i = 0; y < HEIGHT; y++)
        for (int x = 0; x < WIDTH; x++)
            for (int c = 0; c < p.channels; c++, i++)
                if (sample(&p, (size_t)i) != meant(a, x, y, c, full))
                    fail_msg("photometric %u, %u bits, %u samples, compression %u, extra %d, %s, "
                             "%s: %u at (%d, %d, %d), not %u",
                             a->photometric, a->bits, a->samples, a->compression, a->extra,
                             a->tiled ? "tiled" : "strips", a->separate ? "separate" : "together",
                             sample(&p, (size_t)i), x, y, c, meant(a, x, y, c, full));
    image_release(&p);
}

static void in_every_layout(shape a)
{
    static const uint16_t compressions[] = {COMPRESSION_NONE, COMPRESSION_LZW,
                                            COMPRESSION_ADOBE_DEFLATE, COMPRESSION_PACKBITS};
    static const char *const modes[] = {"w", "wb", "w8", "wb8"};
    for (int i = 0; i < 4 * 2 * 2; i++) {
        a.compression = compressions[i % 4];
        a.mode = modes[(i / 4 + i) % 4];
        a.tiled = i / 4 % 2;
        a.separate = i / 8 % 2 && a.samples > 1;
        const char *path = tiff_file(&a);
        assert_meant(path, &a, true);
        assert_meant(path, &a, false);
    }
}

static void every_layout_gives_its_pixels(void **state)
{
    (void)state;
    static const uint16_t bits[] = {1, 2, 4, 8, 12, 16};
    for (size_t i = 0; i < sizeof bits / sizeof *bits; i++) {
        in_every_layout((shape){PHOTOMETRIC_MINISBLACK, bits[i], 1, .extra = -1});
        in_every_layout((shape){PHOTOMETRIC_MINISWHITE, bits[i], 1, .extra = -1});
        in_every_layout((shape){PHOTOMETRIC_RGB, bits[i], 3, .extra = -1});
    }
    for (size_t i = 0; i < 4; i++)
        in_every_layout((shape){PHOTOMETRIC_PALETTE, bits[i], 1, .extra = -1});
    assert_nothing_printed();
}

/* On black: associated alpha is already in the colours, and what is no alpha does not count. */
static void alpha_shows_black(void **state)
{
    (void)state;
    static const int extras[] = {-1, EXTRASAMPLE_UNSPECIFIED, EXTRASAMPLE_ASSOCALPHA,
                                 EXTRASAMPLE_UNASSALPHA};
    for (size_t i = 0; i < 4; i++) {
        for (uint16_t bits = 8; bits <= 16; bits += 8) {
            in_every_layout((shape){PHOTOMETRIC_MINISBLACK, bits, 2, .extra = extras[i]});
            in_every_layout((shape){PHOTOMETRIC_RGB, bits, 4, .extra = extras[i]});
        }
        in_every_layout((shape){PHOTOMETRIC_RGB, 8, 5, .extra = extras[i]});
    }
    in_every_layout((shape){PHOTOMETRIC_PALETTE, 8, 2, .extra = EXTRASAMPLE_UNASSALPHA});
}

/* Colour into gray by luma, gray into three channels, at both depths. */
static void channels_are_converted(void **state)
{
    (void)state;
    for (uint16_t bits = 8; bits <= 16; bits += 8) {
        const shape colour = {PHOTOMETRIC_RGB, bits, 3, .extra = -1},
                    gray = {PHOTOMETRIC_MINISBLACK, bits, 1, .extra = -1};
        struct image own = read_with(tiff_file(&colour), everything);
        struct image luma = read_with(scratch_path("made.tif"),
                                      (struct image_request){.channels = 1, .deep = true});
        assert_true(luma.coloured);
        for (size_t i = 0; i < WIDTH * HEIGHT; i++)
            assert_int_equal(sample(&luma, i),
                             (299ul * sample(&own, 3 * i) + 587ul * sample(&own, 3 * i + 1) +
                              114ul * sample(&own, 3 * i + 2) + 500) /
                                 1000);
        image_release(&own);
        image_release(&luma);
        struct image three =
            read_with(tiff_file(&gray), (struct image_request){.channels = 3, .deep = true});
        assert_false(three.coloured);
        for (size_t i = 0; i < 3 * WIDTH * HEIGHT; i++)
            assert_int_equal(sample(&three, i),
                             value_at(&gray, (int)(i / 3 % WIDTH), (int)(i / 3 / WIDTH), 0));
        image_release(&three);
    }
}

/* Some programs write bytes where shorts should be. */
static void palettes_of_bytes_are_read(void **state)
{
    (void)state;
    static uint16_t map[16];
    for (int i = 0; i < 16; i++)
        map[i] = (uint16_t)(200 + i);
    const shape a = {PHOTOMETRIC_PALETTE, 4, 1, .extra = -1};
    TIFF *tiff = TIFFOpen(scratch_path("bytes.tif"), "w");
    set_fields(tiff, &a);
    TIFFSetField(tiff, TIFFTAG_COLORMAP, map, map, map);
    write_plane(tiff, &a, 0);
    TIFFClose(tiff);
    struct image p = read_with(scratch_path("bytes.tif"), everything);
    for (size_t i = 0; i < WIDTH * HEIGHT; i++)
        assert_int_equal(p.pixels[3 * i],
                         200 + value_at(&a, (int)(i % WIDTH), (int)(i / WIDTH), 0));
    image_release(&p);
}

static void fax_is_read(void **state)
{
    (void)state;
    static const uint16_t compressions[] = {COMPRESSION_CCITTFAX3, COMPRESSION_CCITTFAX4,
                                            COMPRESSION_CCITTRLE};
    for (size_t i = 0; i < 3; i++) {
        shape a = {PHOTOMETRIC_MINISWHITE, 1, 1, compressions[i], .extra = -1};
        assert_meant(tiff_file(&a), &a, false);
        a.photometric = PHOTOMETRIC_MINISBLACK;
        assert_meant(tiff_file(&a), &a, false);
    }
}

/* ---- JPEG in TIFF, YCbCr ---- */

static void assert_ramp(const char *path, int channels)
{
    struct image p = read_with(path, everything);
    assert_int_equal(p.channels, channels);
    assert_int_equal(p.width, 64);
    for (int i = 0; i < 64 * 64 * channels; i++) {
        int x = i / channels % 64, y = i / channels / 64, c = i % channels;
        assert_in_range(p.pixels[i] + 12 - (40 + 2 * x + y / 2 + 10 * c), 0, 24);
    }
    image_release(&p);
}

static void jpeg_in_tiff_is_read(void **state)
{
    (void)state;
    assert_ramp(ramp_file(PHOTOMETRIC_MINISBLACK, COMPRESSION_JPEG, false), 1);
    assert_ramp(ramp_file(PHOTOMETRIC_RGB, COMPRESSION_JPEG, false), 3);
    assert_ramp(ramp_file(PHOTOMETRIC_YCBCR, COMPRESSION_JPEG, false), 3);
}

/* Luma for four pixels and one chroma: gray 4 x 4 squares, with a red one. libtiff converts them. */
static void subsampled_colours_are_read(void **state)
{
    (void)state;
    unsigned char units[8][8][6];
    for (int y = 0; y < 8; y++)
        for (int x = 0; x < 8; x++) {
            bool red = x == 2 && y == 3;
            memset(units[y][x], red ? 76 : 20 * x + 5 * y, 4);
            units[y][x][4] = red ? 85 : 128;
            units[y][x][5] = red ? 255 : 128;
        }
    TIFF *tiff = TIFFOpen(scratch_path("ycc.tif"), "w");
    const shape a = {PHOTOMETRIC_YCBCR, 8, 3, COMPRESSION_LZW, .extra = -1};
    set_fields(tiff, &a);
    TIFFSetField(tiff, TIFFTAG_IMAGEWIDTH, 16);
    TIFFSetField(tiff, TIFFTAG_IMAGELENGTH, 16);
    TIFFSetField(tiff, TIFFTAG_YCBCRSUBSAMPLING, 2, 2);
    TIFFSetField(tiff, TIFFTAG_ROWSPERSTRIP, 8);
    TIFFSetField(tiff, TIFFTAG_ORIENTATION, ORIENTATION_BOTLEFT);
    for (uint32_t strip = 0; strip < 2; strip++)
        assert_true(TIFFWriteEncodedStrip(tiff, strip, units[strip * 4], 4 * 8 * 6) > 0);
    TIFFClose(tiff);
    struct image p = read_with(scratch_path("ycc.tif"), everything);
    for (int y = 0; y < 16; y++)
        for (int x = 0; x < 16; x++) {
            const unsigned char *at = p.pixels + ((15 - y) * 16 + x) * 3;
            bool red = x / 2 == 2 && y / 2 == 3;
            for (int c = 0; c < 3; c++)
                assert_in_range(at[c] + 3 - (red ? (c ? 0 : 255) : 20 * (x / 2) + 5 * (y / 2)), 0,
                                6);
        }
    image_release(&p);
    assert_cuts_refused(scratch_path("ycc.tif"), 4);
}

/* ---- Tags ---- */

static void tiff_is_turned_upright(void **state)
{
    (void)state;
    for (uint16_t turn = 1; turn <= 8; turn++) {
        for (uint16_t bits = 8; bits <= 16; bits += 8) {
            const shape a = {PHOTOMETRIC_RGB, bits, 3, .extra = -1, .orientation = turn};
            struct image p = read_with(tiff_file(&a), everything);
            assert_int_equal(p.width, turn < 5 ? WIDTH : HEIGHT);
            assert_int_equal(p.height, turn < 5 ? HEIGHT : WIDTH);
            for (int y = 0; y < p.height; y++)
                for (int x = 0; x < p.width; x++) {
                    int row, column;
                    stored_place(turn, x, y, WIDTH, HEIGHT, &column, &row);
                    for (int c = 0; c < 3; c++)
                        assert_int_equal(sample(&p, (size_t)((y * p.width + x) * 3 + c)),
                                         value_at(&a, column, row, c));
                }
            image_release(&p);
        }
    }
}

static void resolution_and_profile_go_along(void **state)
{
    (void)state;
    static const struct {
        int unit;
        double across, down;
    } units[] = {{0, 11811.02, 5905.51},
                 {RESUNIT_INCH, 11811.02, 5905.51},
                 {RESUNIT_CENTIMETER, 30000, 15000},
                 {RESUNIT_NONE, 0, 0}};
    for (size_t i = 0; i < 4; i++) {
        struct image p = read_with(tagged_file(3, units[i].unit, 0), everything);
        assert_per_metre(&p, units[i].across, units[i].down);
        assert_profile(&p, "RGB ");
        struct image again = packed_and_read(&p);
        assert_per_metre(&again, (int)(units[i].across + 0.5), (int)(units[i].down + 0.5));
        assert_profile(&again, "RGB ");
        image_release(&p);
        image_release(&again);
    }
    struct image gray = read_with(tagged_file(1, 0, 6), everything);
    assert_per_metre(&gray, 5905.51, 11811.02); /* it lies on its side */
    assert_profile(&gray, "GRAY");
    image_release(&gray);
    struct image plain =
        read_with(scratch_path("tagged.tif"), (struct image_request){.deep = true});
    assert_per_metre(&plain, 0, 0);
    assert_profile(&plain, NULL);
    image_release(&plain);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_layout_gives_its_pixels),
        cmocka_unit_test(alpha_shows_black),
        cmocka_unit_test(channels_are_converted),
        cmocka_unit_test(palettes_of_bytes_are_read),
        cmocka_unit_test(fax_is_read),
        cmocka_unit_test(jpeg_in_tiff_is_read),
        cmocka_unit_test(subsampled_colours_are_read),
        cmocka_unit_test(tiff_is_turned_upright),
        cmocka_unit_test(resolution_and_profile_go_along),
    };
    return cmocka_run_group_tests_name("TIFF", tests, quiet_make, quiet_remove);
}
