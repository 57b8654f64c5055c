/* Pictures in every shape PNG, JPEG and PGM come in, broken ones, folders of them. */
#include "image/image.h"

#include "base/files.h"
#include "data/folder.h"
#include "scratch.h"
#include <png.h>

#include <jpeglib.h>

/* What is read only as far as the pixels tells the same of them. */
static void assert_looks(const char *path, const struct image *picture)
{
    struct image_head head;
    if (image_look(path, &head))
        fail_msg("%s", error_message());
    assert_int_equal(head.width, picture->width);
    assert_int_equal(head.height, picture->height);
}

/* asked: the channels asked for, or 0 */
static void assert_read(const char *path, int asked, int width, int height, int channels,
                        const unsigned char *pixels)
{
    struct image picture;
    if (image_read(path, asked, &picture))
        fail_msg("%s", error_message());
    assert_int_equal(picture.width, width);
    assert_int_equal(picture.height, height);
    assert_int_equal(picture.channels, channels);
    assert_memory_equal(picture.pixels, pixels, (size_t)(width * height * channels));
    assert_looks(path, &picture);
    image_release(&picture);
    assert_null(picture.pixels);
}

static void assert_pixels(const char *path, int width, int height, const unsigned char *gray)
{
    assert_read(path, 1, width, height, 1, gray);
}

static void assert_colours(const char *path, int width, int height, const unsigned char *colours)
{
    assert_read(path, 3, width, height, 3, colours);
}

/* Read in the channels that the file has. */
static void assert_own(const char *path, int width, int height, int channels,
                       const unsigned char *pixels)
{
    struct image_head head;
    assert_read(path, 0, width, height, channels, pixels);
    assert_int_equal(image_look(path, &head), 0);
    assert_int_equal(head.coloured, channels == 3);
}

static void assert_refused(const char *path, const char *why)
{
    struct image picture = {.width = 1, .height = 1, .channels = 1};
    assert_int_equal(image_read(path, 1, &picture), -1);
    assert_error(STATUS_DATA, path, why);
    assert_int_equal(picture.width, 0);
    assert_null(picture.pixels);
}

static void load(const char *path, unsigned char **bytes, size_t *length)
{
    assert_int_equal(file_read(path, 1 << 24, STATUS_DATA, bytes, length), 0);
}

/* PNG */

/* A PNG of two rows of row_bytes each. */
static const char *png_file(int width, int colour, int depth, int interlace,
                            const unsigned char *rows, size_t row_bytes)
{
    const char *path = scratch_path("made.png");
    FILE *out = fopen(path, "wb");
    assert_non_null(out);
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png_create_info_struct(png);
    png_bytep pointers[] = {(png_bytep)rows, (png_bytep)rows + row_bytes};
    const png_color palette[] = {{0, 0, 0}, {255, 255, 255}, {255, 0, 0}, {9, 9, 9}};
    const png_byte alphas[] = {255, 255, 255, 0};
    png_init_io(png, out);
    png_set_IHDR(png, info, (png_uint_32)width, 2, depth, colour, interlace, 0, 0);
    if (colour == PNG_COLOR_TYPE_PALETTE) {
        png_set_PLTE(png, info, palette, 4);
        png_set_tRNS(png, info, alphas, 4, NULL);
    }
    png_set_rows(png, info, pointers);
    png_write_png(png, info, PNG_TRANSFORM_IDENTITY, NULL);
    png_destroy_write_struct(&png, &info);
    fclose(out);
    return path;
}

static void reads_gray_png_of_any_depth(void **state)
{
    (void)state;
    const unsigned char bits[] = {0xa0, 0x40}, bit_gray[] = {255, 0, 255, 0, 255, 0};
    const unsigned char bytes[] = {0, 1, 127, 128, 254, 255};
    const unsigned char words[] = {0, 0, 1, 1, 127, 127, 128, 128, 254, 254, 255, 255};
    assert_pixels(png_file(3, PNG_COLOR_TYPE_GRAY, 1, 0, bits, 1), 3, 2, bit_gray);
    assert_pixels(png_file(3, PNG_COLOR_TYPE_GRAY, 8, 0, bytes, 3), 3, 2, bytes);
    assert_pixels(png_file(3, PNG_COLOR_TYPE_GRAY, 8, 1, bytes, 3), 3, 2, bytes);
    assert_pixels(png_file(3, PNG_COLOR_TYPE_GRAY, 16, 0, words, 6), 3, 2, bytes);
}

static void turns_colour_into_gray(void **state)
{
    (void)state;
    const unsigned char colours[] = {255, 0, 0, 0, 255, 0, 0, 0, 255, 7, 7, 7};
    const unsigned char gray[] = {76, 150, 29, 7};
    const unsigned char indices[] = {0, 1, 2, 3}, index_gray[] = {0, 255, 76, 0};
    assert_pixels(png_file(2, PNG_COLOR_TYPE_RGB, 8, 0, colours, 6), 2, 2, gray);
    assert_pixels(png_file(2, PNG_COLOR_TYPE_PALETTE, 8, 0, indices, 2), 2, 2, index_gray);
}

static void shows_black_behind_transparency(void **state)
{
    (void)state;
    const unsigned char gray_alpha[] = {200, 255, 200, 0, 200, 128, 0, 255};
    const unsigned char colour_alpha[] = {255, 255, 255, 51,  255, 255, 255, 0,
                                          255, 0,   0,   255, 0,   0,   0,   9};
    const unsigned char gray[] = {200, 0, 100, 0}, other[] = {51, 0, 76, 0};
    assert_pixels(png_file(2, PNG_COLOR_TYPE_GRAY_ALPHA, 8, 0, gray_alpha, 4), 2, 2, gray);
    assert_pixels(png_file(2, PNG_COLOR_TYPE_RGB_ALPHA, 8, 0, colour_alpha, 8), 2, 2, other);
}

/* Whatever a PNG holds, three channels come of it if they are asked for. */
static void reads_png_in_colour(void **state)
{
    (void)state;
    const unsigned char colours[] = {255, 0, 0, 0, 255, 0, 0, 0, 255, 7, 8, 9};
    const unsigned char words[] = {255, 255, 1, 1, 2, 2, 0, 0, 9, 9, 8, 8},
                        few[] = {255, 1, 2, 0, 9, 8};
    const unsigned char indices[] = {0, 1, 2, 3};
    const unsigned char looked_up[] = {0, 0, 0, 255, 255, 255, 255, 0, 0, 0, 0, 0};
    const unsigned char gray[] = {1, 2, 3, 200},
                        equal[] = {1, 1, 1, 2, 2, 2, 3, 3, 3, 200, 200, 200};
    const unsigned char gray_alpha[] = {200, 255, 200, 0, 200, 128, 0, 255};
    const unsigned char gray_on_black[] = {200, 200, 200, 0, 0, 0, 100, 100, 100, 0, 0, 0};
    const unsigned char colour_alpha[] = {255, 100, 50, 51,  255, 255, 255, 0,
                                          255, 0,   7,  255, 0,   0,   0,   9};
    const unsigned char on_black[] = {51, 20, 10, 0, 0, 0, 255, 0, 7, 0, 0, 0};
    const unsigned char mixed[] = {200, 0, 100, 0};
    assert_colours(png_file(2, PNG_COLOR_TYPE_RGB, 8, 0, colours, 6), 2, 2, colours);
    assert_colours(png_file(2, PNG_COLOR_TYPE_RGB, 8, 1, colours, 6), 2, 2, colours);
    assert_colours(png_file(1, PNG_COLOR_TYPE_RGB, 16, 0, words, 6), 1, 2, few);
    assert_colours(png_file(2, PNG_COLOR_TYPE_PALETTE, 8, 0, indices, 2), 2, 2, looked_up);
    assert_colours(png_file(2, PNG_COLOR_TYPE_GRAY, 8, 0, gray, 2), 2, 2, equal);
    assert_colours(png_file(2, PNG_COLOR_TYPE_GRAY_ALPHA, 8, 0, gray_alpha, 4), 2, 2,
                   gray_on_black);
    assert_colours(png_file(2, PNG_COLOR_TYPE_RGB_ALPHA, 8, 0, colour_alpha, 8), 2, 2, on_black);
    assert_own(png_file(2, PNG_COLOR_TYPE_RGB, 8, 0, colours, 6), 2, 2, 3, colours);
    assert_own(png_file(2, PNG_COLOR_TYPE_PALETTE, 8, 0, indices, 2), 2, 2, 3, looked_up);
    assert_own(png_file(2, PNG_COLOR_TYPE_GRAY, 8, 0, gray, 2), 2, 2, 1, gray);
    assert_own(png_file(2, PNG_COLOR_TYPE_GRAY_ALPHA, 8, 0, gray_alpha, 4), 2, 2, 1, mixed);
}

static void writes_png(void **state)
{
    (void)state;
    const unsigned char gray[] = {0, 1, 127, 128, 254, 255}, colours[] = {255, 0, 0, 0, 0, 255};
    const unsigned char luma[] = {76, 29};
    unsigned char *first, *second;
    size_t first_length, second_length;
    const char *path = scratch_path("out.png");
    assert_int_equal(image_write_png(path, 3, 2, 1, gray), 0);
    assert_pixels(path, 3, 2, gray);
    load(path, &first, &first_length);
    assert_int_equal(image_write_png(path, 3, 2, 1, gray), 0);
    load(path, &second, &second_length);
    assert_int_equal(first_length, second_length);
    assert_memory_equal(first, second, first_length);
    free(first);
    free(second);
    assert_int_equal(image_write_png(path, 2, 1, 3, colours), 0);
    assert_pixels(path, 2, 1, luma);
    assert_colours(path, 2, 1, colours);
    assert_int_equal(image_write_png(path, 0, 1, 1, gray), -1);
    assert_error(STATUS_RUNTIME, path, "0 x 1 pixels");
    assert_int_equal(image_write_png(scratch_path("no/where.png"), 1, 1, 1, gray), -1);
    assert_error(STATUS_RUNTIME, "no/where.png", "cannot be written");
    assert_pixels(path, 2, 1, luma);
}

static void refuses_broken_png(void **state)
{
    (void)state;
    static unsigned char gray[64 * 64];
    unsigned char *bytes;
    size_t length;
    for (size_t i = 0; i < sizeof gray; i++)
        gray[i] = (unsigned char)(i * i >> 3);
    assert_int_equal(image_write_png(scratch_path("whole.png"), 64, 64, 1, gray), 0);
    load(scratch_path("whole.png"), &bytes, &length);
    for (size_t cut = 8; cut < length; cut += 41)
        assert_refused(scratch_file("cut.png", bytes, cut), "the file ends early");
    assert_refused(scratch_file("cut.png", bytes, length - 1), "the file ends early");
    bytes[length / 2] ^= 0xff;
    assert_refused(scratch_file("bent.png", bytes, length), "damaged PNG near byte");
    bytes[length / 2] ^= 0xff;
    memcpy(bytes + 16, "\x7f\xff\xff\xff\x7f\xff\xff\xff", 8); /* without a new checksum */
    assert_refused(scratch_file("big.png", bytes, length), "damaged PNG");
    free(bytes);
}

static void refuses_a_png_larger_than_allowed(void **state)
{
    (void)state;
    /* Headers with right checksums and no pixels: refused before memory is taken. */
    static const unsigned char wide[] = /* 65536 x 1 */
        "\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\x01\0\0\0\0\0\x01\x08\0\0\0\0\x4e\x19\xbc\x04"
        "\0\0\0\0IDAT\x35\xaf\x06\x1e";
    static const unsigned char many[] = /* 16384 x 16385 */
        "\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x40\0\0\0\x40\x01\x08\0\0\0\0\x47\xff\x9c\xfd"
        "\0\0\0\0IDAT\x35\xaf\x06\x1e";
    assert_refused(scratch_file("wide.png", wide, sizeof wide - 1), "65536 x 1 pixels; at most");
    assert_refused(scratch_file("many.png", many, sizeof many - 1), "16384 x 16385 pixels");
}

/* JPEG */

/* rows: (height, width, channels) */
static const char *jpeg_of_rows(const char *name, int width, int height, int channels,
                                J_COLOR_SPACE space, bool progressive, unsigned char *rows)
{
    struct jpeg_compress_struct jpeg;
    struct jpeg_error_mgr errors;
    unsigned char *bytes = NULL;
    unsigned long length = 0;
    jpeg.err = jpeg_std_error(&errors);
    jpeg_create_compress(&jpeg);
    jpeg_mem_dest(&jpeg, &bytes, &length);
    jpeg.image_width = (JDIMENSION)width;
    jpeg.image_height = (JDIMENSION)height;
    jpeg.input_components = channels;
    jpeg.in_color_space = space;
    jpeg_set_defaults(&jpeg);
    if (progressive)
        jpeg_simple_progression(&jpeg);
    jpeg_start_compress(&jpeg, TRUE);
    for (int y = 0; y < height; y++) {
        JSAMPROW row = rows + (size_t)y * (size_t)(width * channels);
        jpeg_write_scanlines(&jpeg, &row, 1);
    }
    jpeg_finish_compress(&jpeg);
    jpeg_destroy_compress(&jpeg);
    const char *path = scratch_file(name, bytes, length);
    free(bytes);
    return path;
}

static const char *jpeg_file(const char *name, int side, int channels, J_COLOR_SPACE space,
                             bool progressive, unsigned char value)
{
    static unsigned char rows[256 * 256 * 4];
    for (int y = 0; y < side; y++)
        for (int x = 0; x < side * channels; x++)
            rows[y * side * channels + x] = (unsigned char)(value + (x * y) % 7);
    return jpeg_of_rows(name, side, side, channels, space, progressive, rows);
}

static void assert_all_near(const char *path, int side, int value)
{
    struct image picture;
    if (image_read(path, 1, &picture))
        fail_msg("%s", error_message());
    assert_int_equal(picture.width, side);
    assert_int_equal(picture.height, side);
    for (int i = 0; i < side * side; i++)
        assert_in_range(picture.pixels[i], value - 12, value + 12);
    image_release(&picture);
}

static void reads_jpeg(void **state)
{
    (void)state;
    assert_all_near(jpeg_file("gray.jpg", 33, 1, JCS_GRAYSCALE, false, 100), 33, 103);
    assert_all_near(jpeg_file("colour.jpg", 33, 3, JCS_RGB, false, 50), 33, 53);
    assert_all_near(jpeg_file("steps.jpg", 33, 3, JCS_RGB, true, 200), 33, 203);
    assert_all_near(jpeg_file("misnamed.png", 8, 1, JCS_GRAYSCALE, false, 100), 8, 103);
}

/* Red above, blue below, so large that the borders of the two hardly count. */
static const char *red_and_blue_jpeg(void)
{
    static unsigned char rows[64][32 * 3];
    for (int y = 0; y < 64; y++)
        for (int x = 0; x < 32; x++)
            memcpy(&rows[y][3 * x], y < 32 ? "\xff\0\0" : "\0\0\xff", 3);
    return jpeg_of_rows("red-blue.jpg", 32, 64, 3, JCS_RGB, false, rows[0]);
}

static void reads_jpeg_in_colour(void **state)
{
    (void)state;
    struct image picture;
    if (image_read(red_and_blue_jpeg(), 0, &picture))
        fail_msg("%s", error_message());
    assert_int_equal(picture.width, 32);
    assert_int_equal(picture.height, 64);
    assert_int_equal(picture.channels, 3);
    for (int i = 0; i < 32 * 64 * 3; i++) {
        int row = i / 96, full = row < 32 ? 0 : 2;
        if (row < 24 || row >= 40)
            assert_in_range(picture.pixels[i], i % 3 == full ? 245 : 0, i % 3 == full ? 255 : 10);
    }
    image_release(&picture);
    if (image_read(jpeg_file("gray.jpg", 33, 1, JCS_GRAYSCALE, false, 100), 3, &picture))
        fail_msg("%s", error_message());
    for (int i = 0; i < 33 * 33; i++) {
        const unsigned char *p = picture.pixels + (size_t)i * 3;
        assert_true(p[0] == p[1] && p[1] == p[2]);
        assert_in_range(p[0], 91, 115);
    }
    image_release(&picture);
    assert_int_equal(image_read(scratch_path("gray.jpg"), 0, &picture), 0);
    assert_int_equal(picture.channels, 1);
    image_release(&picture);
}

/* In front of its size a JPEG may have a profile of any length, here of three markers. */
static const char *jpeg_with_a_profile(const unsigned char *file, size_t length)
{
    enum { MARKER = 2 + 0xffff, MARKERS = 3 };
    static unsigned char whole[1 << 20];
    assert_true(length + (size_t)MARKER * MARKERS <= sizeof whole);
    memcpy(whole, file, 2);
    for (int i = 0; i < MARKERS; i++)
        memcpy(whole + 2 + MARKER * i, "\xff\xe2\xff\xff", 4);
    memcpy(whole + 2 + MARKER * MARKERS, file + 2, length - 2);
    return scratch_file("profile.jpg", whole, length + MARKER * MARKERS);
}

static void looks_at_a_jpeg_without_its_pixels(void **state)
{
    (void)state;
    struct image_head head;
    unsigned char *bytes;
    size_t length;
    assert_int_equal(image_look(jpeg_file("gray.jpg", 33, 1, JCS_GRAYSCALE, false, 9), &head), 0);
    assert_int_equal(head.width * 1000 + head.height, 33033);
    assert_false(head.coloured);
    assert_int_equal(image_look(red_and_blue_jpeg(), &head), 0);
    assert_int_equal(head.width * 1000 + head.height, 32064);
    assert_true(head.coloured);
    load(red_and_blue_jpeg(), &bytes, &length);
    head = (struct image_head){0};
    assert_int_equal(image_look(jpeg_with_a_profile(bytes, length), &head), 0);
    assert_int_equal(head.width * 1000 + head.height, 32064);
    assert_int_equal(image_look(scratch_file("cut.jpg", bytes, length - 20), &head), 0);
    assert_int_equal(image_look(scratch_file("cut.jpg", bytes, 100), &head), -1);
    assert_error(STATUS_DATA, "cut.jpg", "damaged JPEG");
    assert_int_equal(image_look(jpeg_file("cmyk.jpg", 8, 4, JCS_CMYK, false, 9), &head), -1);
    assert_error(STATUS_DATA, "cmyk.jpg", "CMYK JPEG");
    free(bytes);
}

static void refuses_broken_jpeg(void **state)
{
    (void)state;
    unsigned char *bytes;
    size_t length;
    load(jpeg_file("whole.jpg", 200, 3, JCS_RGB, false, 90), &bytes, &length);
    for (size_t cut = 3; cut + 2 < length; cut += length / 23)
        assert_refused(scratch_file("cut.jpg", bytes, cut), "damaged JPEG: ");
    memset(bytes + length / 2, 0xff, 40);
    assert_refused(scratch_file("bent.jpg", bytes, length), "damaged JPEG: ");
    free(bytes);
    assert_refused(jpeg_file("cmyk.jpg", 8, 4, JCS_CMYK, false, 9), "CMYK JPEG");
}

static void refuses_an_endless_jpeg(void **state)
{
    (void)state;
    unsigned char *bytes;
    size_t length, scan;
    load(jpeg_file("once.jpg", 16, 1, JCS_GRAYSCALE, true, 90), &bytes, &length);
    for (scan = length - 4; memcmp(bytes + scan, "\xff\xda", 2); scan--)
        ;
    size_t scan_bytes = length - 2 - scan, total = scan;
    unsigned char *endless = malloc(scan + 600 * scan_bytes);
    assert_non_null(endless);
    memcpy(endless, bytes, scan);
    for (int i = 0; i < 600; i++, total += scan_bytes)
        memcpy(endless + total, bytes + scan, scan_bytes);
    struct image picture;
    assert_int_equal(image_read(scratch_file("endless.jpg", endless, total), 1, &picture), -1);
    assert_error(STATUS_DATA, "endless.jpg", "damaged JPEG");
    free(endless);
    free(bytes);
}

/* PGM */

static const char *text_file(const char *name, const char *text)
{
    return scratch_file(name, text, strlen(text));
}

static void reads_pgm(void **state)
{
    (void)state;
    const unsigned char gray[] = {0, 255, 128, 51}, deep[] = {0, 255, 128, 1};
    const char wide[] = "P5 2 2 65535\n\0\0\xff\xff\x80\x80\1\1";
    assert_pixels(text_file("a.pgm", "P2\n# by hand\n2 2\n5 # five\n0 5\n#\n 2 1"), 2, 2,
                  (const unsigned char[]){0, 255, 102, 51});
    assert_pixels(scratch_file("b.pgm", "P5\n2 2\n255\n\0\xff\x80\x33", 15), 2, 2, gray);
    assert_pixels(scratch_file("c.pgm", wide, sizeof wide - 1), 2, 2, deep);
}

static void reads_pnm_in_colour(void **state)
{
    (void)state;
    const char deep[] = "P6 1 1 65535\n\xff\xff\x80\x80\1\1";
    assert_colours(text_file("a.ppm", "P3 2 1 255\n255 0 7 1 2 3"), 2, 1,
                   (const unsigned char[]){255, 0, 7, 1, 2, 3});
    assert_colours(scratch_file("b.ppm", "P6 1 2 255\n\1\2\3\4\5\6", 17), 1, 2,
                   (const unsigned char[]){1, 2, 3, 4, 5, 6});
    assert_colours(scratch_file("c.ppm", deep, sizeof deep - 1), 1, 1,
                   (const unsigned char[]){255, 128, 1});
    assert_colours(text_file("d.pgm", "P2 2 1 5 1 5"), 2, 1,
                   (const unsigned char[]){51, 51, 51, 255, 255, 255});
    assert_own(text_file("d.pgm", "P2 2 1 5 1 5"), 2, 1, 1, (const unsigned char[]){51, 255});
    assert_own(text_file("a.ppm", "P3 1 1 255\n9 9 9"), 1, 1, 3, (const unsigned char[]){9, 9, 9});
}

static void refuses_broken_pgm(void **state)
{
    (void)state;
    assert_refused(text_file("a.pgm", "P2\n"), "a number is missing at byte 3");
    assert_refused(text_file("a.pgm", "P2 2 2"), "a number is missing at byte 6");
    assert_refused(text_file("a.pgm", "P2 2 2 255 1 2 3"), "a number is missing at byte 16");
    assert_refused(text_file("a.pgm", "P2 2 x 255 1 2 3 4"), "no number at byte 5");
    assert_refused(text_file("a.pgm", "P2 1 1 255 -1"), "no number at byte 11");
    assert_refused(text_file("a.pgm", "P2 1 1 255 256"), "the number at byte 11 is above 255");
    assert_refused(text_file("a.pgm", "P2 1 1 65536 1"), "the number at byte 7 is above 65535");
    assert_refused(text_file("a.pgm", "P2 1 1 0 0"), "its maximum is 0");
    assert_refused(text_file("a.pgm", "P2 0 1 255"), "the picture is empty (0 x 1)");
    assert_refused(text_file("a.pgm", "P5 99999999999999999999 1 255 "), "above 4294967295");
    assert_refused(text_file("a.pgm", "P5 16385 16384 255 "), "too large");
    assert_refused(text_file("a.pgm", "P5 2 2 255"), "ends at byte 10");
    assert_refused(text_file("a.pgm", "P5 2 2 255 abc"),
                   "pixels to byte 15, but it ends at byte 14");
    assert_refused(text_file("a.pgm", "P5 2 2 255x1234"), "no blank at byte 10");
    assert_refused(text_file("a.pgm", "P5 1 1 300 zz"), "at byte 11 is 31354, above 300");
}

static void refuses_what_is_no_picture(void **state)
{
    (void)state;
    assert_refused(scratch_path("missing.png"), "No such file");
    assert_refused(text_file("empty.png", ""), "the file is empty");
    assert_refused(text_file("text.png", "hello"), "not a picture");
    assert_refused(text_file("half.png", "\x89PN"), "not a picture");
    assert_refused(scratch, "not a regular file");
    struct image_head head;
    assert_int_equal(image_look(scratch_path("text.png"), &head), -1);
    assert_error(STATUS_DATA, "text.png", "not a picture");
    assert_int_equal(image_look(text_file("a.pgm", "P2 0 1 255"), &head), -1);
    assert_error(STATUS_DATA, "a.pgm", "the picture is empty");
}

/* Folders */

static void assert_names(const name_list *list, const char *const *wanted, size_t count)
{
    assert_int_equal(list->count, count);
    for (size_t i = 0; i < count; i++)
        assert_string_equal(list->names[i], wanted[i]);
}

static void lists_a_folder(void **state)
{
    (void)state;
    static const char *const wanted[] = {"B.PGM",  "a.png",  "b.jpeg",    "broken.png",
                                         "c.Jpg",  "d.jfif", "e.jpe",     "f.TIF",
                                         "g.tiff", "h.webp", "no ending", "\xc3\xa4.png"};
    static const char *const others[] = {"d.txt", "e.png.gz", "inner.png", "png"};
    static const char *const passed_over[] = {".png", ".hidden.png"};
    char name[100];
    folder f;
    assert_int_equal(directory_make(scratch_path("folder/inner.png")), 0);
    assert_int_equal(directory_make(scratch_path("folder/inner")), 0);
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        snprintf(name, sizeof name, "folder/%s", wanted[i]);
        if (!strcmp(wanted[i], "broken.png"))
            assert_int_equal(symlink("nowhere", scratch_path(name)), 0);
        else
            text_file(name, !strcmp(wanted[i], "no ending") ? "P5 1 1 255 x" : "");
    }
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        snprintf(name, sizeof name, "folder/%s", others[i]);
        if (strcmp(others[i], "inner.png"))
            text_file(name, "P is no picture");
    }
    for (size_t i = 0; i < sizeof passed_over / sizeof *passed_over; i++) {
        snprintf(name, sizeof name, "folder/%s", passed_over[i]);
        text_file(name, "P5 1 1 255 x");
    }
    assert_int_equal(folder_list(scratch_path("folder"), &f), 0);
    assert_names(&f.pictures, wanted, sizeof wanted / sizeof *wanted);
    assert_names(&f.others, others, sizeof others / sizeof *others);
    folder_release(&f);
    folder_release(&f);
}

static void refuses_folders_without_pictures(void **state)
{
    (void)state;
    folder f;
    const char *bare = scratch_path("bare"), *missing = scratch_path("no-folder");
    const char *loop = scratch_path("folder-loop");
    assert_int_equal(directory_make(bare), 0);
    text_file("bare/notes.txt", "hello");
    assert_int_equal(folder_list(bare, &f), -1);
    assert_error(STATUS_DATA, bare,
                 "holds no picture (PNG, JPEG, TIFF, WebP, PGM or PPM), and 1 other");
    assert_int_equal(folder_list(missing, &f), -1);
    assert_error(STATUS_DATA, missing, "No such file");
    const char *file = text_file("file", "");
    assert_int_equal(folder_list(file, &f), -1);
    assert_error(STATUS_DATA, file, "Not a directory");
    assert_int_equal(symlink("folder-loop", loop), 0);
    assert_int_equal(folder_list(loop, &f), -1);
    assert_error(STATUS_DATA, loop, "symbolic links");
}

/* Its names can be read, but nothing in it reached. Root may go anywhere, so it becomes somebody
 * else for this, with a relative path, as the folders above may be closed to others. */
static void names_the_cause_for_a_closed_folder(void **state)
{
    (void)state;
    folder f;
    bool root = geteuid() == 0;
    char here[1024];
    assert_non_null(getcwd(here, sizeof here));
    assert_int_equal(directory_make(scratch_path("closed")), 0);
    text_file("closed/a.png", "");
    assert_int_equal(chdir(scratch), 0);
    assert_int_equal(chmod("closed", 0444), 0);
    if (root && (chmod(".", 0755) || seteuid(65534))) {
        assert_int_equal(chdir(here), 0);
        skip(); /* a container without other users */
    }
    int result = folder_list("closed", &f);
    if (root)
        assert_int_equal(seteuid(0), 0);
    assert_int_equal(chmod("closed", 0755), 0);
    assert_int_equal(chdir(here), 0);
    assert_int_equal(result, -1);
    assert_error(STATUS_DATA, "closed: this folder cannot be searched", "Permission denied");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_gray_png_of_any_depth),
        cmocka_unit_test(turns_colour_into_gray),
        cmocka_unit_test(shows_black_behind_transparency),
        cmocka_unit_test(reads_png_in_colour),
        cmocka_unit_test(writes_png),
        cmocka_unit_test(refuses_broken_png),
        cmocka_unit_test(refuses_a_png_larger_than_allowed),
        cmocka_unit_test(reads_jpeg),
        cmocka_unit_test(reads_jpeg_in_colour),
        cmocka_unit_test(looks_at_a_jpeg_without_its_pixels),
        cmocka_unit_test(refuses_broken_jpeg),
        cmocka_unit_test(refuses_an_endless_jpeg),
        cmocka_unit_test(reads_pgm),
        cmocka_unit_test(reads_pnm_in_colour),
        cmocka_unit_test(refuses_broken_pgm),
        cmocka_unit_test(refuses_what_is_no_picture),
        cmocka_unit_test(lists_a_folder),
        cmocka_unit_test(refuses_folders_without_pictures),
        cmocka_unit_test(names_the_cause_for_a_closed_folder),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
