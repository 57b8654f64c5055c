/* Pictures as they come in everyday life: lying on their side, damaged in one chunk, sent as text,
 * called something that they are not. */
#include "base/files.h"
#include "base/memory.h"
#include "byte_list.h"
#include "image/image.h"
#include "scratch.h"
#include <stdint.h>
#include <zlib.h>

#include <jpeglib.h>

/* ---- PNG, chunk by chunk ---- */

static void append_number(bytes *b, uint32_t value)
{
    unsigned char four[] = {(unsigned char)(value >> 24), (unsigned char)(value >> 16),
                            (unsigned char)(value >> 8), (unsigned char)value};
    append(b, four, 4);
}

static void append_chunk(bytes *b, const char *name, const void *data, size_t length, bool sound)
{
    uint32_t crc = (uint32_t)crc32(crc32(0, (const Bytef *)name, 4), data, (uInt)length);
    append_number(b, (uint32_t)length);
    append(b, name, 4);
    append(b, data, length);
    append_number(b, sound ? crc : crc ^ 1);
}

/* What is between IHDR and IDAT, as "name", bytes, length, soundness. */
typedef struct chunk {
    const char *name;
    const void *data;
    size_t length;
    bool damaged;
} chunk;

enum { GRAY = 0, COLOUR = 2, PALETTE = 3 };

/* rows: (height, 1 + width * channels), each after its filter byte */
static const char *png_of(unsigned width, unsigned height, int colour, const chunk *chunks,
                          size_t count, const unsigned char *rows)
{
    static bytes b;
    unsigned channels = colour == COLOUR ? 3 : 1;
    unsigned char packed[1024];
    uLongf length = sizeof packed;
    const unsigned char kind[] = {8, (unsigned char)colour, 0, 0, 0};
    bytes header = {.length = 0};
    b.length = 0;
    append(&b, "\x89PNG\r\n\x1a\n", 8);
    append_number(&header, width);
    append_number(&header, height);
    append(&header, kind, sizeof kind);
    append_chunk(&b, "IHDR", header.at, header.length, true);
    for (size_t i = 0; i < count; i++)
        append_chunk(&b, chunks[i].name, chunks[i].data, chunks[i].length, !chunks[i].damaged);
    assert_int_equal(compress(packed, &length, rows, (uLong)(height * (width * channels + 1))),
                     Z_OK);
    append_chunk(&b, "IDAT", packed, length, true);
    append_chunk(&b, "IEND", "", 0, true);
    return scratch_file("made.png", b.at, b.length);
}

static void assert_refused(const char *path, const char *why)
{
    struct image picture;
    assert_int_equal(image_read(path, 1, &picture), -1);
    assert_error(STATUS_DATA, path, why);
    assert_null(picture.pixels);
}

static void assert_pixels(const char *path, int width, int height, const char *gray)
{
    struct image picture;
    if (image_read(path, 1, &picture))
        fail_msg("%s", error_message());
    assert_int_equal(picture.width, width);
    assert_int_equal(picture.height, height);
    assert_memory_equal(picture.pixels, gray, (size_t)width * (size_t)height);
    struct image_head head;
    assert_int_equal(image_look(path, &head), 0);
    assert_int_equal(head.width, width);
    assert_int_equal(head.height, height);
    image_release(&picture);
}

#define CHUNK(name, text, damaged)                                                                 \
    {                                                                                              \
        name, text, sizeof text - 1, damaged                                                       \
    }

static const unsigned char two_by_two[] = {0, 0, 1, 0, 2, 1};
static const char colours[] = "\x0a\x0a\x0a\x14\x14\x14\x1e\x1e\x1e"; /* gray 10, 20, 30 */

static void a_png_is_whole_or_refused(void **state)
{
    (void)state;
    const chunk palette[] = {CHUNK("PLTE", "\x0a\x0a\x0a\x14\x14\x14\x1e\x1e\x1e", false),
                             CHUNK("tRNS", "\xff\x00", false)};
    assert_pixels(png_of(2, 2, PALETTE, palette, 1, two_by_two), 2, 2, "\x0a\x14\x1e\x14");
    assert_pixels(png_of(2, 2, PALETTE, palette, 2, two_by_two), 2, 2, "\x0a\x00\x1e\x00");

    const chunk bad_palette[] = {{"PLTE", colours, 9, true}};
    assert_refused(png_of(2, 2, PALETTE, bad_palette, 1, two_by_two), "damaged PNG");
    const chunk short_palette[] = {{"PLTE", colours, 6, false}};
    assert_refused(png_of(2, 2, PALETTE, short_palette, 1, two_by_two),
                   "colour number 2 of a palette of 2");
    const chunk odd_palette[] = {{"PLTE", colours, 8, false}};
    assert_refused(png_of(2, 2, PALETTE, odd_palette, 1, two_by_two), "damaged PNG");
    assert_refused(png_of(2, 2, PALETTE, NULL, 0, two_by_two), "damaged PNG");

    const chunk bad_alpha[] = {{"PLTE", colours, 9, false}, CHUNK("tRNS", "\xff\x00", true)};
    assert_refused(png_of(2, 2, PALETTE, bad_alpha, 2, two_by_two), "tRNS");
    const chunk long_alpha[] = {{"PLTE", colours, 9, false},
                                CHUNK("tRNS", "\xff\x00\xff\x00\xff", false)};
    assert_refused(png_of(2, 2, PALETTE, long_alpha, 2, two_by_two), "tRNS");
    const chunk early_alpha[] = {CHUNK("tRNS", "\xff\x00", false), {"PLTE", colours, 9, false}};
    assert_refused(png_of(2, 2, PALETTE, early_alpha, 2, two_by_two), "damaged PNG");
}

/* A camera's notes are none of the picture. */
static void damaged_notes_are_passed_over(void **state)
{
    (void)state;
    const chunk notes[] = {CHUNK("tEXt", "Title\0cat", true), CHUNK("tIME", "\1\2\3", false),
                           CHUNK("eXIf", "MM\0*\0\0\0\xff", false)};
    for (size_t i = 0; i < 3; i++)
        assert_pixels(png_of(2, 2, GRAY, &notes[i], 1, two_by_two), 2, 2, "\0\1\2\1");
}

/* ---- Orientation ---- */

/* The orientation is an entry among others, in either byte order. */
static size_t exif_of(int orientation, bool big_endian, unsigned char *exif)
{
    static const unsigned char big[] = "MM\0*\0\0\0\x08\0\2"
                                       "\1\0\0\3\0\0\0\1\0\4\0\0"
                                       "\1\x12\0\3\0\0\0\1\0\0\0\0"
                                       "\0\0\0\0",
                               little[] = "II*\0\x08\0\0\0\2\0"
                                          "\0\1\3\0\1\0\0\0\4\0\0\0"
                                          "\x12\1\3\0\1\0\0\0\0\0\0\0"
                                          "\0\0\0\0";
    size_t length = sizeof big - 1;
    memcpy(exif, big_endian ? big : little, length);
    exif[big_endian ? 31 : 30] = (unsigned char)orientation;
    return length;
}

/* abc over def, as the EXIF standard says where the first row and the first column are. */
static const struct {
    const char *gray;
    int width, height;
} upright[] = {{"abcdef", 3, 2}, {"abcdef", 3, 2}, {"cbafed", 3, 2}, {"fedcba", 3, 2},
               {"defabc", 3, 2}, {"adbecf", 2, 3}, {"daebfc", 2, 3}, {"fcebda", 2, 3},
               {"cfbead", 2, 3}, {"abcdef", 3, 2}};

static const unsigned char letters[] = {0, 'a', 'b', 'c', 0, 'd', 'e', 'f'};

static void png_is_turned_upright(void **state)
{
    (void)state;
    unsigned char exif[64];
    for (int orientation = 0; orientation <= 9; orientation++) {
        for (int big = 0; big < 2; big++) {
            chunk c = {"eXIf", exif, exif_of(orientation, big, exif), false};
            assert_pixels(png_of(3, 2, GRAY, &c, 1, letters), upright[orientation].width,
                          upright[orientation].height, upright[orientation].gray);
        }
    }
}

/* The three channels of a pixel stay together. */
static void colour_is_turned_upright(void **state)
{
    (void)state;
    static const unsigned char rows[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9,
                                         0, 9, 8, 7, 6, 5, 4, 3, 2, 1};
    static const char turned[] =
        "\x09\x08\x07\x01\x02\x03\x06\x05\x04\x04\x05\x06\x03\x02\x01\x07\x08\x09";
    unsigned char exif[64];
    struct image picture;
    chunk c = {"eXIf", exif, exif_of(6, true, exif), false};
    if (image_read(png_of(3, 2, COLOUR, &c, 1, rows), 3, &picture))
        fail_msg("%s", error_message());
    assert_int_equal(picture.width, 2);
    assert_int_equal(picture.height, 3);
    assert_memory_equal(picture.pixels, turned, 18);
    image_release(&picture);
}

static unsigned char gray_of(char letter)
{
    return (unsigned char)(20 + 40 * (letter - 'a'));
}

/* 24 x 16, six squares of one gray each. */
static const char *jpeg_file(const unsigned char *exif, size_t length)
{
    const char *path = scratch_path("made.jpg");
    unsigned char marker[80] = "Exif\0\0", row[24];
    struct jpeg_compress_struct jpeg;
    struct jpeg_error_mgr errors;
    FILE *out = fopen(path, "wb");
    assert_non_null(out);
    jpeg.err = jpeg_std_error(&errors);
    jpeg_create_compress(&jpeg);
    jpeg_stdio_dest(&jpeg, out);
    jpeg.image_width = 24;
    jpeg.image_height = 16;
    jpeg.input_components = 1;
    jpeg.in_color_space = JCS_GRAYSCALE;
    jpeg_set_defaults(&jpeg);
    jpeg_set_quality(&jpeg, 100, TRUE);
    jpeg_start_compress(&jpeg, TRUE);
    if (length)
        memcpy(marker + 6, exif, length);
    if (length)
        jpeg_write_marker(&jpeg, JPEG_APP0 + 1, marker, (unsigned)length + 6);
    for (int y = 0; y < 16; y++) {
        for (int x = 0; x < 24; x++)
            row[x] = gray_of("abcdef"[y / 8 * 3 + x / 8]);
        JSAMPROW pointer = row;
        jpeg_write_scanlines(&jpeg, &pointer, 1);
    }
    jpeg_finish_compress(&jpeg);
    jpeg_destroy_compress(&jpeg);
    fclose(out);
    return path;
}

static void jpeg_is_turned_upright(void **state)
{
    (void)state;
    unsigned char exif[64];
    for (int orientation = 1; orientation <= 8; orientation++) {
        for (int big = 0; big < 2; big++) {
            struct image picture;
            size_t length = exif_of(orientation, big, exif);
            struct image_head head;
            assert_int_equal(image_read(jpeg_file(exif, length), 1, &picture), 0);
            assert_int_equal(image_look(scratch_path("made.jpg"), &head), 0);
            assert_int_equal(head.width, picture.width);
            assert_int_equal(head.height, picture.height);
            int width = upright[orientation].width, height = upright[orientation].height;
            assert_int_equal(picture.width, 8 * width);
            assert_int_equal(picture.height, 8 * height);
            for (int y = 0; y < height; y++)
                for (int x = 0; x < width; x++)
                    assert_in_range(picture.pixels[(8 * y + 4) * picture.width + 8 * x + 4] + 3 -
                                        gray_of(upright[orientation].gray[y * width + x]),
                                    0, 6);
            image_release(&picture);
        }
    }
}

/* Every cut and every changed byte of EXIF data: no crash, and a picture. */
static void damaged_exif_means_upright_or_turned(void **state)
{
    (void)state;
    unsigned char exif[64];
    size_t length = exif_of(6, true, exif);
    struct image picture;
    for (size_t cut = 1; cut < length; cut++) {
        assert_int_equal(image_read(jpeg_file(exif, cut), 1, &picture), 0);
        image_release(&picture);
    }
    for (size_t i = 0; i < length; i++) {
        unsigned char kept = exif[i];
        exif[i] = 0xff;
        assert_int_equal(image_read(jpeg_file(exif, length), 1, &picture), 0);
        assert_int_equal(picture.width * picture.height, 24 * 16);
        image_release(&picture);
        exif[i] = kept;
    }
}

/* ---- JPEG that ends early ---- */

/* With a proper end behind the missing data, which libjpeg would make up. */
static void a_jpeg_without_all_its_data_is_refused(void **state)
{
    (void)state;
    unsigned char *whole;
    size_t length;
    const char *path = jpeg_file(NULL, 0);
    assert_int_equal(file_read(path, 1 << 20, STATUS_DATA, &whole, &length), 0);
    for (size_t missing = 4; missing <= 8; missing += 4) {
        memcpy(whole + length - 2 - missing, "\xff\xd9", 2);
        assert_refused(scratch_file("cut.jpg", whole, length - missing), "damaged JPEG");
    }
    free(whole);
}

/* ---- PGM and PPM ---- */

static const char *text_file(const char *text)
{
    return scratch_file("made.pnm", text, strlen(text));
}

static void pnm_of_every_program_is_read(void **state)
{
    (void)state;
    assert_pixels(text_file("P5\r\n2 2\r\n255\r\nabcd"), 2, 2, "abcd");
    assert_pixels(text_file("P5\n2 2\n255\n\nbcd"), 2, 2, "\nbcd"); /* a pixel of value 10 */
    assert_pixels(text_file("P5\n2 2\n255\r\nbcd"), 2, 2, "\nbcd");
    assert_pixels(text_file("P5 2 2 255#said the scanner\nabcd"), 2, 2, "abcd");
    assert_pixels(text_file("P5 2 2 255 #bcd"), 2, 2, "#bcd");
    assert_pixels(text_file("P5#first\n2 2\n#last\n255\nabcd"), 2, 2, "abcd");
    assert_pixels(scratch_file("deep.pgm", "P5 2 1 65535 \x40\xc0\xff\x00", 17), 2, 1, "\x40\xfe");
    assert_pixels(text_file("P2 3 1 7 1 3 4"), 3, 1, "\x24\x6d\x92"); /* 36.4, 109.3, 145.7 */
    assert_pixels(text_file("P6 2 1 255 \xff\xff\xff\x09\x09\x09"), 2, 1, "\xff\x09");
    assert_pixels(text_file("P3 2 1 255\n255 0 0 0 0 255"), 2, 1, "\x4c\x1d");
    assert_refused(text_file("P6 2 1 255 abcde"), "truncated PNM");
    assert_refused(text_file("P5\r\n2 2\r\n255\r\nabcd\r\nef"), "transfer as text");
}

/* ---- What is no picture ---- */

static void other_files_are_called_by_their_names(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t length;
        const char *kind;
    } cases[] = {
#define CASE(bytes, kind) {bytes, sizeof bytes - 1, kind}
        CASE("", "the file is empty"),
        CASE("\x89PNG\n\x1a\n\0\0\0\x0dIHDR", "a PNG spoilt by a transfer as text"),
        CASE("\x09PNG\r\n\x1a\n\0\0\0\x0dIHDR", "a PNG spoilt by a transfer as text"),
        CASE("\xef\xbf\xbdPNG\r\n", "wrote as UTF-8"),
        CASE("\x89PNG", "a PNG cut short"),
        CASE("GIF89a........", "a picture (GIF); convert it"),
        CASE("BM....\0\0\0\0....", "a picture (BMP); convert it"),
        CASE("II*\0....", "damaged TIFF"),
        CASE("MM\0+....", "damaged TIFF"),
        CASE("RIFF....WEBPVP8 ", "damaged WebP"),
        CASE("\0\0\1\0........", "a picture (an icon); convert it to PNG, JPEG or PGM"),
        CASE("\0\0\0\x18"
             "ftypheic",
             "a picture (HEIC"),
        CASE("P4 8 8 ........", "a picture (PBM, black and white); convert it"),
        CASE("%PDF-1.7", "a PDF"),
        CASE("<!DOCTYPE html><p>404", "an HTML page"),
        CASE("<?xml version=\"1.0\"?><svg/>", "a picture (SVG); convert it"),
        CASE("PK\3\4..............................", "a zip archive"),
        CASE("version https://git-lfs.github.com/spec/v1", "git lfs pull"),
        CASE("hello", "a text"),
        CASE("\0\0\0\0\0\0\0\0\0\0\0\0", "only zero bytes"),
        CASE("\x07\x06\x05\x04\x03", "starts with the bytes 07 06 05 04 03"),
#undef CASE
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_refused(scratch_file("odd.png", cases[i].bytes, cases[i].length), cases[i].kind);
}

/* ---- Sizes ---- */

/* The pixels are not there: whoever began to decode them would call the picture damaged. */
static void a_size_is_judged_before_pixels_are_decoded(void **state)
{
    (void)state;
    static const unsigned char rows[] = {0};
    bytes b = {.length = 0};
    const char *png = png_of(8000, 0, GRAY, NULL, 0, rows);
    unsigned char *file;
    size_t length;
    assert_int_equal(file_read(png, 1 << 20, STATUS_DATA, &file, &length), 0);
    append(&b, file, length);
    free(file);
    for (int large = 0; large < 2; large++) {
        const unsigned height = large ? 70000 : 8000;
        char header[32];
        snprintf(header, sizeof header, "P5 8000 %u 255 x", height);
        for (int i = 0; i < 4; i++)
            b.at[20 + i] = (unsigned char)(height >> (24 - 8 * i));
        uint32_t crc = (uint32_t)crc32(0, b.at + 12, 17);
        for (int i = 0; i < 4; i++)
            b.at[29 + i] = (unsigned char)(crc >> (24 - 8 * i));
        assert_refused(scratch_file("large.png", b.at, b.length),
                       large ? "too large: 8000 x 70000" : "damaged");
        assert_refused(scratch_file("large.pgm", header, strlen(header)),
                       large ? "too large: 8000 x 70000" : "truncated");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_png_is_whole_or_refused),
        cmocka_unit_test(damaged_notes_are_passed_over),
        cmocka_unit_test(png_is_turned_upright),
        cmocka_unit_test(colour_is_turned_upright),
        cmocka_unit_test(jpeg_is_turned_upright),
        cmocka_unit_test(damaged_exif_means_upright_or_turned),
        cmocka_unit_test(a_jpeg_without_all_its_data_is_refused),
        cmocka_unit_test(pnm_of_every_program_is_read),
        cmocka_unit_test(other_files_are_called_by_their_names),
        cmocka_unit_test(a_size_is_judged_before_pixels_are_decoded),
    };
    return cmocka_run_group_tests_name("odd pictures", tests, scratch_make, scratch_remove);
}
