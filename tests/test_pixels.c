/* Bytes into tensors and out of them, and pictures made smaller: known answers, at odd sizes. */
#include "image/pixels.h"

#include "image/resize.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

/* ---- Bytes and values ---- */

static void every_byte_comes_back(void **state)
{
    (void)state;
    const struct image_format format = {16, 16, 1};
    unsigned char bytes[256], back[256];
    float values[256];
    for (int i = 0; i < 256; i++)
        bytes[i] = (unsigned char)i;
    for (size_t i = 0; i < 256; i++) {
        values[i] = pixel_value(bytes, PIXELS_BYTES, i);
        assert_true(values[i] == (float)i / 255);
    }
    assert_true(values_to_pixels(values, format, 1, back));
    assert_memory_equal(back, bytes, sizeof bytes);
}

static void values_are_clipped_and_rounded(void **state)
{
    (void)state;
    const float values[] = {-1, -0.0f, 1.5f, 1e30f, 0.49f / 255, 0.51f / 255, 100.5f / 255, 0.999f};
    const unsigned char wanted[] = {0, 0, 255, 255, 0, 1, 101, 255};
    unsigned char bytes[8];
    assert_true(values_to_pixels(values, (struct image_format){1, 8, 1}, 1, bytes));
    assert_memory_equal(bytes, wanted, sizeof wanted);
}

static void every_short_comes_back(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 65536; i++) {
        uint16_t pixel = (uint16_t)i, back;
        float value = pixel_value(&pixel, PIXELS_SHORTS, 0);
        assert_true(value == (float)i / 65535);
        pixel_put(&back, PIXELS_SHORTS, 0, value);
        assert_int_equal(back, i);
    }
}

static void floats_stay_as_they_are(void **state)
{
    (void)state;
    const float values[] = {-3, 0.25f, 1e9f};
    for (size_t i = 0; i < 3; i++) {
        float back;
        pixel_put(&back, PIXELS_FLOATS, 0, pixel_value(values, PIXELS_FLOATS, i));
        assert_true(back == values[i]);
    }
}

/* Three sources of three channels side by side: each is read alone. */
static void sources_lie_side_by_side(void **state)
{
    (void)state;
    enum { HEIGHT = 3, WIDTH = 4, CHANNELS = 3, SOURCES = 3, STRIDE = SOURCES * CHANNELS };
    const struct image_format format = {HEIGHT, WIDTH, CHANNELS};
    float values[HEIGHT * WIDTH * STRIDE];
    unsigned char back[HEIGHT * WIDTH * CHANNELS];
    for (int i = 0; i < HEIGHT * WIDTH * STRIDE; i++)
        values[i] = (float)i / 255;
    for (int k = 0; k < SOURCES; k++) {
        assert_true(values_to_pixels(values + k * CHANNELS, format, STRIDE, back));
        for (int i = 0; i < HEIGHT * WIDTH * CHANNELS; i++)
            assert_int_equal(back[i], i / CHANNELS * STRIDE + k * CHANNELS + i % CHANNELS);
    }
}

static void what_is_no_number_is_no_pixel(void **state)
{
    (void)state;
    const struct image_format format = {1, 2, 1};
    const float bad[] = {NAN, INFINITY, -INFINITY};
    unsigned char bytes[2];
    for (int i = 0; i < 3; i++) {
        /* of the other source, then of this one */
        const float values[] = {0.5f, bad[i], 0.5f, 0.5f};
        assert_true(values_to_pixels(values, format, 2, bytes));
        assert_false(values_to_pixels(values + 1, format, 2, bytes));
    }
}

/* ---- Smaller ---- */

static void assert_reduced(const unsigned char *pixels, struct image_format from, int height,
                           int width, const unsigned char *wanted)
{
    unsigned char reduced[64];
    size_t count = (size_t)(height * width * from.channels);
    memset(reduced, 7, sizeof reduced);
    pixels_reduce(pixels, from, reduced, height, width);
    assert_memory_equal(reduced, wanted, count);
    assert_int_equal(reduced[count], 7);
}

static void the_same_size_is_the_same_picture(void **state)
{
    (void)state;
    const unsigned char pixels[] = {0, 1, 2, 127, 128, 255};
    assert_reduced(pixels, (struct image_format){2, 3, 1}, 2, 3, pixels);
    assert_reduced(pixels, (struct image_format){1, 2, 3}, 1, 2, pixels);
}

static void whole_pixels_are_averaged(void **state)
{
    (void)state;
    const unsigned char pixels[] = {0,  100, 10,  10,  /**/
                                    50, 50,  20,  21,  /**/
                                    1,  0,   255, 255, /**/
                                    0,  0,   255, 254};
    /* 50; 15.25; 0.25; 254.75 */
    assert_reduced(pixels, (struct image_format){4, 4, 1}, 2, 2,
                   (const unsigned char[]){50, 15, 0, 255});
    /* sides shrink each by its own: columns of 12.75, 37.5, 135, 135 */
    assert_reduced(pixels, (struct image_format){4, 4, 1}, 1, 4,
                   (const unsigned char[]){13, 38, 135, 135});
    assert_reduced(pixels, (struct image_format){4, 4, 1}, 4, 1,
                   (const unsigned char[]){30, 35, 128, 127});
}

/* Of five pixels, three: each covers 5/3 of one. */
static void parts_of_pixels_count_as_such(void **state)
{
    (void)state;
    const unsigned char pixels[] = {0, 30, 60, 90, 240};
    /* (0 + 2/3 * 30) / (5/3); (1/3 * 30 + 60 + 1/3 * 90) / (5/3); (2/3 * 90 + 240) / (5/3) */
    const unsigned char wanted[] = {12, 60, 180};
    assert_reduced(pixels, (struct image_format){1, 5, 1}, 1, 3, wanted);
    assert_reduced(pixels, (struct image_format){5, 1, 1}, 3, 1, wanted);
}

static void channels_stay_apart(void **state)
{
    (void)state;
    const unsigned char pixels[] = {0, 10, 100, 2, 20, 200, 4, 30, 150, 6, 40, 250};
    assert_reduced(pixels, (struct image_format){2, 2, 3}, 1, 1,
                   (const unsigned char[]){3, 25, 175});
    assert_reduced(pixels, (struct image_format){1, 4, 3}, 1, 2,
                   (const unsigned char[]){1, 15, 150, 5, 35, 200});
}

/* Large and uneven: the mean of the picture is kept. */
static void a_large_picture_keeps_its_mean(void **state)
{
    (void)state;
    enum { HEIGHT = 301, WIDTH = 407 };
    static unsigned char pixels[HEIGHT * WIDTH], reduced[41 * 53];
    double sum = 0, reduced_sum = 0;
    for (int i = 0; i < HEIGHT * WIDTH; i++) {
        pixels[i] = (unsigned char)((unsigned)i * 2654435761u >> 24);
        sum += pixels[i];
    }
    pixels_reduce(pixels, (struct image_format){HEIGHT, WIDTH, 1}, reduced, 41, 53);
    for (int i = 0; i < 41 * 53; i++)
        reduced_sum += reduced[i];
    assert_true(fabs(sum / (HEIGHT * WIDTH) - reduced_sum / (41 * 53)) < 0.1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_byte_comes_back),
        cmocka_unit_test(values_are_clipped_and_rounded),
        cmocka_unit_test(every_short_comes_back),
        cmocka_unit_test(floats_stay_as_they_are),
        cmocka_unit_test(sources_lie_side_by_side),
        cmocka_unit_test(what_is_no_number_is_no_pixel),
        cmocka_unit_test(the_same_size_is_the_same_picture),
        cmocka_unit_test(whole_pixels_are_averaged),
        cmocka_unit_test(parts_of_pixels_count_as_such),
        cmocka_unit_test(channels_stay_apart),
        cmocka_unit_test(a_large_picture_keeps_its_mean),
    };
    return cmocka_run_group_tests_name("pixels", tests, NULL, NULL);
}
