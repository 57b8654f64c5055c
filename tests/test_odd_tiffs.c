/* TIFF files that are refused: other kinds, several pages, damage; and many threads. */
#include "tiff_shapes.h"
#include <pthread.h>

/* ---- What is refused ---- */

static void what_cannot_be_read_is_named(void **state)
{
    (void)state;
    const struct {
        shape a;
        const char *why;
    } cases[] = {
        {{PHOTOMETRIC_SEPARATED, 8, 4, .extra = -1}, "a TIFF in CMYK"},
        {{PHOTOMETRIC_CIELAB, 8, 3, .extra = -1}, "a TIFF in Lab colours"},
        {{PHOTOMETRIC_CFA, 16, 1, .extra = -1}, "(raw)"},
        {{PHOTOMETRIC_LOGL, 16, 1, .extra = -1}, "(LogLuv)"},
        {{PHOTOMETRIC_MASK, 1, 1, .extra = -1}, "cannot be read (4)"},
        {{PHOTOMETRIC_MINISBLACK, 32, 1, .extra = -1}, "of 32 bits a sample"},
        {{PHOTOMETRIC_PALETTE, 16, 1, .extra = -1}, "of 16 bits a sample"},
        {{PHOTOMETRIC_MINISBLACK, 32, 1, .extra = -1, .format = SAMPLEFORMAT_IEEEFP},
         "of floating-point numbers"},
        {{PHOTOMETRIC_MINISBLACK, 16, 1, .extra = -1, .format = SAMPLEFORMAT_INT},
         "of signed numbers"},
        {{PHOTOMETRIC_RGB, 8, 2, .extra = -1}, "of 2 samples a pixel"},
        {{PHOTOMETRIC_MINISBLACK, 8, 9, .extra = -1}, "of 9 samples a pixel"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        TIFF *tiff = TIFFOpen(scratch_path("odd.tif"), "w");
        shape a = cases[i].a;
        static unsigned char zeros[1 << 16];
        static uint16_t map[1 << 16];
        bool palette = a.photometric == PHOTOMETRIC_PALETTE;
        a.photometric = palette ? PHOTOMETRIC_MINISBLACK : a.photometric;
        set_fields(tiff, &a);
        if (palette)
            TIFFSetField(tiff, TIFFTAG_PHOTOMETRIC, PHOTOMETRIC_PALETTE);
        if (palette)
            TIFFSetField(tiff, TIFFTAG_COLORMAP, map, map, map);
        for (uint32_t strip = 0; strip < 5; strip++)
            assert_true(TIFFWriteEncodedStrip(tiff, strip, zeros,
                                              TIFFVStripSize(tiff, strip < 4 ? 5 : 1)) > 0);
        TIFFClose(tiff);
        assert_refused(scratch_path("odd.tif"), cases[i].why);
    }
    assert_refused(scratch_file("short.tif", "II*\0", 4), "damaged TIFF");
    assert_refused(scratch_file("short.tif", "II*\0\xff\xff\xff\x7f", 8), "damaged TIFF");
    assert_nothing_printed();
}

static void a_huge_tiff_is_refused(void **state)
{
    (void)state;
    for (uint32_t width = 65536; width >= 40000; width -= 25536) {
        const shape a = {PHOTOMETRIC_MINISBLACK, 1, 1, .extra = -1};
        TIFF *tiff = TIFFOpen(scratch_path("huge.tif"), "w");
        set_fields(tiff, &a);
        TIFFSetField(tiff, TIFFTAG_IMAGEWIDTH, width);
        TIFFSetField(tiff, TIFFTAG_IMAGELENGTH, 7000);
        TIFFSetField(tiff, TIFFTAG_ROWSPERSTRIP, 7000);
        assert_int_equal(TIFFWriteRawStrip(tiff, 0, "", 1), 1);
        TIFFClose(tiff);
        assert_refused(scratch_path("huge.tif"), "too large");
    }
}

enum { PAGE = 0, PREVIEW = FILETYPE_REDUCEDIMAGE, MASK = FILETYPE_MASK };

/* kinds end with -1; the gray of page number n is n + 1. */
static const char *paged_file(const int *kinds)
{
    const char *path = scratch_path("paged.tif");
    TIFF *tiff = TIFFOpen(path, "w");
    for (int n = 0; kinds[n] >= 0; n++) {
        unsigned char rows[6];
        const shape a = {PHOTOMETRIC_MINISBLACK, 8, 1, .extra = -1, .rows = 2};
        set_fields(tiff, &a);
        TIFFSetField(tiff, TIFFTAG_IMAGEWIDTH, 3);
        TIFFSetField(tiff, TIFFTAG_IMAGELENGTH, 2);
        TIFFSetField(tiff, TIFFTAG_SUBFILETYPE, kinds[n]);
        memset(rows, n + 1, sizeof rows);
        assert_int_equal(TIFFWriteEncodedStrip(tiff, 0, rows, 6), 6);
        TIFFWriteDirectory(tiff);
    }
    TIFFClose(tiff);
    return path;
}

static void a_picture_is_one_page(void **state)
{
    (void)state;
    struct image_head head;
    static const struct {
        int kinds[5], gray;
    } single[] = {{{PAGE, -1}, 1},
                  {{PREVIEW, -1}, 1},
                  {{PAGE, PREVIEW, -1}, 1},
                  {{PREVIEW, PAGE, -1}, 2},
                  {{MASK, PREVIEW, PAGE, PREVIEW, -1}, 3}};
    for (size_t i = 0; i < sizeof single / sizeof *single; i++) {
        struct image p = read_with(paged_file(single[i].kinds), everything);
        assert_int_equal(p.pixels[5], single[i].gray);
        image_release(&p);
    }
    const char *path = paged_file((const int[]){PAGE, PAGE, PREVIEW, PAGE, -1});
    assert_refused(path, "a TIFF of 3 pages");
    assert_int_equal(image_look(path, &head), -1);
    assert_error(STATUS_DATA, path, "tiffsplit");
    assert_refused(paged_file((const int[]){PAGE, PAGE, -1}), "a TIFF of 2 pages");
    assert_refused(paged_file((const int[]){PREVIEW, PREVIEW, -1}), "previews only");
}

/* ---- Damage ---- */

/* With the directory in front of the pixels, so that a cut is in these. */
static const char *directory_first(uint16_t compression, uint16_t photometric, uint16_t bits)
{
    static unsigned char rows[HEIGHT * WIDTH * 6];
    const char *path = scratch_path("first.tif");
    const shape a = {photometric, bits, photometric == PHOTOMETRIC_RGB ? 3 : 1, compression,
                     .extra = -1};
    TIFF *tiff = TIFFOpen(path, "w");
    set_fields(tiff, &a);
    TIFFSetField(tiff, TIFFTAG_ROWSPERSTRIP, HEIGHT);
    assert_int_equal(TIFFDeferStrileArrayWriting(tiff), 1);
    assert_int_equal(TIFFWriteCheck(tiff, 0, "test"), 1);
    assert_int_equal(TIFFWriteDirectory(tiff), 1);
    assert_int_equal(TIFFSetDirectory(tiff, 0), 1);
    assert_int_equal(TIFFForceStrileArrayWriting(tiff), 1);
    size_t length = 0;
    for (int y = 0; y < HEIGHT; y++)
        length += pack_row(&a, 0, y, WIDTH, 0, a.samples, rows + length);
    assert_true(TIFFWriteEncodedStrip(tiff, 0, rows, (tmsize_t)length) > 0);
    TIFFClose(tiff);
    return path;
}

static const struct {
    uint16_t compression, photometric, bits;
} kinds[] = {{COMPRESSION_NONE, PHOTOMETRIC_RGB, 16},
             {COMPRESSION_LZW, PHOTOMETRIC_RGB, 8},
             {COMPRESSION_ADOBE_DEFLATE, PHOTOMETRIC_MINISBLACK, 16},
             {COMPRESSION_PACKBITS, PHOTOMETRIC_PALETTE, 8},
             {COMPRESSION_CCITTFAX4, PHOTOMETRIC_MINISWHITE, 1},
             {COMPRESSION_CCITTFAX3, PHOTOMETRIC_MINISWHITE, 1},
             {COMPRESSION_JPEG, PHOTOMETRIC_RGB, 8}};
enum { KINDS = sizeof kinds / sizeof *kinds };

static void a_cut_tiff_is_refused(void **state)
{
    (void)state;
    const char *tagged = tagged_file(3, 0, 0);
    unsigned char *bytes;
    size_t length;
    load(tagged, &bytes, &length); /* the profile comes last, and no pixel depends on it */
    assert_cuts_refused(scratch_file("tagged.tif", bytes, length - PROFILE_LENGTH), 0);
    free(bytes);
    for (size_t i = 0; i < KINDS; i++) {
        const char *path =
            directory_first(kinds[i].compression, kinds[i].photometric, kinds[i].bits);
        assert_true(is_read(path));
        load(path, &bytes, &length);
        /* the end of a fax or a JPEG is a mark, which may be missing */
        for (size_t cut = 8; cut + 12 < length; cut++)
            if (is_read(fresh_file("cut.tif", bytes, cut)))
                fail_msg("compression %u: %zu of %zu bytes are read", kinds[i].compression, cut,
                         length);
        free(bytes);
    }
    assert_nothing_printed();
}

/* The directory says where its data end, which is too early. */
static void a_strip_without_all_its_data_is_refused(void **state)
{
    (void)state;
    static unsigned char data[1 << 14];
    for (size_t i = 0; i < KINDS; i++) {
        const shape a = {
            kinds[i].photometric, kinds[i].bits, kinds[i].photometric == PHOTOMETRIC_RGB ? 3 : 1,
            kinds[i].compression, .extra = -1,   .rows = HEIGHT};
        TIFF *tiff = TIFFOpen(tiff_file(&a), "r");
        assert_non_null(tiff);
        tmsize_t length = TIFFReadRawStrip(tiff, 0, data, sizeof data);
        TIFFClose(tiff);
        assert_in_range(length, 40, sizeof data - 1);
        tiff = TIFFOpen(scratch_path("less.tif"), "w");
        set_fields(tiff, &a);
        assert_true(TIFFWriteRawStrip(tiff, 0, data, length * 2 / 3) > 0);
        TIFFClose(tiff);
        assert_refused(scratch_path("less.tif"), "damaged TIFF");
    }
    assert_nothing_printed();
}

static void a_damaged_tiff_is_read_or_refused(void **state)
{
    (void)state;
    int whole = 0;
    for (size_t i = 0; i < KINDS; i++)
        whole += read_damaged(
            directory_first(kinds[i].compression, kinds[i].photometric, kinds[i].bits), 600);
    whole += read_damaged(ramp_file(PHOTOMETRIC_YCBCR, COMPRESSION_JPEG, false), 600);
    whole += read_damaged(tagged_file(1, 0, 6), 600);
    whole += read_damaged(paged_file((const int[]){PREVIEW, PAGE, PREVIEW, -1}), 600);
    assert_in_range(whole, 600, 5400);
    assert_nothing_printed();
}

/* ---- Threads ---- */

static const char *good, *bad;

static void *read_both(void *failed)
{
    struct image p;
    for (int i = 0; i < 100; i++) {
        if (image_read(good, 0, &p))
            *(bool *)failed = true;
        image_release(&p);
        if (!image_read(bad, 0, &p) || !strstr(error_message(), bad))
            *(bool *)failed = true;
    }
    return NULL;
}

static void threads_do_not_hear_of_each_other(void **state)
{
    (void)state;
    enum { THREADS = 4 };
    pthread_t threads[THREADS];
    bool failed[THREADS] = {false};
    unsigned char *bytes;
    size_t length;
    good = directory_first(COMPRESSION_CCITTFAX4, PHOTOMETRIC_MINISWHITE, 1);
    load(good, &bytes, &length);
    bad = scratch_file("bad.tif", bytes, length - 40);
    free(bytes);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, read_both, &failed[i]), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < THREADS; i++)
        assert_false(failed[i]);
    assert_nothing_printed();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_cannot_be_read_is_named),
        cmocka_unit_test(a_huge_tiff_is_refused),
        cmocka_unit_test(a_picture_is_one_page),
        cmocka_unit_test(a_cut_tiff_is_refused),
        cmocka_unit_test(a_strip_without_all_its_data_is_refused),
        cmocka_unit_test(a_damaged_tiff_is_read_or_refused),
        cmocka_unit_test(threads_do_not_hear_of_each_other),
    };
    return cmocka_run_group_tests_name("odd TIFFs", tests, quiet_make, quiet_remove);
}
