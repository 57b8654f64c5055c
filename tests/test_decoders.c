/* What decoders are strict about, and what EXIF says about a picture's orientation. */
#include "data/decode.h"

#include "base/files.h"
#include "picture_files.h"
#include <zlib.h>

#include <jpeglib.h>

/* ---- PNG, chunk by chunk ---- */

typedef struct writer {
    unsigned char bytes[8192];
    size_t length;
} writer;

static void put(writer *w, const void *bytes, size_t length)
{
    assert_true(w->length + length <= sizeof w->bytes);
    if (length)
        memcpy(w->bytes + w->length, bytes, length);
    w->length += length;
}

static void put_number(writer *w, unsigned long number)
{
    for (int shift = 24; shift >= 0; shift -= 8)
        put(w, &(unsigned char){(unsigned char)(number >> shift)}, 1);
}

/* With a checksum that is wrong if it is to be damaged. */
static void put_chunk(writer *w, const char *name, const void *data, size_t length, bool damaged)
{
    put_number(w, length);
    size_t start = w->length;
    put(w, name, 4);
    put(w, data, length);
    put_number(w, crc32(0, w->bytes + start, (uInt)(w->length - start)) ^ damaged);
}

static void put_head(writer *w, int width, int height, int depth, int colour)
{
    unsigned char head[13] = {[3] = (unsigned char)width,
                              [7] = (unsigned char)height,
                              [8] = (unsigned char)depth,
                              [9] = (unsigned char)colour};
    w->length = 0;
    put(w, "\x89PNG\r\n\x1a\n", 8);
    put_chunk(w, "IHDR", head, sizeof head, false);
}

/* Rows, each with its filter byte, and what follows the last; then the end. */
static void put_rows(writer *w, const char *rows, size_t length)
{
    unsigned char packed[1024];
    uLongf size = sizeof packed;
    assert_int_equal(compress(packed, &size, (const Bytef *)rows, length), Z_OK);
    put_chunk(w, "IDAT", packed, size, false);
}

static const char *end_png(writer *w)
{
    put_chunk(w, "IEND", NULL, 0, false);
    return scratch_file("made.png", w->bytes, w->length);
}

static const unsigned char palette[] = {0, 0, 0, 255, 255, 255, 255, 0, 0, 9, 9, 9};
enum { GRAY = 0, RGB = 2, PALETTE = 3 };

/* 2 x 2 with colours 0 to 3. One chunk may be damaged, and be put before or after the pixels. */
static const char *palette_png(size_t colours, const char *name, const void *data, size_t length,
                               bool damaged, bool late)
{
    writer w;
    put_head(&w, 2, 2, 8, PALETTE);
    put_chunk(&w, "PLTE", palette, 3 * colours, false);
    if (!late)
        put_chunk(&w, name, data, length, damaged);
    put_rows(&w, "\0\0\1\0\2\3", 6);
    if (late)
        put_chunk(&w, name, data, length, damaged);
    return end_png(&w);
}

static void reads_palettes(void **state)
{
    (void)state;
    const unsigned char opaque[] = {0, 255, 76, 9}, clear[] = {0, 0, 76, 9};
    const unsigned char all[] = {0, 128, 76, 0};
    assert_pixels(palette_png(4, "tEXt", "a\0b", 3, false, false), 2, 2, opaque);
    assert_pixels(palette_png(4, "tRNS", "\377\200\377\0", 4, false, false), 2, 2, all);
    assert_pixels(palette_png(4, "tRNS", "\377\0", 2, false, false), 2, 2, clear);
    writer w;
    put_head(&w, 3, 1, 2, PALETTE); /* packed: 1, 2, 3 */
    put_chunk(&w, "PLTE", palette, 12, false);
    put_rows(&w, "\0\x6c", 2);
    assert_pixels(end_png(&w), 3, 1, opaque + 1);
}

static void refuses_damaged_colours(void **state)
{
    (void)state;
    assert_refused(palette_png(4, "tRNS", "\377\200\377\0", 4, true, false), "tRNS: CRC error");
    assert_refused(palette_png(4, "tRNS", "\377\200\377\0\0", 5, false, false), "tRNS: invalid");
    assert_refused(palette_png(4, "tRNS", "\377\200\377\0", 4, false, true), "tRNS: out of place");
    assert_refused(palette_png(4, "tRNs", "\377\200\377\0", 4, true, false), "tRNs: CRC error");
    assert_refused(palette_png(3, "tEXt", "a\0b", 3, false, false),
                   "colour number 3 of a palette of 3");
    writer w;
    put_head(&w, 2, 2, 8, PALETTE);
    put_chunk(&w, "PLTE", palette, 12, true);
    put_rows(&w, "\0\0\1\0\2\3", 6);
    assert_refused(end_png(&w), "PLTE: CRC error");
    put_head(&w, 2, 2, 8, PALETTE);
    put_chunk(&w, "PLTE", palette, 11, false);
    put_rows(&w, "\0\0\1\0\2\3", 6);
    assert_refused(end_png(&w), "PLTE: invalid");
    put_head(&w, 2, 2, 8, PALETTE);
    put_rows(&w, "\0\0\1\0\2\3", 6);
    assert_refused(end_png(&w), "PLTE");
    put_head(&w, 3, 1, 2, PALETTE);
    put_chunk(&w, "PLTE", palette, 9, false);
    put_rows(&w, "\0\x6c", 2);
    assert_refused(end_png(&w), "colour number 3 of a palette of 3");
    put_head(&w, 2, 1, 8, GRAY);
    put_chunk(&w, "tRNS", "\0", 1, false);
    put_rows(&w, "\0\7\7", 3);
    assert_refused(end_png(&w), "tRNS: invalid");
    put_head(&w, 1, 1, 8, RGB);
    put_chunk(&w, "tRNS", "\0\1\0\2\0\3", 6, true);
    put_rows(&w, "\0\1\2\3", 4);
    assert_refused(end_png(&w), "tRNS: CRC error");
}

/* What no pixel depends on may be damaged. */
static void passes_over_damaged_metadata(void **state)
{
    (void)state;
    const unsigned char gray[] = {0, 255, 76, 9};
    static const char *const names[] = {"tEXt", "tIME", "gAMA", "pHYs", "eXIf", "zTXt", "iCCP"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        for (int late = 0; late < 2; late++)
            assert_pixels(palette_png(4, names[i], "\0\1\2\3", 4, true, late), 2, 2, gray);
}

static void refuses_damaged_pixels(void **state)
{
    (void)state;
    unsigned char packed[64];
    uLongf size = sizeof packed;
    writer w;
    assert_int_equal(compress(packed, &size, (const Bytef *)"\0\1\2", 3), Z_OK);
    for (int way = 0; way < 4; way++) { /* whole, cut, another checksum, one row too few */
        put_head(&w, 2, way == 3 ? 2 : 1, 8, GRAY);
        packed[size - 1] ^= way == 2;
        put_chunk(&w, "IDAT", packed, way == 1 ? size - 6 : size, false);
        packed[size - 1] ^= way == 2;
        if (way)
            assert_refused(end_png(&w), "damaged PNG");
        else
            assert_pixels(end_png(&w), 2, 1, (const unsigned char[]){1, 2});
    }
}

/* ---- JPEG ---- */

/* 16 x 8, gray, bright in the left half of the upper half; with an EXIF marker if there is one. */
static const char *jpeg_file(const unsigned char *exif, size_t length)
{
    struct jpeg_compress_struct jpeg;
    struct jpeg_error_mgr errors;
    unsigned char *bytes = NULL, row[16] = {0};
    unsigned long size = 0;
    JSAMPROW rows[] = {row};
    jpeg.err = jpeg_std_error(&errors);
    jpeg_create_compress(&jpeg);
    jpeg_mem_dest(&jpeg, &bytes, &size);
    jpeg.image_width = 16;
    jpeg.image_height = 8;
    jpeg.input_components = 1;
    jpeg.in_color_space = JCS_GRAYSCALE;
    jpeg_set_defaults(&jpeg);
    jpeg_set_quality(&jpeg, 100, TRUE);
    jpeg_start_compress(&jpeg, TRUE);
    if (exif)
        jpeg_write_marker(&jpeg, JPEG_APP0 + 1, exif, (unsigned)length);
    for (int y = 0; y < 8; y++) {
        memset(row, y < 4 ? 200 : 100, 8);
        jpeg_write_scanlines(&jpeg, rows, 1);
    }
    jpeg_finish_compress(&jpeg);
    jpeg_destroy_compress(&jpeg);
    const char *path = scratch_file("made.jpg", bytes, size);
    free(bytes);
    return path;
}

/* libjpeg would fill up what a scan lacks; the end is marked all the same. */
static void refuses_a_jpeg_that_lacks_data(void **state)
{
    (void)state;
    unsigned char *bytes;
    size_t length;
    const char *path = jpeg_file(NULL, 0);
    assert_int_equal(file_read(path, 1 << 16, STATUS_DATA, &bytes, &length), 0);
    assert_memory_equal(bytes + length - 2, "\xff\xd9", 2);
    size_t scan = 0;
    while (memcmp(bytes + scan, "\xff\xda", 2) != 0)
        scan++;
    for (size_t cut = scan + 12; cut < length - 4; cut++) {
        writer w = {.length = 0};
        put(&w, bytes, cut);
        put(&w, "\xff\xd9", 2);
        assert_refused(scratch_file("short.jpg", w.bytes, w.length), "damaged JPEG: ");
    }
    free(bytes);
}

/* ---- Orientation ---- */

/* EXIF data of an entry before and the orientation, of that type and count. */
static size_t make_exif(unsigned char *exif, bool big, unsigned type, unsigned count,
                        unsigned value)
{
    /* header, number of entries, two entries, offset of the next directory */
    const unsigned numbers[][2] = {{42, 2},
                                   {8, 4},
                                   {2, 2},
                                   {0x010f, 2},
                                   {2, 2},
                                   {1, 4},
                                   {0, 4},
                                   {0x0112, 2},
                                   {type, 2},
                                   {count, 4},
                                   {value, type == 3 ? 2 : 4},
                                   {0, type == 3 ? 2 : 0},
                                   {0, 4}};
    size_t length = 2;
    memcpy(exif, big ? "MM" : "II", 2);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        for (unsigned k = 0; k < numbers[i][1]; k++) {
            unsigned shift = 8 * (big ? numbers[i][1] - 1 - k : k);
            exif[length++] = (unsigned char)(numbers[i][0] >> shift);
        }
    return length;
}

/* How 1 2 3 / 4 5 6 is seen; the tag says where row 0 and column 0 of what is stored are. */
static const struct {
    int width, height;
    unsigned char gray[6];
} upright[] = {
    {3, 2, {1, 2, 3, 4, 5, 6}}, /* top, left */
    {3, 2, {3, 2, 1, 6, 5, 4}}, /* top, right */
    {3, 2, {6, 5, 4, 3, 2, 1}}, /* bottom, right */
    {3, 2, {4, 5, 6, 1, 2, 3}}, /* bottom, left */
    {2, 3, {1, 4, 2, 5, 3, 6}}, /* left, top */
    {2, 3, {4, 1, 5, 2, 6, 3}}, /* right, top */
    {2, 3, {6, 3, 5, 2, 4, 1}}, /* right, bottom */
    {2, 3, {3, 6, 2, 5, 1, 4}}, /* left, bottom */
};

static void turns_png(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 32; i++) {
        unsigned char exif[64];
        unsigned orientation = 1 + i % 8;
        size_t length = make_exif(exif, i & 8, 3, 1, orientation);
        writer w;
        put_head(&w, 3, 2, 8, GRAY);
        if (i & 16)
            put_chunk(&w, "eXIf", exif, length, false);
        put_rows(&w, "\0\1\2\3\0\4\5\6", 8);
        if (!(i & 16)) /* behind the pixels is as good a place */
            put_chunk(&w, "eXIf", exif, length, false);
        assert_pixels(end_png(&w), upright[orientation - 1].width, upright[orientation - 1].height,
                      upright[orientation - 1].gray);
    }
}

/* The quarters of the stored picture are 200, 0 / 100, 0. */
static void turns_jpeg(void **state)
{
    (void)state;
    static const unsigned char quarters[][4] = {
        {200, 0, 100, 0}, {0, 200, 0, 100}, {0, 100, 0, 200}, {100, 0, 200, 0},
        {200, 100, 0, 0}, {100, 200, 0, 0}, {0, 0, 100, 200}, {0, 0, 200, 100}};
    for (unsigned i = 0; i < 32; i++) {
        unsigned char exif[64] = "Exif\0";
        unsigned orientation = 1 + i % 8;
        struct image picture;
        size_t length = 6 + make_exif(exif + 6, i & 8, i & 16 ? 4 : 3, 1, orientation);
        assert_int_equal(image_read(jpeg_file(exif, length), &picture), 0);
        assert_int_equal(picture.width, orientation < 5 ? 16 : 8);
        assert_int_equal(picture.height, orientation < 5 ? 8 : 16);
        for (int y = 0; y < picture.height; y++)
            for (int x = 0; x < picture.width; x++) {
                int quarter = 2 * (y >= picture.height / 2) + (x >= picture.width / 2);
                int wanted = quarters[orientation - 1][quarter];
                assert_in_range(picture.gray[y * picture.width + x] + 10, wanted, wanted + 20);
            }
        image_release(&picture);
    }
}

/* Never a failure, and never a byte read that is not there: each is in memory of just its size. */
static void damaged_exif_is_ignored(void **state)
{
    (void)state;
    unsigned char whole[64];
    for (int big = 0; big < 2; big++) {
        size_t length = make_exif(whole, big, 3, 1, 6);
        for (size_t cut = 0; cut <= length; cut++) {
            unsigned char *part = malloc(cut ? cut : 1);
            assert_non_null(part);
            memcpy(part, whole, cut);
            assert_int_equal(exif_orientation(part, cut), cut >= length - 4 ? 6 : 1);
            free(part);
        }
        for (size_t place = 0; place < length; place++) /* every byte once all ones */
            for (unsigned value = 0; value < 256; value += 51) {
                unsigned char *bent = malloc(length);
                assert_non_null(bent);
                memcpy(bent, whole, length);
                bent[place] = (unsigned char)value;
                assert_in_range(exif_orientation(bent, length), 1, 8);
                free(bent);
            }
        static const unsigned bad[][3] = {
            {3, 1, 0}, {3, 1, 9}, {3, 1, 65535},   {3, 2, 6}, {3, 0, 6},
            {2, 1, 6}, {4, 1, 9}, {4, 1, 0x60000}, {9, 1, 6}, {3, 1u << 31, 6}};
        for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
            length = make_exif(whole, big, bad[i][0], bad[i][1], bad[i][2]);
            assert_int_equal(exif_orientation(whole, length), 1);
        }
    }
    unsigned char marker[64] = "Exif\0";
    size_t length = 6 + make_exif(marker + 6, true, 3, 1, 6);
    for (size_t cut = 0; cut < length; cut += 5) {
        struct image picture;
        assert_int_equal(image_read(jpeg_file(marker, cut), &picture), 0);
        assert_int_equal(picture.width, cut + 4 >= length ? 8 : 16);
        image_release(&picture);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_palettes),
        cmocka_unit_test(refuses_damaged_colours),
        cmocka_unit_test(passes_over_damaged_metadata),
        cmocka_unit_test(refuses_damaged_pixels),
        cmocka_unit_test(refuses_a_jpeg_that_lacks_data),
        cmocka_unit_test(turns_png),
        cmocka_unit_test(turns_jpeg),
        cmocka_unit_test(damaged_exif_is_ignored),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
