/* How sources become a blend: each rule of [mix] against its formula in double, drawn weights, noise, clean
 * blends. */
#include "folder_batches.h"
#include <math.h>

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blends_follow_the_rule),
        cmocka_unit_test(weights_are_drawn_for_each_blend),
        cmocka_unit_test(three_weights_are_shares),
        cmocka_unit_test(noise_is_normal),
        cmocka_unit_test(noise_is_clipped),
        cmocka_unit_test(clean_blends_are_one_source),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
