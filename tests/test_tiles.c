/* Pictures of any size: what is computed in tiles is what the whole gives. */
#include "scratch.h"
#include "tiny_model.h"

#include "base/files.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/rng.h"
#include "separate/folder.h"

#include <math.h>

enum { SOURCES = TINY_SOURCES };

/* ---- Models ---- */

static int save_model(const char *name, const char *const *overrides, size_t count)
{
    return save_model_of(scratch_path(name), overrides, count, 7, 0, NULL, NULL);
}

/* The kernels of configs/unet-small.ini, Winograd's among them. */
static const char *const wide[] = {"model.filters=32", "model.modules=3", "model.convolutions=2"},
                         *const deep[] = {"model.filters=3", "model.modules=4",
                                          "model.convolutions=1"},
                         *const residual[] = {"model.filters=3",       "model.modules=3",
                                              "model.convolutions=3",  "model.residual=true",
                                              "model.consistent=true", "data.channels=3"},
                         *const plain[] = {"model.filters=2", "model.modules=2",
                                           "model.convolutions=1", "model.skips=false",
                                           "model.batch_norm=false"},
                         *const attending[] = {"model.filters=2",      "model.modules=2",
                                               "model.convolutions=1", "model.attention=2",
                                               "model.heads=1",        "model.key_size=2",
                                               "model.ffn=4"};
#define SETTINGS(list) list, sizeof(list) / sizeof *(list)

static int set_up(void **state)
{
    log_set_level(LOG_QUIET);
    if (scratch_make(state) || save_model("wide.safetensors", SETTINGS(wide)) ||
        save_model("deep.safetensors", SETTINGS(deep)) ||
        save_model("residual.safetensors", SETTINGS(residual)) ||
        save_model("plain.safetensors", SETTINGS(plain)) ||
        save_model("attending.safetensors", SETTINGS(attending)) ||
        constant_model_save(scratch_path("constant.safetensors"), 0.2f, 0.8f)) {
        print_error("%s\n", error_message());
        return -1;
    }
    return 0;
}

static separator *open_model(const char *name, struct separator_options options)
{
    model_file file;
    separator *s;
    const char *path = scratch_path(name);
    assert_int_equal(model_open(path, NULL, 0, &file), 0);
    if (separator_open(&s, path, &file, options))
        fail_msg("%s", error_message());
    model_close(&file);
    return s;
}

/* ---- Pictures ---- */

/* Of floats, with its sources. */
typedef struct sample {
    separation item;
    size_t values;
    float *pixels, *sources[SOURCES];
} sample;

static sample new_sample(int height, int width, int channels)
{
    sample p = {.values = (size_t)height * (size_t)width * (size_t)channels};
    rng random = rng_start(11, 5);
    p.pixels = allocate(p.values, sizeof(float));
    assert_non_null(p.pixels);
    p.item = (separation){.width = width,
                          .height = height,
                          .channels = channels,
                          .type = PIXELS_FLOATS,
                          .result_type = PIXELS_FLOATS,
                          .mixture = p.pixels};
    for (size_t i = 0; i < p.values; i++)
        p.pixels[i] = (float)rng_below(&random, 1000) / 1000;
    for (int k = 0; k < SOURCES; k++) {
        p.sources[k] = allocate(p.values, sizeof(float));
        assert_non_null(p.sources[k]);
        p.item.sources[k] = p.sources[k];
    }
    return p;
}

static void free_sample(sample *p)
{
    free(p->pixels);
    for (int k = 0; k < SOURCES; k++)
        free(p->sources[k]);
}

static void take_apart(separator *s, sample *p)
{
    if (separator_run(s, &p->item, 1))
        fail_msg("%s", error_message());
    assert_false(p->item.overflowed);
}

static double largest_difference(const sample *a, const sample *b)
{
    double most = 0;
    assert_int_equal(a->values, b->values);
    for (int k = 0; k < SOURCES; k++)
        for (size_t i = 0; i < a->values; i++)
            most = fmax(most, fabs((double)a->sources[k][i] - b->sources[k][i]));
    return most;
}

/* ---- Tiled is whole ---- */

static long tiles_seen;
static int count_tiles(void *context, size_t done, size_t total)
{
    (void)context;
    assert_true(done <= total);
    tiles_seen = (long)total;
    return 0;
}

static void assert_tiled_is_whole(const char *model, int height, int width, int channels,
                                  size_t tile_pixels)
{
    separator *whole = open_model(model, (struct separator_options){.batch = 4}),
              *tiled = open_model(
                  model, (struct separator_options){.batch = 3, .tile_pixels = tile_pixels});
    sample a = new_sample(height, width, channels), b = new_sample(height, width, channels);
    separator_watch(whole, count_tiles, NULL);
    take_apart(whole, &a);
    assert_int_equal(tiles_seen, channels > separator_mixture(whole)->format.channels ? 3 : 1);
    separator_watch(tiled, count_tiles, NULL);
    take_apart(tiled, &b);
    assert_true(tiles_seen >= 2);
    double difference = largest_difference(&a, &b);
    if (!(difference <= 1e-6))
        fail_msg("%s, %d x %d: tiled is %g from whole", model, width, height, difference);
    free_sample(&a);
    free_sample(&b);
    separator_close(whole);
    separator_close(tiled);
}

static void tiles_give_what_the_whole_gives(void **state)
{
    (void)state;
    assert_tiled_is_whole("wide.safetensors", 147, 190, 1, 96 * 96);
    assert_tiled_is_whole("wide.safetensors", 1000, 3, 1, 1);
    assert_tiled_is_whole("residual.safetensors", 131, 155, 3, 88 * 88);
    assert_tiled_is_whole("residual.safetensors", 131, 155, 1, 1); /* as small as can be */
    assert_tiled_is_whole("plain.safetensors", 61, 83, 1, 20 * 20);
    assert_tiled_is_whole("plain.safetensors", 40, 47, 3, 30 * 30); /* each channel */
}

/* A picture of the size that a halving network takes is its own frame: nothing is added or cut. */
static void padding_changes_only_what_is_near(void **state)
{
    (void)state;
    separator *s = open_model("plain.safetensors", (struct separator_options){.batch = 1});
    sample odd = new_sample(51, 51, 1), even = new_sample(52, 52, 1);
    /* the even one is the odd one with its mirror image */
    for (int y = 0; y < 52; y++)
        for (int x = 0; x < 52; x++)
            even.pixels[y * 52 + x] = odd.pixels[(y < 51 ? y : 49) * 51 + (x < 51 ? x : 49)];
    take_apart(s, &odd);
    take_apart(s, &even);
    for (int k = 0; k < SOURCES; k++)
        for (int y = 0; y < 51; y++)
            assert_memory_equal(odd.sources[k] + y * 51, even.sources[k] + y * 52,
                                51 * sizeof(float));
    free_sample(&odd);
    free_sample(&even);
    separator_close(s);
}

/* ---- Reach ---- */

/* Which rows of a network's outputs change when a pixel of row y0 does. */
static span changed_rows(separator *s, sample *before, int y0)
{
    sample after = new_sample(before->item.height, before->item.width, before->item.channels);
    int width = before->item.width * before->item.channels;
    span rows = {1000, -1};
    for (int turn = 0; turn < 4; turn++) { /* a maximum may hide it, or a slope of zero */
        memcpy(after.pixels, before->pixels, before->values * sizeof(float));
        for (int x = 0; x < width; x++)
            after.pixels[y0 * width + x] += (turn % 2 ? -1 : 1) * (turn / 2 ? 30 : 3);
        take_apart(s, &after);
        for (int k = 0; k < SOURCES; k++)
            for (size_t i = 0; i < after.values; i++)
                if (after.sources[k][i] != before->sources[k][i]) {
                    long y = (long)(i / (size_t)width);
                    rows.first = y < rows.first ? y : rows.first;
                    rows.last = y > rows.last ? y : rows.last;
                }
    }
    free_sample(&after);
    return rows;
}

static reach reach_of(const char *model)
{
    model_file file;
    params *p;
    network *n;
    reach r;
    assert_int_equal(model_open(scratch_path(model), NULL, 0, &file), 0);
    assert_int_equal(params_new(&p, NULL), 0);
    assert_int_equal(network_new(&n, p, file.settings, 1, NETWORK_INFER), 0);
    assert_int_equal(network_reach(n, &r), 0);
    network_free(n);
    params_free(p);
    model_close(&file);
    return r;
}

/* Not "wide": Winograd's method lets rounding errors of a pixel pass to its neighbours. */

/* Outputs see exactly as far as the graph says, found by changing rows one by one. */
static void assert_reach(const char *model, int side)
{
    separator *s = open_model(model, (struct separator_options){.batch = 1});
    int channels = separator_mixture(s)->format.channels;
    reach r = reach_of(model);
    sample base = new_sample(side, 16, channels);
    long before = 0, after = 0, middle = side / 2 / r.unit * r.unit;
    assert_false(r.whole);
    take_apart(s, &base);
    for (int i = 0; i < r.unit; i++) {
        span rows = changed_rows(s, &base, (int)middle + i);
        assert_true(rows.first <= rows.last);
        /* by blocks of `unit` outputs */
        long first = rows.first / r.unit * r.unit, last = rows.last / r.unit * r.unit;
        long behind = middle + i - (first + r.unit - 1), ahead = last - (middle + i);
        after = behind > after ? behind : after;
        before = ahead > before ? ahead : before;
    }
    if (before > r.before || after > r.after)
        fail_msg("%s: outputs see %ld before and %ld after, and the graph says %d and %d", model,
                 before, after, r.before, r.after);
    /* a tile needs whole units of margin, so that much must be needed */
    assert_int_equal((before + r.unit - 1) / r.unit, (r.before + r.unit - 1) / r.unit);
    assert_int_equal((after + r.unit - 1) / r.unit, (r.after + r.unit - 1) / r.unit);
    free_sample(&base);
    separator_close(s);
}

static void networks_see_as_far_as_their_graph_says(void **state)
{
    (void)state;
    assert_reach("plain.safetensors", 48);
    assert_reach("deep.safetensors", 120);
    assert_reach("residual.safetensors", 160);
    assert_true(reach_of("attending.safetensors").whole);
}

/* ---- Networks that read whole images ---- */

static void whole_image_networks_fade(void **state)
{
    (void)state;
    separator *s = open_model("attending.safetensors", (struct separator_options){.batch = 8});
    sample small = new_sample(32, 32, 1), large = new_sample(32, 70, 1);
    for (int y = 0; y < 32; y++)
        memcpy(small.pixels + y * 32, large.pixels + y * 70, 32 * sizeof(float));
    take_apart(s, &small);
    take_apart(s, &large);
    /* the left end is in the first tile alone, which is the small picture */
    for (int k = 0; k < SOURCES; k++)
        for (int y = 0; y < 32; y++)
            assert_memory_equal(small.sources[k] + y * 32, large.sources[k] + y * 70,
                                12 * sizeof(float));
    free_sample(&small);
    free_sample(&large);
    separator_close(s);
}

/* Three rows of three tiles, each computed alone and faded as the layout says, in double precision. */
static void faded_pictures_are_sums_of_their_tiles(void **state)
{
    (void)state;
    enum { SIDE = 70 };
    static double sums[SOURCES][SIDE * SIDE];
    separator *s = open_model("attending.safetensors", (struct separator_options){.batch = 4});
    const layout_rules rules = {.format = {32, 32, 1},
                                .inner_height = 32,
                                .inner_width = 32,
                                .reach = {.whole = true, .unit = 1}};
    sample all = new_sample(SIDE, SIDE, 1), tile = new_sample(32, 32, 1);
    layout l;
    assert_int_equal(layout_make(&l, &rules, SIDE, SIDE), 0);
    assert_true(l.rows.count > 2 && l.columns.count > 2);
    take_apart(s, &all);
    for (int t = 0; t < l.rows.count * l.columns.count; t++) {
        int row = t / l.columns.count, column = t % l.columns.count;
        int top = l.rows.slices[row].start, left = l.columns.slices[column].start;
        for (int i = 0; i < 32 * 32; i++)
            tile.pixels[i] = all.pixels[(top + i / 32) * SIDE + left + i % 32];
        take_apart(s, &tile);
        for (int k = 0; k < SOURCES; k++)
            for (int i = 0; i < 32 * 32; i++)
                sums[k][(top + i / 32) * SIDE + left + i % 32] +=
                    (double)cut_weight(&l.rows, row, i / 32) *
                    cut_weight(&l.columns, column, i % 32) * tile.sources[k][i];
    }
    for (int k = 0; k < SOURCES; k++)
        for (int i = 0; i < SIDE * SIDE; i++)
            assert_float_equal(all.sources[k][i], sums[k][i], 1e-5);
    layout_release(&l);
    free_sample(&all);
    free_sample(&tile);
    separator_close(s);
}

/* ---- Any picture ---- */

static void all_sizes_are_separated(void **state)
{
    (void)state;
    static const int sizes[][2] = {{1, 1}, {1, 40}, {40, 1}, {27, 31}, {33, 64}, {3, 2000}};
    const char *const models[] = {"constant.safetensors", "attending.safetensors"};
    for (int m = 0; m < 2; m++) {
        separator *s = open_model(models[m], (struct separator_options){.batch = 8});
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
            sample p = new_sample(sizes[i][0], sizes[i][1], 1);
            take_apart(s, &p);
            for (size_t v = 0; v < p.values && !m; v++) {
                assert_float_equal(p.sources[0][v], 0.2, 1e-6);
                assert_float_equal(p.sources[1][v], 0.8, 1e-6);
            }
            free_sample(&p);
        }
        separator_close(s);
    }
}

/* A gray model: each channel is a gray picture. A colour model: gray is three equal channels, and of its results the
 * luma. */
static void channels_are_what_was_asked_for(void **state)
{
    (void)state;
    separator *gray = open_model("plain.safetensors", (struct separator_options){.batch = 2}),
              *colour = open_model("residual.safetensors", (struct separator_options){.batch = 2});
    sample three = new_sample(20, 24, 3), one = new_sample(20, 24, 1);
    take_apart(gray, &three);
    for (size_t c = 0; c < 3; c++) {
        for (size_t i = 0; i < one.values; i++)
            one.pixels[i] = three.pixels[i * 3 + c];
        take_apart(gray, &one);
        for (int k = 0; k < SOURCES; k++)
            for (size_t i = 0; i < one.values; i++)
                assert_true(three.sources[k][i * 3 + c] == one.sources[k][i]);
    }
    for (size_t i = 0; i < one.values; i++)
        for (size_t c = 0; c < 3; c++)
            three.pixels[i * 3 + c] = one.pixels[i];
    take_apart(colour, &one);
    take_apart(colour, &three);
    for (int k = 0; k < SOURCES; k++)
        for (size_t i = 0; i < one.values; i++)
            assert_float_equal(one.sources[k][i], luma_of_values(three.sources[k] + 3 * i), 1e-6);
    free_sample(&three);
    free_sample(&one);
    separator_close(gray);
    separator_close(colour);
}

/* 16 bits come in and go out as they are: results are those of floats, rounded. */
static void sixteen_bits_keep_their_precision(void **state)
{
    (void)state;
    enum { SIDE = 32, PIXELS = SIDE * SIDE };
    static uint16_t pixels[PIXELS], found[SOURCES][PIXELS];
    separator *s = open_model("wide.safetensors", (struct separator_options){.batch = 1});
    sample p = new_sample(SIDE, SIDE, 1);
    separation item = {.width = SIDE,
                       .height = SIDE,
                       .type = PIXELS_SHORTS,
                       .result_type = PIXELS_SHORTS,
                       .mixture = pixels,
                       .sources = {found[0], found[1]}};
    for (size_t i = 0; i < PIXELS; i++) {
        pixels[i] = (uint16_t)(i * 61);
        p.pixels[i] = (float)pixels[i] / 65535;
    }
    take_apart(s, &p);
    assert_int_equal(separator_run(s, &item, 1), 0);
    for (int k = 0; k < SOURCES; k++)
        for (size_t i = 0; i < PIXELS; i++) {
            float value = p.sources[k][i];
            value = value < 0 ? 0 : value > 1 ? 1 : value;
            assert_int_equal(found[k][i], (int)(value * 65535 + 0.5f));
        }
    free_sample(&p);
    separator_close(s);
}

/* ---- Memory ---- */

static void memory_is_kept_within(void **state)
{
    (void)state;
    enum { MEMORY = 24 << 20 };
    separator *s =
        open_model("wide.safetensors", (struct separator_options){.batch = 32, .memory = MEMORY});
    sample p = new_sample(400, 500, 1);
    separator_watch(s, count_tiles, NULL);
    take_apart(s, &p);
    assert_true(tiles_seen > 1);
    assert_in_range(separator_peak(s), MEMORY / 3, MEMORY);
    free_sample(&p);
    separator_close(s);
}

/* Parameters, and batches of what needs no tiles, count as well. */
static void batches_are_kept_within_it_too(void **state)
{
    (void)state;
    enum { MEMORY = 24 << 20, COUNT = 150 };
    separator *s =
        open_model("wide.safetensors", (struct separator_options){.batch = 4096, .memory = MEMORY});
    sample p = new_sample(32, 32, 1);
    separation items[COUNT];
    for (int i = 0; i < COUNT; i++)
        items[i] = p.item;
    assert_int_equal(separator_run(s, items, COUNT), 0);
    assert_in_range(separator_peak(s), MEMORY / 3, MEMORY);
    free_sample(&p);
    separator_close(s);
}

/* In pictures of many tiles a folder's progress is told by tiles. */
static struct folder_progress last_tiles;
static int note_tiles(void *context, const struct folder_progress *p)
{
    (void)context;
    if (p->tiles_total)
        last_tiles = *p;
    return 0;
}

static void progress_is_told_by_tiles(void **state)
{
    (void)state;
    worklist *w;
    model_file file;
    struct image picture;
    separator *s = open_model("plain.safetensors",
                              (struct separator_options){.batch = 2, .tile_pixels = 20 * 20});
    assert_int_equal(directory_make(scratch_path("folder")), 0);
    assert_int_equal(image_new(&picture, 61, 83, 1), 0);
    assert_int_equal(image_write_png(scratch_path("folder/a.png"), 61, 83, 1, picture.pixels), 0);
    image_release(&picture);
    assert_int_equal(model_open(scratch_path("plain.safetensors"), NULL, 0, &file), 0);
    struct folder_options how = folder_options_of("plain", &file);
    how.progress = note_tiles;
    assert_int_equal(worklist_new(&w, scratch_path("folder"), scratch_path("found"),
                                  separator_mixture(s), (struct worklist_options){0}),
                     0);
    assert_int_equal(separate_folder(s, w, &how), 0);
    assert_int_equal(worklist_count(w, WORK_DONE), 1);
    assert_int_equal(last_tiles.seen, 0);
    assert_int_equal(last_tiles.total, 1);
    assert_true(last_tiles.tiles_total >= 4);
    assert_true(last_tiles.tiles < last_tiles.tiles_total &&
                last_tiles.tiles + 2 >= last_tiles.tiles_total);
    worklist_free(w);
    model_close(&file);
    separator_close(s);
}

static void too_little_memory_is_said(void **state)
{
    (void)state;
    model_file file;
    separator *s;
    const char *path = scratch_path("wide.safetensors");
    assert_int_equal(model_open(path, NULL, 0, &file), 0);
    assert_int_equal(
        separator_open(&s, path, &file, (struct separator_options){.batch = 1, .memory = 1 << 20}),
        -1);
    assert_error(STATUS_USAGE, "wide.safetensors: the smallest tile", "a larger --memory");
    model_close(&file);
}

static int stop_after_two(void *context, size_t done, size_t total)
{
    (void)context;
    (void)total;
    return done >= 2 ? (fail)(STATUS_RUNTIME, "enough") : 0;
}

static void large_pictures_can_be_left(void **state)
{
    (void)state;
    separator *s = open_model("plain.safetensors",
                              (struct separator_options){.batch = 1, .tile_pixels = 20 * 20});
    sample p = new_sample(61, 83, 1);
    separator_watch(s, stop_after_two, NULL);
    assert_int_equal(separator_run(s, &p.item, 1), -1);
    assert_error(STATUS_RUNTIME, "enough", "");
    separator_watch(s, NULL, NULL); /* and go on */
    take_apart(s, &p);
    free_sample(&p);
    separator_close(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tiles_give_what_the_whole_gives),
        cmocka_unit_test(padding_changes_only_what_is_near),
        cmocka_unit_test(networks_see_as_far_as_their_graph_says),
        cmocka_unit_test(whole_image_networks_fade),
        cmocka_unit_test(faded_pictures_are_sums_of_their_tiles),
        cmocka_unit_test(all_sizes_are_separated),
        cmocka_unit_test(channels_are_what_was_asked_for),
        cmocka_unit_test(sixteen_bits_keep_their_precision),
        cmocka_unit_test(memory_is_kept_within),
        cmocka_unit_test(batches_are_kept_within_it_too),
        cmocka_unit_test(progress_is_told_by_tiles),
        cmocka_unit_test(too_little_memory_is_said),
        cmocka_unit_test(large_pictures_can_be_left),
    };
    return cmocka_run_group_tests(tests, set_up, scratch_remove);
}
