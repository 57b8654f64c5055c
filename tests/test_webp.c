/* WebP: lossless and lossy, with what may be around the pixels; the container is put together here. */
#include "byte_list.h"
#include "picture_bytes.h"
#include <webp/encode.h>

enum { WIDTH = 31, HEIGHT = 17, ALPHA = 0x10, EXIF = 0x08, ICC = 0x20, ANIMATION = 0x02 };

static void append_little(bytes *b, unsigned long value, int count)
{
    for (int i = 0; i < count; i++, value >>= 8)
        append(b, &(unsigned char){(unsigned char)value}, 1);
}

static void append_chunk(bytes *b, const char *name, const void *data, size_t length)
{
    append(b, name, 4);
    append_little(b, length, 4);
    append(b, data, length);
    if (length % 2)
        append(b, "", 1);
}

/* Each colour other than its neighbours', and alpha where asked. */
static void fill(unsigned char *rgba, bool alpha)
{
    for (int i = 0; i < WIDTH * HEIGHT; i++) {
        rgba[4 * i] = (unsigned char)(i * 7);
        rgba[4 * i + 1] = (unsigned char)(255 - i * 3);
        rgba[4 * i + 2] = (unsigned char)(i / WIDTH * 15);
        rgba[4 * i + 3] = alpha ? (unsigned char)(i * 11) : 255;
    }
}

static const char *file_of(const bytes *chunks)
{
    static bytes whole;
    whole.length = 0;
    append(&whole, "RIFF", 4);
    append_little(&whole, chunks->length + 4, 4);
    append(&whole, "WEBP", 4);
    append(&whole, chunks->at, chunks->length);
    return fresh_file("made.webp", whole.at, whole.length);
}

/* The chunks of pixels alone, as the encoder has them. */
static void encode(bytes *chunks, const unsigned char *rgba, bool lossless)
{
    uint8_t *file = NULL;
    size_t length = lossless ? WebPEncodeLosslessRGBA(rgba, WIDTH, HEIGHT, 4 * WIDTH, &file)
                             : WebPEncodeRGBA(rgba, WIDTH, HEIGHT, 4 * WIDTH, 95, &file);
    assert_true(length > 12);
    chunks->length = 0;
    size_t skipped = memcmp(file + 12, "VP8X", 4) ? 12 : 30;
    append(chunks, file + skipped, length - skipped);
    WebPFree(file);
}

static void append_header(bytes *b, int flags)
{
    unsigned char header[10] = {(unsigned char)flags, 0, 0, 0, WIDTH - 1, 0, 0, HEIGHT - 1, 0, 0};
    append_chunk(b, "VP8X", header, sizeof header);
}

/* Orientation, and 72 x 100 pixels per centimetre. */
static size_t exif_of(int orientation, unsigned char *exif)
{
    static const unsigned char made[] = "MM\0*\0\0\0\x08\0\4"
                                        "\1\x12\0\3\0\0\0\1\0\0\0\0"
                                        "\1\x1a\0\5\0\0\0\1\0\0\0\x3e"
                                        "\1\x1b\0\5\0\0\0\1\0\0\0\x46"
                                        "\1\x28\0\3\0\0\0\1\0\3\0\0"
                                        "\0\0\0\0"
                                        "\0\0\0\x48\0\0\0\1"
                                        "\0\0\0\xc8\0\0\0\2";
    memcpy(exif, made, sizeof made - 1);
    exif[19] = (unsigned char)orientation;
    return sizeof made - 1;
}

/* With a profile in front of the pixels and EXIF data behind them; orientation 0: without these. */
static const char *extended_file(bool alpha, bool lossless, int orientation, bool named)
{
    static unsigned char rgba[4 * WIDTH * HEIGHT];
    unsigned char exif[100] = "Exif\0\0";
    bytes pixels, chunks = {.length = 0};
    size_t name = named ? 6 : 0, length = orientation ? exif_of(orientation, exif + name) : 0;
    fill(rgba, alpha);
    encode(&pixels, rgba, lossless);
    append_header(&chunks, ICC | (alpha ? ALPHA : 0) | (orientation ? EXIF : 0));
    append_chunk(&chunks, "ICCP", profile_of("RGB "), PROFILE_LENGTH);
    append(&chunks, pixels.at, pixels.length);
    if (orientation)
        append_chunk(&chunks, "EXIF", exif, name + length);
    return file_of(&chunks);
}

static const char *simple_file(bool alpha, bool lossless)
{
    static unsigned char rgba[4 * WIDTH * HEIGHT];
    bytes pixels;
    fill(rgba, alpha);
    encode(&pixels, rgba, lossless);
    return file_of(&pixels);
}

static unsigned char shown(int i, int c, bool alpha)
{
    unsigned char rgba[4 * WIDTH * HEIGHT];
    fill(rgba, alpha);
    return (unsigned char)((rgba[4 * i + c] * rgba[4 * i + 3] + 127) / 255);
}

/* ---- Pixels ---- */

static void lossless_is_exact(void **state)
{
    (void)state;
    for (int alpha = 0; alpha < 2; alpha++) {
        for (int extended = 0; extended < 2; extended++) {
            const char *path =
                extended ? extended_file(alpha, true, 1, true) : simple_file(alpha, true);
            struct image p = read_with(path, everything);
            assert_int_equal(p.width, WIDTH);
            assert_int_equal(p.height, HEIGHT);
            assert_int_equal(p.channels, 3);
            assert_true(p.coloured);
            for (int i = 0; i < 3 * WIDTH * HEIGHT; i++)
                assert_int_equal(p.pixels[i], shown(i / 3, i % 3, alpha));
            struct image gray = read_with(path, (struct image_request){.channels = 1});
            assert_int_equal(gray.channels, 1);
            unsigned char rgba[4 * WIDTH * HEIGHT];
            fill(rgba, alpha);
            for (int i = 0; i < WIDTH * HEIGHT; i++) {
                const unsigned char *c = rgba + 4 * i;
                int luma = (299 * c[0] + 587 * c[1] + 114 * c[2] + 500) / 1000;
                assert_int_equal(gray.pixels[i], (luma * c[3] + 127) / 255);
            }
            image_release(&p);
            image_release(&gray);
        }
    }
}

static void lossy_is_near(void **state)
{
    (void)state;
    unsigned char rgba[4 * WIDTH * HEIGHT];
    for (int i = 0; i < WIDTH * HEIGHT; i++)
        memcpy(rgba + 4 * i,
               (unsigned char[]){200, 100, 50, (unsigned char)(i / WIDTH < 8 ? 255 : 51)}, 4);
    bytes pixels, chunks = {.length = 0};
    encode(&pixels, rgba, false);
    append_header(&chunks, ALPHA);
    append(&chunks, pixels.at, pixels.length);
    struct image p = read_with(file_of(&chunks), everything);
    for (int i = 0; i < 3 * WIDTH * HEIGHT; i++) {
        int wanted = (i % 3 == 0 ? 200 : i % 3 == 1 ? 100 : 50) / (i / 3 / WIDTH < 8 ? 1 : 5);
        assert_in_range(p.pixels[i] + 6 - wanted, 0, 12);
    }
    image_release(&p);
}

/* ---- Tags ---- */

static void webp_is_turned_upright(void **state)
{
    (void)state;
    for (int turn = 1; turn <= 8; turn++) {
        struct image p = read_with(extended_file(false, true, turn, turn % 2), everything);
        assert_int_equal(p.width, turn < 5 ? WIDTH : HEIGHT);
        for (int y = 0, i = 0; y < p.height; y++)
            for (int x = 0; x < p.width; x++) {
                int row, column;
                stored_place(turn, x, y, WIDTH, HEIGHT, &column, &row);
                for (int c = 0; c < 3; c++, i++)
                    assert_int_equal(p.pixels[i], shown(row * WIDTH + column, c, false));
            }
        assert_per_metre(&p, turn < 5 ? 7200 : 10000, turn < 5 ? 10000 : 7200);
        assert_profile(&p, "RGB ");
        struct image again = packed_and_read(&p);
        assert_per_metre(&again, p.tags.per_metre[0], p.tags.per_metre[1]);
        assert_profile(&again, "RGB ");
        image_release(&p);
        image_release(&again);
    }
    struct image plain = read_with(simple_file(false, true), everything);
    assert_per_metre(&plain, 0, 0);
    assert_profile(&plain, NULL);
    image_release(&plain);
}

/* A file without EXIF data tells its size at its start. */
static void the_start_is_enough_to_look_at(void **state)
{
    (void)state;
    unsigned char *file;
    size_t length;
    struct image_head head;
    load(extended_file(true, true, 0, false), &file, &length);
    const char *path = scratch_file("start.webp", file, length - 60);
    assert_int_equal(image_look(path, &head), 0);
    assert_int_equal(head.width * 1000 + head.height, WIDTH * 1000 + HEIGHT);
    assert_refused(path, "the file ends early");
    free(file);
    load(extended_file(true, true, 6, false), &file, &length);
    path = scratch_file("start.webp", file, length - 60);
    assert_int_equal(image_look(path, &head), -1);
    assert_error(STATUS_DATA, path, "the file ends early");
    free(file);
}

/* ---- What is refused ---- */

static void an_animation_is_refused(void **state)
{
    (void)state;
    static unsigned char rgba[4 * WIDTH * HEIGHT];
    bytes pixels, chunks = {.length = 0}, frame;
    struct image_head head;
    fill(rgba, false);
    encode(&pixels, rgba, true);
    append_header(&chunks, ANIMATION);
    append_chunk(&chunks, "ANIM", "\0\0\0\0\0\0", 6);
    for (int i = 0; i < 3; i++) {
        frame.length = 0;
        append(&frame, "\0\0\0\0\0\0", 6);
        append_little(&frame, WIDTH - 1, 3);
        append_little(&frame, HEIGHT - 1, 3);
        append(&frame, "\x64\0\0\0", 4);
        append(&frame, pixels.at, pixels.length);
        append_chunk(&chunks, "ANMF", frame.at, frame.length);
    }
    const char *path = file_of(&chunks);
    assert_refused(path, "an animated WebP of 3 frames");
    assert_int_equal(image_look(path, &head), -1);
    assert_error(STATUS_DATA, path, "animated");
}

static void a_damaged_webp_is_read_or_refused(void **state)
{
    (void)state;
    int whole = 0;
    for (int i = 0; i < 8; i++) {
        bool alpha = i % 2, lossless = i / 2 % 2;
        const char *path =
            i / 4 ? extended_file(alpha, lossless, 6, true) : simple_file(alpha, lossless);
        if (alpha && !lossless && !(i / 4))
            continue; /* alpha beside lossy pixels is for the extended format only */
        assert_true(is_read(path));
        assert_cuts_refused(path, 12);
        whole += read_damaged(scratch_path("made.webp"), 600); /* `path` is not good any more */
    }
    assert_in_range(whole, 400, 7 * 600 - 400);
    assert_refused(scratch_file("short.webp", "RIFF\4\0\0\0WEBP", 12), "damaged WebP");
    assert_nothing_printed();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lossless_is_exact),
        cmocka_unit_test(lossy_is_near),
        cmocka_unit_test(webp_is_turned_upright),
        cmocka_unit_test(the_start_is_enough_to_look_at),
        cmocka_unit_test(an_animation_is_refused),
        cmocka_unit_test(a_damaged_webp_is_read_or_refused),
    };
    return cmocka_run_group_tests_name("WebP", tests, quiet_make, quiet_remove);
}
