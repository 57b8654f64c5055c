/* Panels of any pictures, and those of a network's results. */
#include "image/panel.h"

#include "base/files.h"
#include "image/font.h"
#include "image/image.h"
#include "plot/result_panel.h"
#include "scratch.h"
#include <math.h>

static const unsigned char *pixel_at(const struct image *drawn, int x, int y)
{
    return drawn->pixels + (size_t)(y * drawn->width + x) * (size_t)drawn->channels;
}

/* ---- Panels ---- */

static void writes_panels(void **state)
{
    (void)state;
    const unsigned char left[] = {10, 20, 30, 40, 50, 60}, right[] = {1, 2, 3, 4, 5, 6};
    const unsigned char *const cells[] = {left, right, NULL, left};
    const char *path = scratch_path("panel.png");
    struct image drawn;
    assert_int_equal(panel_write(path, &(panel){2, 2, {2, 3, 1}, cells, .side = 64}), 0);
    assert_int_equal(image_read(path, 0, &drawn), 0);
    /* margin 8, cells of 63 x 42, each pixel 21 x 21, gap 2 */
    assert_int_equal(drawn.channels, 1);
    assert_int_equal(drawn.width, 8 + 63 + 2 + 63 + 8);
    assert_int_equal(drawn.height, 8 + 42 + 2 + 42 + 8);
    assert_int_equal(pixel_at(&drawn, 0, 0)[0], 255);
    assert_int_equal(pixel_at(&drawn, 8, 8)[0], 10);
    assert_int_equal(pixel_at(&drawn, 28, 28)[0], 10);
    assert_int_equal(pixel_at(&drawn, 29, 28)[0], 20);
    assert_int_equal(pixel_at(&drawn, 28, 29)[0], 40);
    assert_int_equal(pixel_at(&drawn, 70, 49)[0], 60);
    assert_int_equal(pixel_at(&drawn, 71, 8)[0], 255);
    assert_int_equal(pixel_at(&drawn, 73, 8)[0], 1);
    assert_int_equal(pixel_at(&drawn, 8, 52)[0], 255); /* the blank cell */
    assert_int_equal(pixel_at(&drawn, 135, 93)[0], 60);
    image_release(&drawn);
}

/* A panel of colours is in colour: its letters, margins and blank cells too. */
static void draws_in_colour(void **state)
{
    (void)state;
    const unsigned char cell[] = {255, 0, 0, 1, 2, 3};
    const unsigned char *const cells[] = {cell, NULL};
    const char *const titles[] = {"i"};
    const char *path = scratch_path("colour.png");
    struct image drawn;
    const panel p = {1, 2, {1, 2, 3}, cells, .row_titles = titles, .side = 64};
    assert_int_equal(panel_write(path, &p), 0);
    assert_int_equal(image_read(path, 0, &drawn), 0);
    assert_int_equal(drawn.channels, 3);
    int left = drawn.width - 8 - 64 - 2 - 64;
    assert_memory_equal(pixel_at(&drawn, left, 8), cell, 3);
    assert_memory_equal(pixel_at(&drawn, left + 31, 39), cell, 3);
    assert_memory_equal(pixel_at(&drawn, left + 32, 39), cell + 3, 3);
    assert_memory_equal(pixel_at(&drawn, left + 66, 8), "\xff\xff\xff", 3);
    int inked = 0, wanted = 0;
    for (int y = 0; y < drawn.height; y++)
        for (int x = 0; x < left; x++)
            inked += !memcmp(pixel_at(&drawn, x, y), "\x30\x30\x30", 3);
    for (int i = 0; i < FONT_WIDTH * FONT_HEIGHT; i++)
        wanted += font_pixel('i', i % FONT_WIDTH, i / FONT_WIDTH);
    assert_true(wanted > 5);
    assert_int_equal(inked, wanted);
    image_release(&drawn);
}

/* 300 x 200 at most 100 a side: 100 x 67, averaged. */
static void reduces_large_pictures(void **state)
{
    (void)state;
    enum { WIDTH = 300, HEIGHT = 200 };
    static unsigned char stripes[HEIGHT * WIDTH * 3];
    const unsigned char *const cells[] = {stripes, stripes};
    const char *path = scratch_path("large.png");
    struct image drawn;
    for (int i = 0; i < HEIGHT * WIDTH; i++) { /* columns of 0, 30, 90; halves of 0 and 255 */
        stripes[3 * i] = (unsigned char)(30 * (i % 3) * (i % 3 + 1) / 2);
        stripes[3 * i + 2] = i / WIDTH < HEIGHT / 2 ? 0 : 255;
    }
    assert_int_equal(panel_write(path, &(panel){2, 1, {HEIGHT, WIDTH, 3}, cells, .side = 100}), 0);
    assert_int_equal(image_read(path, 3, &drawn), 0);
    /* margin 12, gap 3 */
    assert_int_equal(drawn.width, 12 + 100 + 12);
    assert_int_equal(drawn.height, 12 + 67 + 3 + 67 + 12);
    for (int y = 0; y < 67; y++) {
        /* the middle row covers both halves alike */
        const unsigned char mean[] = {40, 0, y < 33 ? 0 : y > 33 ? 255 : 128};
        for (int x = 0; x < 100; x++) {
            assert_memory_equal(pixel_at(&drawn, 12 + x, 12 + y), mean, 3);
            assert_memory_equal(pixel_at(&drawn, 12 + x, 12 + 67 + 3 + y), mean, 3);
        }
    }
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
    assert_int_equal(
        panel_write(scratch_path("titles.png"),
                    &(panel){2, 1, {28, 28, 1}, cells, .row_titles = titles, .side = 96}),
        0);
    assert_int_equal(image_read(scratch_path("titles.png"), 1, &drawn), 0);
    assert_int_equal(drawn.width, 12 + room + 84 + 12);
    int inked = 0;
    for (int y = 0; y < drawn.height; y++)
        for (int x = 0; x < 12 + room; x++)
            inked += drawn.pixels[y * drawn.width + x] < 255;
    assert_true(inked > 200);
    assert_int_equal(drawn.pixels[12 * drawn.width + 12 + room], 0);
    assert_int_equal(drawn.pixels[12 * drawn.width + 11 + room], 255);
    image_release(&drawn);
    /* Taller than its row: clipped at the picture's edge. */
    assert_int_equal(
        panel_write(scratch_path("low.png"),
                    &(panel){2, 1, {1, 28, 1}, cells, .row_titles = titles, .side = 32}),
        0);
}

/* Titles of columns make room above the cells and keep to their column. */
static void writes_column_titles(void **state)
{
    (void)state;
    static const unsigned char black[28 * 28] = {0};
    const unsigned char *const cells[] = {black, black};
    const char *const titles[] = {"a name that is far too long for this column", "two\npegs"};
    const char *path = scratch_path("columns.png");
    struct image drawn;
    const int room = 2 * 10 * 2 + 3; /* two lines at twice their size, and the gap */
    assert_int_equal(
        panel_write(path, &(panel){1, 2, {28, 28, 1}, cells, .column_titles = titles, .side = 96}),
        0);
    assert_int_equal(image_read(path, 1, &drawn), 0);
    assert_int_equal(drawn.width, 12 + 84 + 3 + 84 + 12);
    assert_int_equal(drawn.height, 12 + room + 84 + 12);
    int inked = 0;
    for (int y = 0; y < 12 + room; y++) {
        for (int x = 0; x < drawn.width; x++) {
            bool between = x < 12 || (x >= 12 + 84 && x < 12 + 84 + 3) || x >= 12 + 84 + 3 + 84;
            bool ink = drawn.pixels[y * drawn.width + x] < 255;
            assert_false(ink && (between || y < 12 || y >= 12 + room - 3));
            inked += ink;
        }
    }
    assert_true(inked > 200);
    assert_int_equal(drawn.pixels[(12 + room) * drawn.width + 12], 0);
    assert_int_equal(drawn.pixels[(11 + room) * drawn.width + 12], 255);
    image_release(&drawn);
}

static void refuses_impossible_panels(void **state)
{
    (void)state;
    const unsigned char *const cells[] = {NULL};
    const char *path = scratch_path("refused.png");
    const int huge = 0x7fffffff;
    assert_int_equal(panel_write(path, &(panel){0, 1, {2, 3, 1}, cells, .side = 9}), -1);
    assert_error(STATUS_RUNTIME, path, "not written");
    assert_int_equal(panel_write(path, &(panel){1, 1, {2, 3, 1}, cells, .side = 1025}), -1);
    assert_error(STATUS_RUNTIME, path, "drawn 1025 a side");
    assert_int_equal(panel_write(path, &(panel){1, 1, {2, 3, 1}, cells, .side = 0}), -1);
    assert_error(STATUS_RUNTIME, path, "drawn 0 a side");
    assert_int_equal(panel_write(path, &(panel){huge, huge, {huge, huge, 1}, cells, .side = 16}),
                     -1);
    assert_error(STATUS_RUNTIME, path, "not written");
    assert_int_equal(
        panel_write(path, &(panel){16384, 16384, {16384, 16384, 3}, cells, .side = 1024}), -1);
    assert_error(STATUS_RUNTIME, path, "not written");
    assert_false(file_exists(path));
}

/* ---- Results ---- */

enum { HEIGHT = 40, WIDTH = 48, CHANNELS = 3, SOURCES = 3, ROWS = 2 };
enum { PIXELS = HEIGHT * WIDTH, STRIDE = SOURCES * CHANNELS };

static const mixture three = {
    .sources = SOURCES, .names = {"cat", "dog", "bird"}, .format = {HEIGHT, WIDTH, CHANNELS}};

static float blends[ROWS * PIXELS * CHANNELS], truths[ROWS * PIXELS * STRIDE];
static float outputs[ROWS * PIXELS * STRIDE];

/* All pixels of a picture are alike: what channel c of a row's blend and of its sources is. */
static int blend_of(int row, int c)
{
    return 10 + 100 * row + 30 * c;
}

static int truth_of(int row, int k, int c)
{
    return 5 + 90 * row + 40 * k + 7 * c;
}

static int output_of(int row, int k, int c)
{
    return truth_of(row, k, c) + 3 * k - 2 * c;
}

static void make_results(void)
{
    for (int i = 0; i < ROWS * PIXELS * CHANNELS; i++)
        blends[i] = (float)blend_of(i / CHANNELS / PIXELS, i % CHANNELS) / 255;
    for (int i = 0; i < ROWS * PIXELS * STRIDE; i++) {
        int row = i / STRIDE / PIXELS, k = i % STRIDE / CHANNELS, c = i % CHANNELS;
        truths[i] = (float)truth_of(row, k, c) / 255;
        outputs[i] = (float)output_of(row, k, c) / 255;
    }
}

static results made(void)
{
    return (results){&three, ROWS, blends, truths, outputs, "bird.safetensors"};
}

/* Pictures are drawn twice as large; a margin of 12, gaps of 3. */
static const unsigned char *cell_at(const struct image *drawn, int row, int column)
{
    int x = 12 + column * (2 * WIDTH + 3) + WIDTH;
    int y = drawn->height - 12 - (ROWS - row) * (2 * HEIGHT + 3) + 3 + HEIGHT;
    return pixel_at(drawn, x, y);
}

static void shows_all_sources(void **state)
{
    (void)state;
    const char *path = scratch_path("results.png");
    struct image drawn;
    make_results();
    const results r = made();
    assert_int_equal(result_panel_write(path, &r), 0);
    assert_int_equal(image_read(path, 0, &drawn), 0);
    assert_int_equal(drawn.channels, 3);
    assert_int_equal(drawn.width, 12 + 10 * (2 * WIDTH + 3) - 3 + 12);
    for (int row = 0; row < ROWS; row++) {
        for (int c = 0; c < CHANNELS; c++) {
            assert_int_equal(cell_at(&drawn, row, 0)[c], blend_of(row, c));
            for (int k = 0; k < SOURCES; k++) {
                int truth = truth_of(row, k, c), output = output_of(row, k, c);
                assert_int_equal(cell_at(&drawn, row, 1 + k)[c], truth);
                assert_int_equal(cell_at(&drawn, row, 4 + k)[c], output);
                assert_in_range(cell_at(&drawn, row, 7 + k)[c] + 1 - 4 * abs(truth - output), 0, 2);
            }
        }
    }
    image_release(&drawn);
}

/* Errors are those of the values as they are; the results are clipped. */
static void clips_results_but_not_errors(void **state)
{
    (void)state;
    const char *path = scratch_path("clipped.png");
    struct image drawn;
    make_results();
    for (int i = 0; i < PIXELS; i++) {
        truths[i * STRIDE] = 1;
        outputs[i * STRIDE] = 1.1f;
        outputs[i * STRIDE + 1] = -0.5f;
    }
    const results r = made();
    assert_int_equal(result_panel_write(path, &r), 0);
    assert_int_equal(image_read(path, 3, &drawn), 0);
    assert_int_equal(cell_at(&drawn, 0, 4)[0], 255);
    assert_int_equal(cell_at(&drawn, 0, 4)[1], 0);
    assert_int_equal(cell_at(&drawn, 0, 7)[0], 102); /* 4 * 0.1 of 255 */
    assert_int_equal(cell_at(&drawn, 0, 7)[1], 255);
    image_release(&drawn);
}

static void names_the_model_of_no_number(void **state)
{
    (void)state;
    const char *path = scratch_path("none.png");
    make_results();
    outputs[ROWS * PIXELS * STRIDE - 1] = NAN;
    const results r = made();
    assert_int_equal(result_panel_write(path, &r), -1);
    assert_error(STATUS_DATA, "bird.safetensors", "not a number");
    assert_false(file_exists(path));
}

/* Photographs get larger cells, but not so many that no PNG holds them. */
static void large_results_are_reduced(void **state)
{
    (void)state;
    enum { SIDE = 300, MANY = 51 };
    static const mixture two = {.sources = 2, .names = {"a", "b"}, .format = {SIDE, SIDE / 2, 1}};
    const size_t pixels = SIDE * SIDE / 2;
    const char *path = scratch_path("photographs.png");
    struct image drawn;
    float *values = calloc(MANY * pixels * 2, sizeof *values);
    assert_non_null(values);
    results r = {&two, 1, values, values, values, "m"};
    assert_int_equal(result_panel_write(path, &r), 0);
    assert_int_equal(image_read(path, 0, &drawn), 0);
    assert_int_equal(drawn.width, 32 + 7 * (128 + 8) - 8 + 32);
    image_release(&drawn);
    r.count = MANY;
    assert_int_equal(result_panel_write(path, &r), 0);
    assert_int_equal(image_read(path, 0, &drawn), 0);
    assert_int_equal(drawn.width, 16 + 7 * (64 + 4) - 4 + 16);
    image_release(&drawn);
    free(values);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_panels),
        cmocka_unit_test(draws_in_colour),
        cmocka_unit_test(reduces_large_pictures),
        cmocka_unit_test(writes_titles),
        cmocka_unit_test(writes_column_titles),
        cmocka_unit_test(refuses_impossible_panels),
        cmocka_unit_test(shows_all_sources),
        cmocka_unit_test(clips_results_but_not_errors),
        cmocka_unit_test(names_the_model_of_no_number),
        cmocka_unit_test(large_results_are_reduced),
    };
    return cmocka_run_group_tests_name("panels", tests, scratch_make, scratch_remove);
}
