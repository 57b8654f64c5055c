/* Pictures in every shape PNG, JPEG, PGM and PPM come in, broken ones, panels. */
#include "data/image.h"

#include "base/files.h"
#include "formats/panel.h"
#include "picture_files.h"
#include <png.h>

#include <jpeglib.h>

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
    static const unsigned char wide[] = /* 16385 x 1 */
        "\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x40\x01\0\0\0\x01\x08\0\0\0\0\xec\x36\x82\xba"
        "\0\0\0\0IDAT\x35\xaf\x06\x1e";
    static const unsigned char many[] = /* 16384 x 16384 */
        "\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x40\0\0\0\x40\0\x08\0\0\0\0\x8c\xa3\x4f\x58"
        "\0\0\0\0IDAT\x35\xaf\x06\x1e";
    assert_refused(scratch_file("wide.png", wide, sizeof wide - 1), "16385 x 1 pixels; at most");
    assert_refused(scratch_file("many.png", many, sizeof many - 1), "16384 x 16384 pixels");
}

/* JPEG */

static const char *jpeg_file(const char *name, int side, int channels, J_COLOR_SPACE space,
                             bool progressive, unsigned char value)
{
    struct jpeg_compress_struct jpeg;
    struct jpeg_error_mgr errors;
    unsigned char *bytes = NULL, row[256 * 4];
    unsigned long length = 0;
    JSAMPROW rows[] = {row};
    jpeg.err = jpeg_std_error(&errors);
    jpeg_create_compress(&jpeg);
    jpeg_mem_dest(&jpeg, &bytes, &length);
    jpeg.image_width = jpeg.image_height = (JDIMENSION)side;
    jpeg.input_components = channels;
    jpeg.in_color_space = space;
    jpeg_set_defaults(&jpeg);
    if (progressive)
        jpeg_simple_progression(&jpeg);
    jpeg_start_compress(&jpeg, TRUE);
    for (int y = 0; y < side; y++) {
        for (int x = 0; x < side * channels; x++)
            rows[0][x] = (unsigned char)(value + (x * y) % 7);
        jpeg_write_scanlines(&jpeg, rows, 1);
    }
    jpeg_finish_compress(&jpeg);
    jpeg_destroy_compress(&jpeg);
    const char *path = scratch_file(name, bytes, length);
    free(bytes);
    return path;
}

static void assert_all_near(const char *path, int side, int value)
{
    struct image picture;
    if (image_read(path, &picture))
        fail_msg("%s", error_message());
    assert_int_equal(picture.width, side);
    assert_int_equal(picture.height, side);
    for (int i = 0; i < side * side; i++)
        assert_in_range(picture.gray[i], value - 12, value + 12);
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
    assert_int_equal(image_read(scratch_file("endless.jpg", endless, total), &picture), -1);
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

/* Where the pixels begin is a matter of a byte. */
static void finds_the_pixels_of_a_pgm(void **state)
{
    (void)state;
    static const char *const heads[] = {"P5\r\n2 2\r\n255\r\n",      "P5 2 2 255#comment\n",
                                        "P5 2 2 255#comment\r\n",    "P5#x\n2 2#y\n255#\n",
                                        "P5\r\n# z\r\n2 2\r\n255\r", "P5\r2\r2\r255\r"};
    const unsigned char pixels[][4] = {{'\n', 13, 7, '#'}, {7, '\n', '\n', 255}, {13, 10, 13, 10}};
    unsigned char file[64];
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++)
        for (size_t k = 0; k < sizeof pixels / sizeof *pixels; k++) {
            size_t head = strlen(heads[i]);
            memcpy(file, heads[i], head);
            memcpy(file + head, pixels[k], 4);
            assert_pixels(scratch_file("head.pgm", file, head + 4), 2, 2, pixels[k]);
        }
    /* LF turned into CR LF, in the pixels too */
    assert_refused(text_file("a.pgm", "P5\r\n2 2\r\n255\r\nab\r\nc"), "a transfer as text");
}

static void reads_ppm(void **state)
{
    (void)state;
    const unsigned char gray[] = {76, 150, 29, 7};
    const char deep[] = "P6 2 1 65535\n\xff\xff\0\0\0\0\0\0\0\0\xff\xff";
    assert_pixels(text_file("a.ppm", "P3 2 2 1 1 0 0 0 1 0 0 0 1 0 0 0"), 2, 2,
                  (const unsigned char[]){76, 150, 29, 0});
    assert_pixels(scratch_file("b.ppm", "P6 2 2 255\n\xff\0\0\0\xff\0\0\0\xff\7\7\7", 23), 2, 2,
                  gray);
    assert_pixels(scratch_file("c.ppm", deep, sizeof deep - 1), 2, 1,
                  (const unsigned char[]){76, 29});
    assert_refused(text_file("d.ppm", "P6 1 1 255 ab"), "pixels to byte 14");
    assert_refused(text_file("d.ppm", "P3 1 1 255 1 2"), "a number is missing at byte 14");
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
    assert_refused(text_file("a.pgm", "P5 16384 16384 255 "), "too large");
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
    assert_refused(text_file("bytes.png", "\xfe\1\2"), "starts with the bytes fe 01 02");
    assert_refused(scratch, "not a regular file");
}

/* Its name says picture, its content something else: what, and what to do about it. */
static void says_what_a_file_is(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t length;
        const char *kind;
    } cases[] = {
#define CASE(bytes, kind) {bytes, sizeof bytes - 1, "not a picture that can be read: it is " kind}
        CASE("GIF89a\1\0", "a GIF; convert it to PNG"),
        CASE("BM\x36\4\0\0\0\0\0\0", "a BMP; convert"),
        CASE("II*\0\10\0\0\0", "a TIFF; convert"),
        CASE("MM\0*\0\0\0\10", "a TIFF; convert"),
        CASE("RIFF\20\0\0\0WEBPVP8 ", "a WebP; convert"),
        CASE("\0\0\0\x18"
             "ftypheic",
             "a HEIC"),
        CASE("\0\0\0\x18"
             "ftypmif1",
             "a HEIC"),
        CASE("\0\0\0\x1c"
             "ftypavif",
             "an AVIF"),
        CASE("%PDF-1.4\n", "a PDF; export"),
        CASE("\n <!DOCTYPE html><html>", "an HTML page"),
        CASE("<html><body>", "an HTML page"),
        CASE("<?xml version='1.0'?>\n<svg width='1'/>", "an SVG; convert"),
        CASE("\xef\xbb\xbf<svg/>", "an SVG; convert"),
        CASE("<?xml version='1.0'?><x/>", "an XML text"),
        CASE("P1\n2 2\n", "a PBM (black and white); convert"),
        CASE("P4\n2 2\n", "a PBM (black and white); convert"),
        CASE("P7\nWIDTH 2\n", "a PAM"),
        CASE("PK\3\4\0\0", "a ZIP archive; unpack"),
        CASE("\x1f\x8b\10\0\0\0", "packed with gzip; unpack"),
        CASE("version https://git-lfs.github.com/spec/v1\n", "a pointer of Git LFS"),
        CASE("hello", "a text"),
        CASE("P2", "a text"),
        CASE("P50 is the price", "a text"),
        CASE("BMW is a make of car", "a text"),
        CASE("\0\0\0\0\0\0\0\0\0\0", "only zero bytes"),
        CASE("\x89PN", "a PNG cut short within its first 8 bytes"),
        /* CR LF to LF, LF to CR LF, LF to CR, CR to LF, 7 bits, the first byte lost, replaced, UTF-8 */
        CASE("\x89PNG\n\x1a\n\0\0\0\rIHDR", "a PNG spoilt by a transfer as text"),
        CASE("\x89PNG\r\r\n\x1a\r\n\0\0\0\rIHDR", "a PNG spoilt by a transfer as text"),
        CASE("\x89PNG\r\r\x1a\r\0\0\0\rIHDR", "a PNG spoilt by a transfer as text"),
        CASE("\x89PNG\n\n\x1a\n\0\0\0\rIHDR", "a PNG spoilt by a transfer as text"),
        CASE("\tPNG\r\n\x1a\n\0\0\0\rIHDR", "a PNG spoilt by a transfer as text"),
        CASE("PNG\r\n\x1a\n\0\0\0\rIHDR", "a PNG spoilt by a transfer as text"),
        CASE("?PNG\r\n\x1a\n\0\0\0\rIHDR", "a PNG spoilt by a transfer as text"),
        CASE("\xef\xbf\xbdPNG\r\n\x1a\n\0\0", "binary data that a program took for text"),
        CASE("\xc3\xbf\xc3\x98\xc3\xbf\xc3\xa0", "binary data that a program took for text"),
#undef CASE
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_refused(scratch_file("x.png", cases[i].bytes, cases[i].length), cases[i].kind);
}

static int only_two_wide(int width, int height)
{
    return width == 2 && height == 1 ? 0 : (fail)(STATUS_DATA, "%d x %d is odd", width, height);
}

/* The file up to so many bytes from a mark on; bytes is released. */
static void cut_behind(const char *name, unsigned char *bytes, size_t length, const char *mark,
                       size_t kept)
{
    size_t place = 0;
    while (place + kept < length && memcmp(bytes + place, mark, strlen(mark)) != 0)
        place++;
    assert_true(place + kept < length);
    scratch_file(name, bytes, place + kept);
    free(bytes);
}

/* Another size is known from the header: there are no pixels that could be decoded. */
static void judges_the_size_first(void **state)
{
    (void)state;
    struct image picture;
    unsigned char *bytes;
    size_t length;
    const unsigned char gray[] = {1, 2};
    const char *path = scratch_path("two.png");
    assert_int_equal(image_write_png(path, 2, 1, 1, gray), 0);
    assert_int_equal(image_read_if(path, only_two_wide, &picture), 0);
    image_release(&picture);
    assert_int_equal(image_write_png(path, 1, 2, 1, gray), 0);
    load(path, &bytes, &length);
    cut_behind("size.png", bytes, length, "IDAT", 4);
    load(jpeg_file("whole.jpg", 200, 1, JCS_GRAYSCALE, false, 90), &bytes, &length);
    cut_behind("size.jpg", bytes, length, "\xff\xda", 14);
    text_file("size.pgm", "P5 8000 8000 255\n");
    static const char *const cases[][2] = {{"size.png", "1 x 2 is odd"},
                                           {"size.jpg", "200 x 200 is odd"},
                                           {"size.pgm", "8000 x 8000 is odd"}};
    for (int i = 0; i < 3; i++) {
        assert_int_equal(image_read_if(scratch_path(cases[i][0]), only_two_wide, &picture), -1);
        assert_error(STATUS_DATA, cases[i][0], cases[i][1]);
        assert_null(picture.gray);
    }
}

/* Panels */

static void writes_panels(void **state)
{
    (void)state;
    const unsigned char left[] = {10, 20, 30, 40, 50, 60}, right[] = {1, 2, 3, 4, 5, 6};
    const unsigned char *const cells[] = {left, right, NULL, left};
    const char *path = scratch_path("panel.png");
    struct image drawn;
    assert_int_equal(panel_write(path, &(panel){2, 2, 3, 2, cells, .scale = 2}), 0);
    assert_int_equal(image_read(path, &drawn), 0);
    /* margin 8, cells of 6 x 4, gap 2 */
    assert_int_equal(drawn.width, 8 + 6 + 2 + 6 + 8);
    assert_int_equal(drawn.height, 8 + 4 + 2 + 4 + 8);
    assert_int_equal(drawn.gray[0], 255);
    assert_int_equal(drawn.gray[8 * drawn.width + 8], 10);
    assert_int_equal(drawn.gray[9 * drawn.width + 9], 10);
    assert_int_equal(drawn.gray[11 * drawn.width + 13], 60);
    assert_int_equal(drawn.gray[8 * drawn.width + 14], 255);
    assert_int_equal(drawn.gray[8 * drawn.width + 16], 1);
    assert_int_equal(drawn.gray[14 * drawn.width + 8], 255); /* the blank cell */
    assert_int_equal(drawn.gray[17 * drawn.width + 21], 60);
    image_release(&drawn);
}

/* Titles make room for themselves on the left and leave the cells as they were. */
static void writes_titles(void **state)
{
    (void)state;
    static const unsigned char black[28 * 28] = {0};
    const unsigned char *const cells[] = {black, black};
    const char *const titles[] = {"i", "truth: \xff g"};
    struct image drawn;
    const int room = (10 * 6 - 1) * 2 + 12; /* ten letters at twice their size, and the space */
    assert_int_equal(panel_write(scratch_path("titles.png"),
                                 &(panel){2, 1, 28, 28, cells, .row_titles = titles, .scale = 3}),
                     0);
    assert_int_equal(image_read(scratch_path("titles.png"), &drawn), 0);
    assert_int_equal(drawn.width, 12 + room + 84 + 12);
    int inked = 0;
    for (int y = 0; y < drawn.height; y++)
        for (int x = 0; x < 12 + room; x++)
            inked += drawn.gray[y * drawn.width + x] < 255;
    assert_true(inked > 200);
    assert_int_equal(drawn.gray[12 * drawn.width + 12 + room], 0);
    assert_int_equal(drawn.gray[12 * drawn.width + 11 + room], 255);
    image_release(&drawn);
    /* Taller than its row: clipped at the picture's edge. */
    assert_int_equal(panel_write(scratch_path("low.png"),
                                 &(panel){2, 1, 28, 1, cells, .row_titles = titles, .scale = 1}),
                     0);
}

/* Titles of columns make room above the cells and keep to their column. */
static void writes_column_titles(void **state)
{
    (void)state;
    static const unsigned char black[28 * 28] = {0};
    const unsigned char *const cells[] = {black, black};
    const char *const titles[] = {"a name that is far too long for this column", "two\nlines"};
    const char *path = scratch_path("columns.png");
    struct image drawn;
    const int room = 2 * 10 * 2 + 3; /* two lines at twice their size, and the gap */
    assert_int_equal(
        panel_write(path, &(panel){1, 2, 28, 28, cells, .column_titles = titles, .scale = 3}), 0);
    assert_int_equal(image_read(path, &drawn), 0);
    assert_int_equal(drawn.width, 12 + 84 + 3 + 84 + 12);
    assert_int_equal(drawn.height, 12 + room + 84 + 12);
    int inked = 0;
    for (int y = 0; y < 12 + room; y++) {
        for (int x = 0; x < drawn.width; x++) {
            bool between = x < 12 || (x >= 12 + 84 && x < 12 + 84 + 3) || x >= 12 + 84 + 3 + 84;
            bool ink = drawn.gray[y * drawn.width + x] < 255;
            assert_false(ink && (between || y < 12));
            inked += ink;
        }
    }
    assert_true(inked > 200);
    assert_int_equal(drawn.gray[(12 + room) * drawn.width + 12], 0);
    assert_int_equal(drawn.gray[(11 + room) * drawn.width + 12], 255);
    image_release(&drawn);
}

static void refuses_impossible_panels(void **state)
{
    (void)state;
    const unsigned char *const cells[] = {NULL};
    const char *path = scratch_path("refused.png");
    const int huge = 0x7fffffff;
    assert_int_equal(panel_write(path, &(panel){0, 1, 3, 2, cells, .scale = 1}), -1);
    assert_error(STATUS_RUNTIME, path, "not written");
    assert_int_equal(panel_write(path, &(panel){1, 1, 3, 2, cells, .scale = 17}), -1);
    assert_error(STATUS_RUNTIME, path, "scale 17");
    assert_int_equal(panel_write(path, &(panel){huge, huge, huge, huge, cells, .scale = 16}), -1);
    assert_error(STATUS_RUNTIME, path, "not written");
    assert_int_equal(panel_write(path, &(panel){16384, 16384, 16384, 16384, cells, .scale = 16}),
                     -1);
    assert_error(STATUS_RUNTIME, path, "not written");
    assert_false(file_exists(path));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_gray_png_of_any_depth),
        cmocka_unit_test(turns_colour_into_gray),
        cmocka_unit_test(shows_black_behind_transparency),
        cmocka_unit_test(writes_png),
        cmocka_unit_test(refuses_broken_png),
        cmocka_unit_test(refuses_a_png_larger_than_allowed),
        cmocka_unit_test(reads_jpeg),
        cmocka_unit_test(refuses_broken_jpeg),
        cmocka_unit_test(refuses_an_endless_jpeg),
        cmocka_unit_test(reads_pgm),
        cmocka_unit_test(finds_the_pixels_of_a_pgm),
        cmocka_unit_test(reads_ppm),
        cmocka_unit_test(refuses_broken_pgm),
        cmocka_unit_test(refuses_what_is_no_picture),
        cmocka_unit_test(says_what_a_file_is),
        cmocka_unit_test(judges_the_size_first),
        cmocka_unit_test(writes_panels),
        cmocka_unit_test(writes_titles),
        cmocka_unit_test(writes_column_titles),
        cmocka_unit_test(refuses_impossible_panels),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
