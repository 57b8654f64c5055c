/* Pictures of 16 bits, and what goes along with pictures: resolution, colour profile, how a PNG says its colours. */
#include "picture_bytes.h"
#include <png.h>
#include <zlib.h>

#include <jpeglib.h>

enum { WIDTH = 19, HEIGHT = 11 };

static unsigned word_at(int i)
{
    return (uint32_t)(i + 1) * 2654435761u >> 16;
}

/* ---- PNG ---- */

struct made {
    int colour, interlace;
    uint32_t per_metre[2];
    int unit, srgb; /* srgb: 1 + intent */
    double gamma;
    bool chromaticities;
    const char *profile; /* "RGB " */
    int orientation;
    const char *transparent; /* with a colour that is */
};

static void set_tags(png_structp png, png_infop info, const struct made *m)
{
    static unsigned char exif[] = "MM\0*\0\0\0\x08\0\1\1\x12\0\3\0\0\0\1\0\0\0\0\0\0\0\0";
    exif[19] = (unsigned char)m->orientation;
    if (m->per_metre[0])
        png_set_pHYs(png, info, m->per_metre[0], m->per_metre[1], m->unit);
    if (m->srgb)
        png_set_sRGB(png, info, m->srgb - 1);
    if (m->gamma > 0)
        png_set_gAMA(png, info, m->gamma);
    if (m->chromaticities)
        png_set_cHRM(png, info, 0.3127, 0.329, 0.64, 0.33, 0.21, 0.71, 0.15, 0.06);
    if (m->profile)
        png_set_iCCP(png, info, "test", 0, profile_of(m->profile), PROFILE_LENGTH);
    if (m->orientation)
        png_set_eXIf_1(png, info, sizeof exif - 1, exif);
}

/* 16 bits a sample; value number i of the rows is word_at(i). */
static const char *deep_png(struct made m)
{
    static unsigned char rows[HEIGHT][WIDTH * 8];
    png_bytep pointers[HEIGHT];
    const char *path = scratch_path("deep.png");
    unlink(path);
    FILE *out = fopen(path, "wb");
    assert_non_null(out);
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png_create_info_struct(png);
    int channels =
        (m.colour & PNG_COLOR_MASK_COLOR ? 3 : 1) + (m.colour & PNG_COLOR_MASK_ALPHA ? 1 : 0);
    for (int i = 0; i < WIDTH * HEIGHT * channels; i++) {
        rows[i / (WIDTH * channels)][i % (WIDTH * channels) * 2] = (unsigned char)(word_at(i) >> 8);
        rows[i / (WIDTH * channels)][i % (WIDTH * channels) * 2 + 1] = (unsigned char)word_at(i);
    }
    for (int y = 0; y < HEIGHT; y++)
        pointers[y] = rows[y];
    png_init_io(png, out);
    png_set_IHDR(png, info, WIDTH, HEIGHT, 16, m.colour, m.interlace, 0, 0);
    if (m.transparent)
        png_set_tRNS(png, info, NULL, 0, &(png_color_16){.gray = (png_uint_16)word_at(5)});
    set_tags(png, info, &m);
    png_set_rows(png, info, pointers);
    png_write_png(png, info, PNG_TRANSFORM_IDENTITY, NULL);
    png_destroy_write_struct(&png, &info);
    fclose(out);
    return path;
}

static unsigned over_black(unsigned value, unsigned alpha, unsigned full)
{
    return (unsigned)((double)value * alpha / full + 0.5);
}

static void png_keeps_16_bits(void **state)
{
    (void)state;
    static const int colours[] = {PNG_COLOR_TYPE_GRAY, PNG_COLOR_TYPE_RGB,
                                  PNG_COLOR_TYPE_GRAY_ALPHA, PNG_COLOR_TYPE_RGB_ALPHA};
    for (int k = 0; k < 8; k++) {
        int colour = colours[k % 4], own = colour & PNG_COLOR_MASK_COLOR ? 3 : 1;
        bool alpha = colour & PNG_COLOR_MASK_ALPHA;
        const char *path = deep_png((struct made){.colour = colour, .interlace = k / 4});
        struct image p = read_with(path, everything),
                     gray = read_with(path, (struct image_request){.channels = 1, .deep = true}),
                     bytes = read_with(path, (struct image_request){.deep = false});
        assert_int_equal(p.depth, 16);
        assert_int_equal(p.channels, own);
        for (int i = 0; i < WIDTH * HEIGHT; i++) {
            unsigned v[3], a = alpha ? word_at(i * (own + 1) + own) : 65535;
            for (int c = 0; c < own; c++) {
                v[c] = word_at(i * (own + alpha) + c);
                assert_int_equal(sample(&p, (size_t)(i * own + c)), over_black(v[c], a, 65535));
                assert_int_equal(sample(&bytes, (size_t)(i * own + c)),
                                 over_black((v[c] + 128) / 257, (a + 128) / 257, 255));
            }
            unsigned luma = own == 1 ? v[0] : (299 * v[0] + 587 * v[1] + 114 * v[2] + 500) / 1000;
            assert_int_equal(sample(&gray, (size_t)i), over_black(luma, a, 65535));
        }
        image_release(&p);
        image_release(&gray);
        image_release(&bytes);
    }
}

/* A gray that counts as transparent is told by all its 16 bits. */
static void a_transparent_gray_is_black(void **state)
{
    (void)state;
    struct image p = read_with(deep_png((struct made){.transparent = "gray"}), everything);
    for (int i = 0; i < WIDTH * HEIGHT; i++)
        assert_int_equal(sample(&p, (size_t)i), i == 5 ? 0 : word_at(i));
    image_release(&p);
}

static void deep_pictures_are_turned(void **state)
{
    (void)state;
    struct image p = read_with(deep_png((struct made){.colour = PNG_COLOR_TYPE_RGB,
                                                      .orientation = 6,
                                                      .per_metre = {1000, 3000},
                                                      .unit = PNG_RESOLUTION_METER}),
                               everything);
    assert_int_equal(p.width, HEIGHT);
    for (int y = 0, i = 0; y < WIDTH; y++)
        for (int x = 0; x < HEIGHT; x++)
            for (int c = 0; c < 3; c++, i++)
                assert_int_equal(sample(&p, (size_t)i),
                                 word_at(((HEIGHT - 1 - x) * WIDTH + y) * 3 + c));
    assert_per_metre(&p, 3000, 1000);
    image_release(&p);
}

/* ---- PGM, PPM ---- */

static void pnm_keeps_16_bits(void **state)
{
    (void)state;
    const char deep[] = "P5 3 1 65535 \x12\x34\0\0\xff\xff",
               some[] = "P6 1 1 1000 \0\0\1\xf4\3\xe8";
    struct image p = read_with(scratch_file("a.pgm", deep, sizeof deep - 1), everything);
    assert_int_equal(p.depth, 16);
    assert_int_equal(sample(&p, 0), 0x1234);
    assert_int_equal(sample(&p, 2), 65535);
    image_release(&p);
    p = read_with(scratch_file("b.ppm", some, sizeof some - 1), everything);
    assert_int_equal(sample(&p, 1), 32768); /* 32767.5 */
    assert_int_equal(sample(&p, 2), 65535);
    image_release(&p);
    p = read_with(scratch_file("c.pgm", "P2 2 1 256 128 1", 16), everything);
    assert_int_equal(sample(&p, 0), 32768);
    assert_int_equal(sample(&p, 1), 256);
    image_release(&p);
    p = read_with(scratch_file("d.pgm", "P2 1 1 255 128", 14), everything);
    assert_int_equal(p.depth, 8);
    image_release(&p);
}

/* ---- Out ---- */

static struct image numbered(int width, int height, int channels, int depth)
{
    struct image p;
    assert_int_equal(image_new_deep(&p, width, height, channels, depth), 0);
    for (int i = 0; i < width * height * channels; i++) {
        if (depth == 16)
            ((unsigned short *)(void *)p.pixels)[i] = (unsigned short)word_at(i);
        else
            p.pixels[i] = (unsigned char)(i % 50 < 25 ? (unsigned)i / 7 : word_at(i));
    }
    return p;
}

/* Around the size where another way of packing begins. */
static void what_is_packed_comes_out_again(void **state)
{
    (void)state;
    for (int i = 0; i < 20; i++) {
        int side = (const int[]){1, 18, 32, 33, 100}[i / 4], channels = i % 2 ? 3 : 1,
            depth = i / 2 % 2 ? 16 : 8;
        struct image p = numbered(side, side, channels, depth), again = packed_and_read(&p);
        unsigned char *first, *second;
        size_t length, second_length;
        assert_int_equal(image_pack("x", &p, &first, &length), 0);
        assert_int_equal(image_pack("x", &again, &second, &second_length), 0);
        assert_int_equal(length, second_length);
        assert_memory_equal(first, second, length);
        free(first);
        free(second);
        image_release(&p);
        image_release(&again);
    }
    struct image none = {.channels = 1, .depth = 8};
    unsigned char *file;
    size_t length;
    assert_int_equal(image_pack("none.png", &none, &file, &length), -1);
    assert_error(STATUS_RUNTIME, "none.png", "0 x 0 pixels");
}

/* ---- Tags of PNG ---- */

static struct image tagged(struct made m)
{
    return read_with(deep_png(m), everything);
}

static void png_tags_go_along(void **state)
{
    (void)state;
    struct image p =
        tagged((struct made){.per_metre = {2835, 5669}, .unit = PNG_RESOLUTION_METER, .srgb = 3});
    struct image again = packed_and_read(&p);
    assert_per_metre(&again, 2835, 5669);
    assert_int_equal(again.tags.srgb, 3);
    image_release(&p);
    image_release(&again);

    p = tagged((struct made){.colour = PNG_COLOR_TYPE_RGB, .gamma = 0.5, .chromaticities = true});
    again = packed_and_read(&p);
    assert_int_equal(again.tags.srgb, 0);
    assert_in_range((long)(again.tags.gamma * 1e5 + 0.5), 50000, 50000);
    assert_in_range((long)(again.tags.chromaticities[5] * 1e5 + 0.5), 71000, 71000);
    assert_in_range((long)(again.tags.chromaticities[0] * 1e5 + 0.5), 31270, 31270);
    image_release(&p);
    image_release(&again);

    /* not a size but the shape of a pixel */
    p = tagged((struct made){.per_metre = {1, 2}, .unit = PNG_RESOLUTION_UNKNOWN});
    again = packed_and_read(&p);
    assert_per_metre(&again, 0, 0);
    assert_int_equal(again.tags.srgb, 0);
    assert_true(again.tags.gamma == 0 && again.tags.chromaticities[0] == 0);
    image_release(&p);
    image_release(&again);
}

static void a_profile_goes_where_it_belongs(void **state)
{
    (void)state;
    struct image colour = tagged((struct made){.colour = PNG_COLOR_TYPE_RGB, .profile = "RGB "}),
                 gray = tagged((struct made){.profile = "GRAY"}), again;
    assert_profile(&colour, "RGB ");
    again = packed_and_read(&colour);
    assert_profile(&again, "RGB ");
    image_release(&again);
    assert_profile(&gray, "GRAY");
    again = packed_and_read(&gray);
    assert_profile(&again, "GRAY");
    image_release(&again);

    struct image_tags kept = colour.tags;
    colour.tags = gray.tags;
    gray.tags = kept;
    again = packed_and_read(&colour);
    assert_profile(&again, NULL);
    image_release(&again);
    again = packed_and_read(&gray);
    assert_profile(&again, NULL);
    image_release(&again);
    image_release(&gray);

    /* one that is not sound is left out, one that is padded ends where it says */
    colour.tags.profile[16] = 'R';
    memcpy(colour.tags.profile, profile_of("RGB "), PROFILE_LENGTH);
    colour.tags.profile_length = PROFILE_LENGTH - 4;
    again = packed_and_read(&colour);
    assert_profile(&again, NULL);
    image_release(&again);
    colour.tags.profile_length = PROFILE_LENGTH;
    colour.tags.profile[36] = 'x';
    again = packed_and_read(&colour);
    assert_profile(&again, NULL);
    image_release(&again);
    unsigned char *padded = calloc(PROFILE_LENGTH + 8, 1);
    assert_non_null(padded);
    memcpy(padded, profile_of("RGB "), PROFILE_LENGTH);
    free(colour.tags.profile);
    colour.tags.profile = padded;
    colour.tags.profile_length = PROFILE_LENGTH + 8;
    again = packed_and_read(&colour);
    assert_profile(&again, "RGB ");
    image_release(&again);
    image_release(&colour);
    assert_nothing_printed();
}

/* ---- Tags of JPEG ---- */

/* EXIF of 144 x 72 pixels an inch; its unit may be another. */
static size_t exif_of(int unit, unsigned char *exif)
{
    static const unsigned char made[] = "Exif\0\0II*\0\x08\0\0\0\3\0"
                                        "\x1a\1\5\0\1\0\0\0\x32\0\0\0"
                                        "\x1b\1\5\0\1\0\0\0\x3a\0\0\0"
                                        "\x28\1\3\0\1\0\0\0\2\0\0\0"
                                        "\0\0\0\0"
                                        "\x90\0\0\0\1\0\0\0"
                                        "\x48\0\0\0\1\0\0\0";
    memcpy(exif, made, sizeof made - 1);
    exif[48] = (unsigned char)unit;
    return sizeof made - 1;
}

/* exif_unit 0: without EXIF data */
static const char *jpeg_file(int unit, int exif_unit, const char *profile)
{
    struct jpeg_compress_struct jpeg;
    struct jpeg_error_mgr errors;
    unsigned char row[8 * 3] = {0}, exif[80], *bytes = NULL;
    unsigned long length = 0;
    jpeg.err = jpeg_std_error(&errors);
    jpeg_create_compress(&jpeg);
    jpeg_mem_dest(&jpeg, &bytes, &length);
    jpeg.image_width = jpeg.image_height = 8;
    jpeg.input_components = 3;
    jpeg.in_color_space = JCS_RGB;
    jpeg_set_defaults(&jpeg);
    jpeg.density_unit = (UINT8)unit;
    jpeg.X_density = 300;
    jpeg.Y_density = 200;
    jpeg_start_compress(&jpeg, TRUE);
    if (exif_unit)
        jpeg_write_marker(&jpeg, JPEG_APP0 + 1, exif, (unsigned)exif_of(exif_unit, exif));
    if (profile)
        jpeg_write_icc_profile(&jpeg, profile_of(profile), PROFILE_LENGTH);
    JSAMPROW pointer = row;
    for (int y = 0; y < 8; y++)
        jpeg_write_scanlines(&jpeg, &pointer, 1);
    jpeg_finish_compress(&jpeg);
    jpeg_destroy_compress(&jpeg);
    const char *path = scratch_file("made.jpg", bytes, length);
    free(bytes);
    return path;
}

static void jpeg_tags_go_along(void **state)
{
    (void)state;
    static const struct {
        int unit, exif;
        double across, down;
    } cases[] = {{1, 0, 11811.02, 7874.02}, {2, 0, 30000, 20000}, {0, 0, 0, 0},
                 {0, 2, 5669.29, 2834.65},  {0, 3, 14400, 7200},  {0, 1, 0, 0},
                 {1, 2, 11811.02, 7874.02}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct image p =
            read_with(jpeg_file(cases[i].unit, cases[i].exif, i % 2 ? "RGB " : NULL), everything);
        assert_per_metre(&p, cases[i].across, cases[i].down);
        assert_profile(&p, i % 2 ? "RGB " : NULL);
        assert_int_equal(p.depth, 8);
        image_release(&p);
    }
    const char *path = jpeg_file(1, 2, "RGB ");
    struct image plain = read_with(path, (struct image_request){.deep = true});
    assert_per_metre(&plain, 0, 0);
    assert_profile(&plain, NULL);
    image_release(&plain);
    assert_cuts_refused(path, 3);
    read_damaged(jpeg_file(0, 2, "RGB "), 2000);
    assert_nothing_printed();
}

/* ---- Animated PNG ---- */

/* An acTL chunk behind IHDR. */
static const char *animated_png(unsigned frames)
{
    unsigned char chunk[20] = "\0\0\0\x08"
                              "acTL",
                  *file, whole[1 << 12];
    size_t length;
    enum { BEHIND_IHDR = 33 };
    put_number(chunk + 8, frames);
    put_number(chunk + 16, crc32(0, chunk + 4, 12));
    struct image p = numbered(8, 8, 1, 8);
    assert_int_equal(image_pack("x", &p, &file, &length), 0);
    memcpy(whole, file, BEHIND_IHDR);
    memcpy(whole + BEHIND_IHDR, chunk, sizeof chunk);
    memcpy(whole + BEHIND_IHDR + sizeof chunk, file + BEHIND_IHDR, length - BEHIND_IHDR);
    free(file);
    image_release(&p);
    return scratch_file("moving.png", whole, length + sizeof chunk);
}

static void an_animated_png_is_refused(void **state)
{
    (void)state;
    struct image_head head;
    const char *path = animated_png(12);
    assert_refused(path, "an animated PNG of 12 frames");
    assert_int_equal(image_look(path, &head), -1);
    assert_error(STATUS_DATA, path, "animated");
    struct image still = read_with(animated_png(1), everything);
    image_release(&still);
}

static void a_damaged_png_is_read_or_refused(void **state)
{
    (void)state;
    const char *path = deep_png((struct made){.colour = PNG_COLOR_TYPE_RGB,
                                              .interlace = 1,
                                              .per_metre = {1, 2},
                                              .profile = "RGB ",
                                              .orientation = 3});
    assert_cuts_refused(path, 8);
    read_damaged(scratch_path("deep.png"), 2000);
    assert_nothing_printed();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(png_keeps_16_bits),
        cmocka_unit_test(a_transparent_gray_is_black),
        cmocka_unit_test(deep_pictures_are_turned),
        cmocka_unit_test(pnm_keeps_16_bits),
        cmocka_unit_test(what_is_packed_comes_out_again),
        cmocka_unit_test(png_tags_go_along),
        cmocka_unit_test(a_profile_goes_where_it_belongs),
        cmocka_unit_test(jpeg_tags_go_along),
        cmocka_unit_test(an_animated_png_is_refused),
        cmocka_unit_test(a_damaged_png_is_read_or_refused),
    };
    return cmocka_run_group_tests_name("deep pictures", tests, quiet_make, quiet_remove);
}
