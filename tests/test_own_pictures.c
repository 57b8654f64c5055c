/* Blends of folders of pictures: resident or streamed, on the device or the host, cropped, padded, mirrored,
 * turned. */
#include "drawn_pictures.h"
#include "folder_batches.h"
#include <math.h>

enum { ROUNDS = 6 };

/* ---- Streamed as resident, the host as the device ---- */

/* The calls of a training with validation in between, and jumps. */
static const struct {
    enum split split;
    uint64_t position;
    int batch;
} calls[] = {{SPLIT_TRAIN, 0, BATCH},
             {SPLIT_TRAIN, BATCH, BATCH},
             {SPLIT_TRAIN, 2 * BATCH, BATCH},
             {SPLIT_VALIDATION, 0, BATCH},
             {SPLIT_VALIDATION, BATCH, BATCH},
             {SPLIT_TRAIN, 3 * BATCH, BATCH},
             {SPLIT_TRAIN, 3 * BATCH, BATCH},
             {SPLIT_TRAIN, 4 * BATCH, BATCH},
             {SPLIT_TRAIN, 1000000000000, 3},
             {SPLIT_TRAIN, 1000000000003, 3},
             {SPLIT_TRAIN, 0, 3},
             {SPLIT_TRAIN, 3, 3}, /* round the ring */
             {SPLIT_TRAIN, 6, 3},
             {SPLIT_TRAIN, 9, 3},
             {SPLIT_TRAIN, 12, 3},
             {SPLIT_TRAIN, 15, 3},
             {SPLIT_TRAIN, 18, 3},
             {SPLIT_VALIDATION, 21, 3}};
enum { CALLS = sizeof calls / sizeof *calls };

static void is_like_host(const batches *host, int call, const drawn *device)
{
    const mixture *m = batches_mixture(host);
    drawn one = drawn_new(m, 1);
    for (int n = 0; n < calls[call].batch; n++) {
        must(batches_blend(host, calls[call].split, 7, STREAM_CHECK,
                           calls[call].position + (uint64_t)n, one.blend, one.truth));
        const float *blend = device->blend + (size_t)n * one.values;
        const float *truth = device->truth + (size_t)n * one.values * (size_t)one.sources;
        assert_memory_equal(truth, one.truth, one.values * (size_t)one.sources * sizeof(float));
        for (size_t i = 0; i < one.values; i++)
            if (!(fabsf(blend[i] - one.blend[i]) < 1e-5f))
                fail_msg("value %zu of blend %d, call %d: %g on the device, %g on the host", i, n,
                         call, blend[i], one.blend[i]);
    }
    drawn_free(&one);
}

static void all_ways_agree(const char *sources, const char *data, const char *rest)
{
    char large[512], small[640];
    snprintf(large, sizeof large, "validation = 0.5\n%s", data);
    snprintf(small, sizeof small, "memory = 1\ncache = none\ncache_limit = 0\n%s", large);
    settings *whole = keys(sources, large, rest), *bit = keys(sources, small, rest);
    batches *resident = open_batches(whole, opened, false),
            *host = open_batches(whole, NULL, false);
    batches *streamed = open_batches(bit, opened, false);
    assert_ptr_equal(resident->kind, &resident_kind);
    assert_ptr_equal(streamed->kind, &streamed_kind);
    drawn a = drawn_new(batches_mixture(resident), BATCH),
          b = drawn_new(batches_mixture(host), BATCH);
    for (int i = 0; i < CALLS; i++) {
        size_t bytes = (size_t)calls[i].batch * a.values * sizeof(float);
        draw(resident, calls[i].split, calls[i].position, calls[i].batch, &a);
        draw(streamed, calls[i].split, calls[i].position, calls[i].batch, &b);
        assert_memory_equal(a.blend, b.blend, bytes);
        assert_memory_equal(a.truth, b.truth, bytes * (size_t)a.sources);
        is_like_host(host, i, &a);
    }
    drawn_free(&a);
    drawn_free(&b);
    batches_close(resident);
    batches_close(streamed);
    batches_close(host);
    settings_free(whole);
    settings_free(bit);
}

static void streamed_is_resident_is_host(void **state)
{
    (void)state;
    static const char gray[] = "channels = 1\n", colour[] = "channels = 3\n";
    static const char varied[] =
        "channels = 3\nflip = true, false, true\nrotate = true, true, false\n";
    all_ways_agree("large, small", gray, "");
    all_ways_agree("large, small", "channels = 3\nfit = pad\nshift = 3\nflip = true, true\n", "");
    all_ways_agree("small, other", "channels = 3\nfit = resize\nshift = 2\nrotate = true, false\n",
                   "");
    all_ways_agree("large, small, other", varied, "");
    all_ways_agree("large, small, other", varied, "[mix]\nkind = weights\nclean = 0.4\n");
    all_ways_agree("large, other", colour, "[mix]\nkind = screen\ngamma = 2.2\n");
    all_ways_agree("large, other", colour, "[mix]\nkind = multiply\nclean = 0.4\n");
    all_ways_agree("large, other", gray, "[mix]\nweights = 0.8, 0.2\nnoise = 0.1\ngamma = 0.5\n");
}

/* The number of the picture of "other" that a truth shows. */
static int find_other(const float *truth, int sources)
{
    for (int p = 0; p < COUNT; p++) {
        bool same = true;
        for (int i = 0; i < SIDE * SIDE && same; i++)
            for (int c = 0; c < 3; c++)
                same &=
                    truth[i * sources * 3 + c] == picture_value(p, i / SIDE, i % SIDE, c) / 255.0f;
        if (same)
            return p;
    }
    fail_msg("a truth shows no picture");
    return -1;
}

/* However many sources are one set, a blend has no picture twice, and all are met. */
static void one_set_gives_different_pictures(void **state)
{
    (void)state;
    static const char *const sources[] = {"other, other", "other, large, other",
                                          "other, other, other, other"};
    assert_int_equal(symlink("other", scratch_path("alias")), 0);
    for (int i = 0; i < 4; i++) {
        char names[64];
        bool alias = i == 3;
        snprintf(names, sizeof names, "channels = 3\nnames = %s\nvalidation = 0\ntest = 0\n",
                 i == 0 || alias ? "a, b"
                 : i == 1        ? "a, b, c"
                                 : "a, b, c, d");
        settings *s = keys(alias ? "other, alias" : sources[i], names, "");
        batches *b = open_batches(s, opened, false), *host = open_batches(s, NULL, false);
        drawn d = drawn_new(batches_mixture(b), BATCH);
        int met[COUNT] = {0}, all = 0;
        for (int round = 0; round < 12; round++) {
            draw(b, SPLIT_TRAIN, (uint64_t)(round * BATCH), BATCH, &d);
            for (int n = 0; n < BATCH; n++) {
                int in_blend[COUNT] = {0};
                for (int k = 0; k < d.sources; k++) {
                    if (i == 1 && k == 1)
                        continue;
                    int p = find_other(d.truth + (size_t)n * d.values * (size_t)d.sources + k * 3,
                                       d.sources);
                    met[p]++;
                    assert_int_equal(in_blend[p]++, 0);
                }
            }
        }
        draw(b, SPLIT_TRAIN, 0, BATCH, &d);
        is_like_host(host, 0, &d);
        for (int p = 0; p < COUNT; p++)
            all += met[p] > 0;
        assert_int_equal(all, COUNT);
        drawn_free(&d);
        batches_close(b);
        batches_close(host);
        settings_free(s);
    }
}

/* Two sources that are one IDX set hold out the same pictures. */
static void one_set_is_held_out_once(void **state)
{
    (void)state;
    settings *s = NULL;
    const char *const overrides[] = {"data.directory=tests/sample", "data.sources=mnist, mnist",
                                     "data.names=a, b"};
    must(settings_load(&s, NULL, overrides, 3));
    batches *b = open_batches(s, NULL, false);
    for (int i = 0; i < b->sources[0].count; i++)
        assert_int_equal(b->sources[0].order[i], b->sources[1].order[i]);
    batches_close(b);
    settings_free(s);
}

/* A set in IDX files beside a folder. */
static void idx_and_folder_go_together(void **state)
{
    (void)state;
    char sources[1024], here[512];
    assert_non_null(getcwd(here, sizeof here));
    snprintf(sources, sizeof sources, "\"%s/tests/sample/mnist\", large", here);
    char text[2048];
    snprintf(text, sizeof text, "[data]\nsources = %s\nsize = 32x32\nshift = 2\n", sources);
    settings *s = folder_settings(text);
    batches *b = open_batches(s, opened, false), *host = open_batches(s, NULL, false);
    drawn a = drawn_new(batches_mixture(b), BATCH);
    assert_int_equal(batches_count(b, SPLIT_TRAIN, 0), 1600);
    assert_true(batches_count(b, SPLIT_TRAIN, 1) < COUNT);
    draw(b, SPLIT_TRAIN, 0, BATCH, &a);
    is_like_host(host, 0, &a);
    drawn_free(&a);
    batches_close(b);
    batches_close(host);
    settings_free(s);
}

/* ---- Windows ---- */

/* Which picture of the folder "large" (3 channels) a window is of, where, mirrored, and how often turned. */
typedef struct found {
    int picture, top, left, mirrored, turns;
} found;

static bool is_window(const float *values, int sources, found f)
{
    int height = 20 + 3 * f.picture, width = 37 + 3 * f.picture;
    if (f.top + SIDE > height || f.left + SIDE > width)
        return false;
    for (int y = 0; y < SIDE; y++)
        for (int x = 0; x < SIDE; x++) {
            int i = y, j = x;
            if (f.mirrored)
                j = SIDE - 1 - j;
            for (int t = 0; t < f.turns; t++) {
                int before = i;
                i = j;
                j = SIDE - 1 - before;
            }
            for (int c = 0; c < 3; c++)
                if (values[(y * SIDE + x) * sources * 3 + c] !=
                    picture_value(f.picture, f.top + i, f.left + j, c) / 255.0f)
                    return false;
        }
    return true;
}

static found find_window(const float *values, int sources)
{
    found f;
    for (f.picture = 0; f.picture < COUNT; f.picture++)
        for (f.top = 0; f.top <= 20 + 3 * f.picture - SIDE; f.top++)
            for (f.left = 0; f.left <= 37 + 3 * f.picture - SIDE; f.left++)
                for (f.mirrored = 0; f.mirrored < 2; f.mirrored++)
                    for (f.turns = 0; f.turns < 4; f.turns++)
                        if (is_window(values, sources, f))
                            return f;
    fail_msg("a window is of no picture");
    return f;
}

static void windows_are_cropped_anywhere(void **state)
{
    (void)state;
    settings *s =
        keys("large, other", "channels = 3\nflip = true, false\nrotate = true, false\n", "");
    batches *b = open_batches(s, opened, false);
    drawn d = drawn_new(batches_mixture(b), BATCH);
    int tops[60] = {0}, lefts[80] = {0}, ways[2][4] = {{0}}, rows = 0, columns = 0, lowest = 0,
        rightmost = 0;
    for (int round = 0; round < 16; round++) {
        draw(b, SPLIT_TRAIN, (uint64_t)(round * BATCH), BATCH, &d);
        for (int n = 0; n < BATCH; n++) {
            found f = find_window(d.truth + (size_t)n * d.values * 2, 2);
            tops[f.top]++;
            lefts[f.left]++;
            lowest += f.top + SIDE == 20 + 3 * f.picture;
            rightmost += f.left + SIDE == 37 + 3 * f.picture;
            ways[f.mirrored][f.turns]++;
        }
    }
    for (int i = 0; i < 60; i++)
        rows += tops[i] > 0;
    for (int i = 0; i < 80; i++)
        columns += lefts[i] > 0;
    assert_true(lowest > 0 && rightmost > 0); /* at the edges */
    assert_true(rows > 12 && columns > 18);   /* of up to 38 and 55 */
    for (int i = 0; i < 8; i++)
        assert_true(ways[i / 4][i % 4] > 0);
    drawn_free(&d);
    batches_close(b);
    settings_free(s);
}

/* Writing is never seen in a mirror unless that is asked for. */
static void turning_mirrors_nothing(void **state)
{
    (void)state;
    settings *s = keys("large, other", "channels = 3\nrotate = true, false\n", "");
    batches *b = open_batches(s, opened, false);
    drawn d = drawn_new(batches_mixture(b), BATCH);
    int turns[4] = {0};
    for (int round = 0; round < ROUNDS; round++) {
        draw(b, SPLIT_TRAIN, (uint64_t)(round * BATCH), BATCH, &d);
        for (int n = 0; n < BATCH; n++) {
            found f = find_window(d.truth + (size_t)n * d.values * 2, 2);
            assert_false(f.mirrored);
            turns[f.turns]++;
        }
    }
    for (int i = 0; i < 4; i++)
        assert_true(turns[i] > 0);
    drawn_free(&d);
    batches_close(b);
    settings_free(s);
}

/* In the middle of a picture of 53 x 70 there are 3 x 4 windows of 16 x 16. */
static void validation_looks_at_a_grid(void **state)
{
    (void)state;
    settings *s = keys("large, other", "channels = 3\nvalidation = 0.5\nflip = true, true\n", "");
    batches *b = open_batches(s, opened, false);
    drawn d = drawn_new(batches_mixture(b), BATCH);
    int places = 0, seen[200] = {0};
    for (int round = 0; round < 16; round++) {
        draw(b, SPLIT_VALIDATION, (uint64_t)(round * BATCH), BATCH, &d);
        for (int n = 0; n < BATCH; n++) {
            found f = find_window(d.truth + (size_t)n * d.values * 2, 2);
            int height = 20 + 3 * f.picture, width = 37 + 3 * f.picture;
            assert_int_equal((f.top - (height % SIDE) / 2) % SIDE, 0);
            assert_int_equal((f.left - (width % SIDE) / 2) % SIDE, 0);
            assert_true(!f.mirrored && !f.turns);
            int place = f.picture * 16 + f.top / SIDE * 4 + f.left / SIDE;
            places += !seen[place]++;
        }
    }
    assert_true(places > 10);
    drawn_free(&d);
    batches_close(b);
    settings_free(s);
}

/* Smaller pictures lie in the middle; a border that cannot be equal is wider right and below. */
static void padding_is_a_border(void **state)
{
    (void)state;
    make_folder("tiny", 4, 5, 2, 3, 1);
    settings *s = keys("tiny, other", "fit = pad\nvalidation = 0\ntest = 0\n", "");
    batches *b = open_batches(s, opened, false);
    drawn d = drawn_new(batches_mixture(b), BATCH);
    int met[4] = {0};
    assert_int_equal(batches_mixture(b)->inner_height, SIDE); /* of "other" */
    for (int round = 0; round < 4; round++) {
        int numbers[SOURCES_MAX];
        draw(b, SPLIT_TRAIN, (uint64_t)(round * BATCH), BATCH, &d);
        for (int n = 0; n < BATCH; n++) {
            drawn_pictures((const int[]){4, COUNT}, 2, 7, STREAM_CHECK,
                           (uint64_t)(round * BATCH + n), numbers);
            int p = numbers[0], height = 5 + 3 * p, width = 2 + 3 * p;
            int top = (SIDE - height) / 2, left = (SIDE - width) / 2;
            met[p]++;
            for (int i = 0; i < SIDE * SIDE; i++) {
                int y = i / SIDE - top, x = i % SIDE - left;
                bool inside = y >= 0 && y < height && x >= 0 && x < width;
                assert_true(d.truth[((size_t)n * d.values + (size_t)i) * 2] ==
                            (inside ? picture_value(p, y, x, 0) / 255.0f : 0));
            }
        }
    }
    for (int p = 0; p < 4; p++)
        assert_true(met[p] > 0);
    drawn_free(&d);
    batches_close(b);
    settings_free(s);
}

/* ---- Trouble ---- */

static void vanished_files_are_replaced(void **state)
{
    (void)state;
    const char *folder = make_folder("fleeting", COUNT, 20, 20, 1, 1);
    char path[1200];
    settings *s =
        keys("fleeting, other", "validation = 0\ntest = 0\nmemory = 1\ncache_limit = 0\n", "");
    batches *b = open_batches(s, opened, false);
    drawn d = drawn_new(batches_mixture(b), BATCH);
    draw(b, SPLIT_TRAIN, 0, BATCH, &d);
    for (int i = 0; i < COUNT; i++) {
        snprintf(path, sizeof path, "%s/%03d.png", folder, i);
        if (i % 3 == 0)
            assert_int_equal(unlink(path), 0);
        else if (i % 3 == 1)
            assert_int_equal(truncate(path, 60), 0);
    }
    for (int i = 1; i < ROUNDS; i++)
        draw(b, SPLIT_TRAIN, (uint64_t)(i * BATCH), BATCH, &d);
    for (int i = 2; i < COUNT; i += 3) {
        snprintf(path, sizeof path, "%s/%03d.png", folder, i);
        assert_int_equal(unlink(path), 0);
    }
    cl_mem blend, truth;
    must(buffer_new(opened, BATCH * d.values * sizeof(float), "blend", &blend));
    must(buffer_new(opened, BATCH * d.values * 2 * sizeof(float), "truth", &truth));
    int result = 0;
    for (int i = 0; i < ROUNDS && !result; i++)
        result = batches_next(b, SPLIT_TRAIN, 7, STREAM_CHECK, (uint64_t)(i * BATCH), BATCH, blend,
                              truth);
    assert_int_equal(result, -1);
    assert_error(STATUS_DATA, "source fleeting", "can be read any more");
    buffer_free(opened, &blend);
    buffer_free(opened, &truth);
    drawn_free(&d);
    batches_close(b);
    settings_free(s);
}

static void too_little_memory_is_said(void **state)
{
    (void)state;
    settings *s = folder_settings("[data]\nsources = large, other\nsize = 256x256\nmemory = 1\n");
    batches *b = open_batches(s, opened, false);
    cl_mem blend;
    must(buffer_new(opened, (size_t)32 * 256 * 256 * 2 * sizeof(float), "blend", &blend));
    assert_int_equal(batches_next(b, SPLIT_TRAIN, 7, STREAM_CHECK, 0, 32, blend, blend), -1);
    assert_error(STATUS_MEMORY, "2 batches of 4.0 MiB",
                 "raise it, or lower train.batch or data.size");
    assert_int_equal(batches_next(b, SPLIT_TRAIN, 7, STREAM_CHECK, 0, 3, blend, blend), 0);
    must(device_finish(opened));
    buffer_free(opened, &blend);
    batches_close(b);
    settings_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(streamed_is_resident_is_host),
        cmocka_unit_test(one_set_gives_different_pictures),
        cmocka_unit_test(one_set_is_held_out_once),
        cmocka_unit_test(idx_and_folder_go_together),
        cmocka_unit_test(windows_are_cropped_anywhere),
        cmocka_unit_test(turning_mirrors_nothing),
        cmocka_unit_test(validation_looks_at_a_grid),
        cmocka_unit_test(padding_is_a_border),
        cmocka_unit_test(vanished_files_are_replaced),
        cmocka_unit_test(too_little_memory_is_said),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
