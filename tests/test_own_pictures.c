/* Blends of folders of pictures: resident or streamed, on the device or the host, cropped, mirrored, turned, by
 * every rule of [mix]. */
#include "base/streams.h"
#include "data/batches.h"
#include "picture_folders.h"
#include "test_choice.h"
#include <math.h>

enum { SIDE = 16, BATCH = 5, COUNT = 12, ROUNDS = 6 };

static device *opened;

static int set_up(void **state)
{
    quiet_scratch_make(state);
    must(device_open(&opened, test_choice(KERNELS_AUTO)));
    make_folder("large", COUNT, 20, 37, 3, 3);
    make_folder("small", COUNT, 5, 40, 2, 1);
    make_folder("other", COUNT, SIDE, SIDE, 0, 3);
    return 0;
}

static int tear_down(void **state)
{
    device_close(opened);
    return scratch_remove(state);
}

/* ---- Batches on the device, looked at on the host ---- */

typedef struct drawn {
    size_t values; /* of one source of one blend */
    int sources;
    float *blend, *truth;
} drawn;

static drawn drawn_new(const mixture *m, int batch)
{
    drawn d = {.values = image_values(m->format), .sources = m->sources};
    d.blend = calloc((size_t)batch * d.values, sizeof(float));
    d.truth = calloc((size_t)batch * d.values * (size_t)m->sources, sizeof(float));
    assert_true(d.blend && d.truth);
    return d;
}

static void drawn_free(drawn *d)
{
    free(d->blend);
    free(d->truth);
}

static void draw(batches *b, enum split split, uint64_t position, int batch, drawn *out)
{
    cl_mem blend, truth;
    size_t bytes = (size_t)batch * out->values * sizeof(float);
    must(buffer_new(opened, bytes, "blend", &blend));
    must(buffer_new(opened, bytes * (size_t)out->sources, "truth", &truth));
    must(batches_next(b, split, 7, STREAM_CHECK, position, batch, blend, truth));
    must(buffer_read(opened, blend, 0, out->blend, bytes));
    must(buffer_read(opened, truth, 0, out->truth, bytes * (size_t)out->sources));
    buffer_free(opened, &blend);
    buffer_free(opened, &truth);
}

static batches *open_batches(const settings *s, device *d, bool test)
{
    batches *b;
    must(batches_open(&b, d, &s->data, 1, test));
    return b;
}

static settings *keys(const char *sources, const char *data, const char *rest)
{
    char text[1024];
    snprintf(text, sizeof text, "[data]\nsources = %s\nsize = 16x16\n%s%s", sources, data, rest);
    return folder_settings(text);
}

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
            batches_draw((const int[]){4, COUNT}, 2, 7, STREAM_CHECK, (uint64_t)(round * BATCH + n),
                         numbers);
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

/* ---- Rules ---- */

/* A blend value from the truths, by the definition of a rule, in double. */
typedef double definition(const double values[], const double weights[]);

static double by_average(const double v[], const double w[])
{
    return w[0] * v[0] + w[1] * v[1];
}

static double by_screen(const double v[], const double w[])
{
    (void)w;
    return 1 - (1 - v[0]) * (1 - v[1]);
}

static double by_product(const double v[], const double w[])
{
    (void)w;
    return v[0] * v[1];
}

static double by_light(const double v[], const double w[])
{
    return pow(w[0] * pow(v[0], 2.2) + w[1] * pow(v[1], 2.2), 1 / 2.2);
}

static void follows(const char *mix, definition *rule, const double weights[2])
{
    settings *s = keys("large, other", "channels = 3\n", mix);
    batches *b = open_batches(s, opened, true);
    drawn d = drawn_new(batches_mixture(b), BATCH);
    draw(b, SPLIT_TEST, 11, BATCH, &d);
    for (size_t i = 0; i < BATCH * d.values; i++) {
        const float *truth = d.truth + i / 3 * 6 + i % 3;
        double wanted = rule((const double[]){truth[0], truth[3]}, weights);
        if (fabs(d.blend[i] - wanted) > 1e-5)
            fail_msg("%s: value %zu is %g rather than %g", mix, i, d.blend[i], wanted);
    }
    drawn_free(&d);
    batches_close(b);
    settings_free(s);
}

static void blends_follow_the_rule(void **state)
{
    (void)state;
    static const double equal[] = {0.5, 0.5}, other[] = {0.8, 0.2};
    follows("", by_average, equal);
    follows("[mix]\nweights = 0.8, 0.2\n", by_average, other);
    follows("[mix]\nkind = weights\nweights = 0.8, 0.2\n", by_average, other);
    follows("[mix]\nkind = weights\nweight = 0.8\n", by_average, other);
    follows("[mix]\nkind = screen\n", by_screen, equal);
    follows("[mix]\nkind = multiply\n", by_product, equal);
    follows("[mix]\ngamma = 2.2\n", by_light, equal);
    follows("[mix]\ngamma = 2.2\nweights = 0.8, 0.2\n", by_light, other);
}

/* The first source's weight in a blend, from its values: by least squares. The second has the rest. */
static double weight_of(const drawn *d, int n)
{
    double above = 0, below = 0;
    for (size_t i = (size_t)n * d->values; i < (size_t)(n + 1) * d->values; i++) {
        double a = d->truth[i / 3 * 6 + i % 3], b = d->truth[i / 3 * 6 + 3 + i % 3];
        above += (d->blend[i] - b) * (a - b);
        below += (a - b) * (a - b);
    }
    double weight = above / below;
    for (size_t i = (size_t)n * d->values; i < (size_t)(n + 1) * d->values; i++) {
        double a = d->truth[i / 3 * 6 + i % 3], b = d->truth[i / 3 * 6 + 3 + i % 3];
        assert_true(fabs(d->blend[i] - weight * a - (1 - weight) * b) < 1e-5);
    }
    return weight;
}

static void weights_are_drawn_for_each_blend(void **state)
{
    (void)state;
    settings *s =
        keys("large, other", "channels = 3\n", "[mix]\nkind = weights\nweight = 0.2 .. 0.9\n");
    batches *b = open_batches(s, opened, false);
    drawn d = drawn_new(batches_mixture(b), BATCH);
    double least = 1, most = 0;
    for (int round = 0; round < 10; round++) {
        draw(b, SPLIT_TRAIN, (uint64_t)(round * BATCH), BATCH, &d);
        for (int n = 0; n < BATCH; n++) {
            double weight = weight_of(&d, n);
            least = weight < least ? weight : least;
            most = weight > most ? weight : most;
        }
    }
    assert_true(least >= 0.2 - 1e-4 && least < 0.3 && most <= 0.9 + 1e-4 && most > 0.8);
    drawn_free(&d);
    batches_close(b);
    settings_free(s);
}

/* A folder of four pictures in one shade. */
static void make_shade(const char *name, unsigned char shade)
{
    static unsigned char pixels[64 * 64];
    memset(pixels, shade, sizeof pixels);
    must(directory_make(scratch_path(name)));
    for (int i = 0; i < 4; i++) {
        char file[64];
        snprintf(file, sizeof file, "%s/%d.png", name, i);
        must(image_write_png(scratch_path(file), 64, 64, 1, pixels));
    }
}

/* The weights of three add up to 1, so three of one shade give that shade, and none is always the heaviest. */
static void three_weights_are_shares(void **state)
{
    (void)state;
    make_shade("black", 0);
    make_shade("shade", 102);
    settings *alike = keys("shade, shade, shade", "names = a, b, c\nvalidation = 0\ntest = 0\n",
                           "[mix]\nkind = weights\nweight = 0.1 .. 0.8\n");
    settings *one = keys("shade, black, black", "names = a, b, c\nvalidation = 0\ntest = 0\n",
                         "[mix]\nkind = weights\nweight = 0.1 .. 0.8\n");
    batches *a = open_batches(alike, opened, false), *b = open_batches(one, opened, false);
    drawn d = drawn_new(batches_mixture(a), 64);
    float least = 1, most = 0;
    draw(a, SPLIT_TRAIN, 0, 64, &d);
    for (size_t i = 0; i < 64 * d.values; i++)
        assert_true(fabsf(d.blend[i] - 0.4f) < 1e-6f);
    draw(b, SPLIT_TRAIN, 0, 64, &d);
    for (size_t i = 0; i < 64 * d.values; i++) {
        least = fminf(least, d.blend[i] / 0.4f);
        most = fmaxf(most, d.blend[i] / 0.4f);
    }
    assert_true(least > 0.05f && least < 0.2f && most > 0.5f && most < 0.81f);
    drawn_free(&d);
    batches_close(a);
    batches_close(b);
    settings_free(alike);
    settings_free(one);
}

/* Mean and deviation of what noise adds to gray, which clips nothing. */
static void noise_is_normal(void **state)
{
    (void)state;
    make_shade("gray1", 127);
    make_shade("gray2", 127);
    settings *s = keys("gray1, gray2", "validation = 0\ntest = 0\n", "[mix]\nnoise = 0.05\n");
    batches *b = open_batches(s, opened, false);
    drawn d = drawn_new(batches_mixture(b), 64);
    draw(b, SPLIT_TRAIN, 0, 64, &d);
    double sum = 0, squares = 0, neighbours = 0, fourth = 0;
    size_t count = 64 * d.values;
    for (size_t i = 0; i < count; i++) {
        double noise = d.blend[i] - 127 / 255.0;
        sum += noise;
        squares += noise * noise;
        fourth += noise * noise * noise * noise;
        neighbours += i ? noise * (d.blend[i - 1] - 127 / 255.0) : 0;
    }
    double variance = squares / (double)count;
    assert_true(fabs(sum / (double)count) < 0.05 * 5 / sqrt((double)count));
    assert_true(fabs(variance / 0.0025 - 1) < 5 * sqrt(2.0 / (double)count));
    assert_true(fabs(neighbours / (double)count / 0.0025) < 5 / sqrt((double)count));
    assert_true(fabs(fourth / (double)count / (variance * variance) - 3) < 0.25);
    drawn_free(&d);
    batches_close(b);
    settings_free(s);
}

static void noise_is_clipped(void **state)
{
    (void)state;
    settings *s = keys("large, other", "channels = 3\n", "[mix]\nnoise = 1\n");
    batches *b = open_batches(s, opened, false);
    drawn d = drawn_new(batches_mixture(b), BATCH);
    size_t black = 0, white = 0;
    draw(b, SPLIT_TRAIN, 0, BATCH, &d);
    for (size_t i = 0; i < BATCH * d.values; i++) {
        assert_true(d.blend[i] >= 0 && d.blend[i] <= 1);
        black += d.blend[i] == 0;
        white += d.blend[i] == 1;
    }
    assert_true(black > BATCH * d.values / 10 && white > BATCH * d.values / 10);
    drawn_free(&d);
    batches_close(b);
    settings_free(s);
}

/* One source is as it is; what is absent changes no blend. */
static void clean_blends_are_one_source(void **state)
{
    (void)state;
    static const char *const mixes[] = {"clean = 0.5\n", "clean = 0.5\nkind = multiply\n",
                                        "clean = 0.5\nkind = weights\ngamma = 2.2\n"};
    for (int i = 0; i < 3; i++) {
        char mix[128];
        int alone[3] = {0};
        snprintf(mix, sizeof mix, "[mix]\n%s", mixes[i]);
        settings *s = keys("large, other", "channels = 3\n", mix);
        batches *b = open_batches(s, opened, false);
        drawn d = drawn_new(batches_mixture(b), BATCH);
        for (int round = 0; round < 8; round++) {
            uint64_t position = (uint64_t)(round * BATCH);
            draw(b, SPLIT_TRAIN, position, BATCH, &d);
            for (int n = 0; n < BATCH; n++) {
                int k =
                    batches_lone_source(b, SPLIT_TRAIN, 7, STREAM_CHECK, position + (uint64_t)n);
                alone[k + 1]++;
                for (size_t v = (size_t)n * d.values; k >= 0 && v < (size_t)(n + 1) * d.values;
                     v++) {
                    const float *truth = d.truth + v / 3 * 6 + v % 3;
                    assert_true(d.blend[v] == truth[3 * k]);
                    assert_true(truth[3 - 3 * k] == (i == 1 ? 1 : 0));
                }
            }
        }
        for (int k = 0; k < 3; k++)
            assert_true(alone[k] > 3);
        drawn_free(&d);
        batches_close(b);
        settings_free(s);
    }
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
        cmocka_unit_test(idx_and_folder_go_together),
        cmocka_unit_test(windows_are_cropped_anywhere),
        cmocka_unit_test(turning_mirrors_nothing),
        cmocka_unit_test(validation_looks_at_a_grid),
        cmocka_unit_test(padding_is_a_border),
        cmocka_unit_test(blends_follow_the_rule),
        cmocka_unit_test(weights_are_drawn_for_each_blend),
        cmocka_unit_test(three_weights_are_shares),
        cmocka_unit_test(noise_is_normal),
        cmocka_unit_test(noise_is_clipped),
        cmocka_unit_test(clean_blends_are_one_source),
        cmocka_unit_test(vanished_files_are_replaced),
        cmocka_unit_test(too_little_memory_is_said),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
