/* PSNR and SSIM: the plain C against known values, the kernel against the plain C, and what the
 * evaluator makes of a model. */
#include "scratch.h"
#include "tiny_model.h"
#include "two_sources.h"

#include "base/log.h"
#include "base/streams.h"
#include "check/image_scores.h"
#include "evaluate/evaluate.h"
#include "evaluate/ssim.h"
#include "image/scores.h"
#include "models/trained.h"
#include <math.h>

#include "fixtures/scikit_image.h" /* needs image/format.h */

enum { PIXELS = 32 * 32 };

static const struct image_format square = {32, 32, 1};

static void assert_near(double value, double expected, double tolerance)
{
    if (!(fabs(value - expected) <= tolerance))
        fail_msg("%.12g should be %.12g, within %g", value, expected, tolerance);
}

/* A pattern that other programs can make too. */
static void fill(float *image, int count, int factor, int offset, int modulus)
{
    for (int i = 0; i < count; i++)
        image[i] = (float)((i * factor + offset) % modulus) / 255;
}

static void psnr_is_in_decibels(void **state)
{
    (void)state;
    assert_near(image_psnr(1), 0, 0);
    assert_near(image_psnr(0.01), 20, 1e-12);
    assert_near(image_psnr(0.0005), 33.010299956639813, 1e-12);
    assert_near(image_psnr(0), PSNR_MOST, 0);
    assert_near(image_psnr(1e-12), PSNR_MOST, 0);
    assert_true(isnan(image_psnr(NAN)));
}

/* The three numbers were computed with NumPy, by convolution. */
static void plain_ssim_is_right(void **state)
{
    (void)state;
    float x[PIXELS], y[PIXELS];
    fill(x, PIXELS, 37, 0, 256);
    fill(y, PIXELS, 61, 11, 200);
    assert_near(reference_ssim(square, 1, x, x), 1, 1e-14);
    assert_near(reference_ssim(square, 1, x, y), 0.003618921701848627, 1e-7);
    for (int i = 0; i < PIXELS; i++)
        y[i] = 0.5f * x[i] + 0.25f * y[i];
    assert_near(reference_ssim(square, 1, x, y), 0.7277626271352492, 1e-7);
    fill(x, 13 * 17, 5, 0, 256);
    fill(y, 13 * 17, 7, 11, 200);
    assert_near(reference_ssim((struct image_format){13, 17, 1}, 1, x, y), -0.4489593092258377,
                1e-7);
}

/* The numbers are another program's, which weighs rows and columns one after the other. */
static void plain_scores_of_colour(void **state)
{
    (void)state;
    enum { VALUES = 13 * 17 * 3, OTHERS = 2 };
    const struct image_format colour = {13, 17, 3};
    static float x[VALUES], y[VALUES], wide_x[VALUES * OTHERS], wide_y[VALUES * OTHERS];
    fill(x, VALUES, 5, 0, 256);
    fill(y, VALUES, 7, 11, 200);
    assert_near(reference_ssim(colour, 3, x, y), 0.034565982473724964, 1e-7);
    assert_near(reference_mse(colour, 3, x, y), 0.14304110145561377, 1e-7);
    /* The same as the second of two sources, the first being no number. */
    for (int i = 0; i < VALUES * OTHERS; i++) {
        bool second = i % 6 >= 3;
        wide_x[i] = second ? x[i / 6 * 3 + i % 3] : NAN;
        wide_y[i] = second ? y[i / 6 * 3 + i % 3] : NAN;
    }
    assert_near(reference_ssim(colour, 6, wide_x + 3, wide_y + 3), reference_ssim(colour, 3, x, y),
                0);
    assert_near(reference_mse(colour, 6, wide_x + 3, wide_y + 3), reference_mse(colour, 3, x, y),
                0);
}

/* Without variance only the means count. */
static void plain_ssim_of_even_images(void **state)
{
    (void)state;
    float x[PIXELS], y[PIXELS];
    for (int i = 0; i < PIXELS; i++) {
        x[i] = 0.25f;
        y[i] = 0.75f;
    }
    assert_near(reference_ssim(square, 1, x, y), (0.375 + 1e-4) / (0.625 + 1e-4), 1e-12);
}

/* ---- On the device ---- */

/* Images that are unlike, alike, equal, black, and white. */
enum { IMAGES = 5 };

static void make_images(float x[IMAGES][PIXELS], float y[IMAGES][PIXELS])
{
    fill(x[0], PIXELS, 37, 0, 256);
    fill(y[0], PIXELS, 61, 11, 200);
    for (int i = 0; i < PIXELS; i++) {
        x[1][i] = x[2][i] = y[2][i] = x[0][i];
        y[1][i] = 0.9f * x[0][i] + 0.1f * y[0][i];
        x[3][i] = y[3][i] = 0;
        x[4][i] = 1;
        y[4][i] = 1 - 0.02f * y[0][i];
    }
}

static device *open_any(void)
{
    settings *s;
    device *d;
    assert_int_equal(settings_load(&s, NULL, NULL, 0), 0);
    assert_int_equal(open_device(&d, &s->device), 0);
    settings_free(s);
    return d;
}

/* Single precision costs most where bright areas hardly vary: variances are small differences. */
static void kernel_matches_plain_ssim(void **state)
{
    (void)state;
    static float x[IMAGES][PIXELS], y[IMAGES][PIXELS];
    device *d = open_any();
    ssim *similarity;
    cl_mem buffers[2];
    make_images(x, y);
    assert_int_equal(ssim_new(&similarity, d, square, 1, IMAGES), 0);
    assert_int_equal(buffer_new(d, sizeof x, "x", &buffers[0]), 0);
    assert_int_equal(buffer_new(d, sizeof y, "y", &buffers[1]), 0);
    double expected = 0, before = 0;
    for (int i = 0; i < IMAGES; i++) {
        /* One more image each time: what it adds is its own similarity. */
        double sum = 0, own = reference_ssim(square, 1, x[i], y[i]);
        assert_int_equal(buffer_write(d, buffers[0], 0, x, sizeof x), 0);
        assert_int_equal(buffer_write(d, buffers[1], 0, y, sizeof y), 0);
        assert_int_equal(ssim_add(similarity, buffers[0], buffers[1], i + 1, NULL, &sum), 0);
        assert_near(sum - before, own, 1e-4);
        expected += own;
        assert_near(sum, expected, 1e-4);
        before = sum;
    }
    buffer_free(d, &buffers[0]);
    buffer_free(d, &buffers[1]);
    ssim_free(similarity);
    device_close(d);
}

static cl_mem buffer_of(device *d, const float *values, size_t count)
{
    cl_mem buffer;
    assert_int_equal(buffer_new(d, count * sizeof *values, "values", &buffer), 0);
    assert_int_equal(buffer_write(d, buffer, 0, values, count * sizeof *values), 0);
    return buffer;
}

/* Any number of sources and channels, side by side in one tensor; sides from the smallest on. */
static void kernel_takes_any_format(void **state)
{
    (void)state;
    static const struct {
        struct image_format format;
        int sources, images;
    } cases[] = {{{11, 11, 1}, 1, 1}, {{11, 19, 1}, 2, 3}, {{48, 40, 3}, 3, 2},
                 {{29, 11, 3}, 1, 4}, {{13, 37, 3}, 4, 3}, {{70, 131, 1}, 3, 1}};
    device *d = open_any();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct image_format format = cases[i].format;
        int sources = cases[i].sources, stride = sources * format.channels;
        size_t count = image_values(format) * (size_t)sources, all = count * cases[i].images;
        float *x = malloc(all * sizeof *x), *y = malloc(all * sizeof *y);
        double sums[SOURCES_MAX] = {0, 0, 0, 0}, expected[SOURCES_MAX] = {0};
        ssim *similarity;
        fill(x, (int)all, 7, 3, 251);
        for (size_t p = 0; p < all; p++) /* every channel differs from x by its own measure */
            y[p] = x[p] + 0.02f * (float)(p % (size_t)stride) * (float)(p * 61 % 199) / 199;
        cl_mem on_device[] = {buffer_of(d, x, all), buffer_of(d, y, all)};
        assert_int_equal(ssim_new(&similarity, d, format, sources, cases[i].images), 0);
        assert_int_equal(
            ssim_add(similarity, on_device[0], on_device[1], cases[i].images, NULL, sums), 0);
        for (int n = 0; n < cases[i].images; n++)
            for (int k = 0; k < sources; k++) {
                size_t at = (size_t)n * count + (size_t)(k * format.channels);
                expected[k] += reference_ssim(format, stride, x + at, y + at);
            }
        for (int k = 0; k < sources; k++)
            assert_near(sums[k], expected[k], 1e-5 * cases[i].images);
        ssim_free(similarity);
        buffer_free(d, &on_device[0]);
        buffer_free(d, &on_device[1]);
        free(x);
        free(y);
    }
    device_close(d);
}

/* No window fits: no number, rather than 0 or a failure. */
static void small_images_have_no_ssim(void **state)
{
    (void)state;
    static const struct image_format small[] = {{10, 32, 1}, {32, 10, 3}, {1, 1, 1}};
    static const float values[32 * 10 * 3 * 2];
    device *d = open_any();
    cl_mem buffer = buffer_of(d, values, sizeof values / sizeof *values);
    for (size_t i = 0; i < sizeof small / sizeof *small; i++) {
        double sums[2] = {0, 0};
        ssim *similarity;
        assert_int_equal(ssim_new(&similarity, d, small[i], 2, 1), 0);
        assert_int_equal(ssim_add(similarity, buffer, buffer, 1, NULL, sums), 0);
        assert_true(isnan(sums[0]) && isnan(sums[1]));
        ssim_free(similarity);
    }
    buffer_free(d, &buffer);
    device_close(d);
}

/* ---- The evaluator ---- */

enum { BATCH = 4, SAMPLES = 10 }; /* the last batch is not full */

/* The mean squared error of one image, from the kernel. */
static double error_on_device(device *d, cl_mem x, cl_mem y, struct image_format f)
{
    float sum;
    cl_mem errors;
    kernel *k = kernel_get(d, "image_error", "", "image_error");
    assert_non_null(k);
    assert_int_equal(buffer_new(d, sizeof sum, "errors", &errors), 0);
    assert_int_equal(LAUNCH(d, k, range_flat(1), ARG(x), ARG(y), ARG(errors), ARG((int)1),
                            ARG(f.height * f.width), ARG((int)1), ARG(f.channels)),
                     0);
    assert_int_equal(buffer_read(d, errors, 0, &sum, sizeof sum), 0);
    buffer_free(d, &errors);
    return sum / (double)image_values(f);
}

static void scores_are_those_of_scikit_image(void **state)
{
    (void)state;
    device *d = open_any();
    for (size_t i = 0; i < sizeof scikit_image / sizeof *scikit_image; i++) {
        struct image_format f = scikit_image[i].format;
        size_t count = image_values(f), row = (size_t)(f.width * f.channels);
        float *x = malloc(count * sizeof *x), *y = malloc(count * sizeof *y);
        double sum = 0;
        ssim *similarity;
        for (size_t p = 0; p < count; p++) { /* as tools/make-score-fixture makes them */
            size_t value = (p * 73 + p / row * (p % 11) * 5) % 256;
            x[p] = (float)value / 255;
            y[p] = (float)((value * 9 + p * 29 % 256) / 10) / 255;
        }
        cl_mem on_device[] = {buffer_of(d, x, count), buffer_of(d, y, count)};
        assert_int_equal(ssim_new(&similarity, d, f, 1, 1), 0);
        assert_int_equal(ssim_add(similarity, on_device[0], on_device[1], 1, NULL, &sum), 0);
        double mse = error_on_device(d, on_device[0], on_device[1], f);
        assert_near(sum, scikit_image[i].ssim, 1e-5);
        assert_near(mse, scikit_image[i].mse, 2e-5 * scikit_image[i].mse);
        assert_near(image_psnr(mse), scikit_image[i].psnr, 1e-4);
        ssim_free(similarity);
        for (int k = 0; k < 2; k++)
            buffer_free(d, &on_device[k]);
        free(x);
        free(y);
    }
    device_close(d);
}

/* The same from outputs and truths on the host. */
static void score_on_host(network *n, batches *pairs, device *d, image_scores *out)
{
    static float found[BATCH * PIXELS], truth[BATCH * PIXELS];
    cl_mem truths;
    *out = (image_scores){0};
    assert_int_equal(buffer_new(d, SOURCES * sizeof truth, "truth", &truths), 0);
    for (int i = 0; i < SAMPLES * SOURCES; i++) {
        int sample = i / SOURCES, k = i % SOURCES;
        assert_int_equal(batches_next(pairs, SPLIT_TEST, 3, STREAM_EVALUATE, 7 + (uint64_t)sample,
                                      BATCH, n->input->data, truths),
                         0);
        assert_int_equal(plan_forward(n->plan), 0);
        assert_int_equal(read_one_source(d, n->output->data, k, found, BATCH * PIXELS), 0);
        assert_int_equal(read_one_source(d, truths, k, truth, BATCH * PIXELS), 0);
        int alone =
            batches_lone_source(pairs, SPLIT_TEST, 3, STREAM_EVALUATE, 7 + (uint64_t)sample);
        if (alone >= 0 && alone != k)
            continue;
        double mse = reference_mse(square, 1, found, truth);
        out->images[k]++;
        out->mse[k] += mse;
        out->psnr[k] += 10 * log10(1 / mse);
        out->ssim[k] += reference_ssim(square, 1, found, truth);
    }
    for (int k = 0; k < SOURCES; k++) {
        out->mse[k] /= (double)out->images[k];
        out->psnr[k] /= (double)out->images[k];
        out->ssim[k] /= (double)out->images[k];
    }
    buffer_free(d, &truths);
}

static void score_a_model(bool clean)
{
    static const char *const sample[] = {"data.directory=tests/sample"};
    model_file m;
    device *d;
    trained t;
    batches *pairs;
    evaluator *e;
    image_scores scores, expected;
    double mse[SOURCES];
    const char *path = scratch_path("tiny.safetensors");
    assert_int_equal(tiny_model_save(path), 0);
    assert_int_equal(model_open(path, sample, 1, &m), 0);
    assert_int_equal(open_device(&d, &m.settings->device), 0);
    m.settings->data.mix.only_clean = clean;
    assert_int_equal(batches_open(&pairs, d, &m.settings->data, 1, true), 0);
    assert_int_equal(trained_open(&t, d, m.settings, m.tensors, path, BATCH, NETWORK_INFER), 0);
    assert_int_equal(evaluator_new(&e, t.network, pairs), 0);
    score_on_host(t.network, pairs, d, &expected);
    assert_int_equal(evaluator_scores(e, SPLIT_TEST, 3, STREAM_EVALUATE, 7, SAMPLES, &scores), 0);
    assert_int_equal(evaluator_run(e, SPLIT_TEST, 3, STREAM_EVALUATE, 7, SAMPLES, mse), 0);
    for (int k = 0; k < SOURCES; k++) {
        assert_near(scores.mse[k], expected.mse[k], 1e-5 * expected.mse[k]);
        assert_near(scores.psnr[k], expected.psnr[k], 1e-5);
        assert_near(scores.ssim[k], expected.ssim[k], 1e-5);
        assert_near(scores.mse[k], mse[k], 0);
        assert_int_equal(scores.images[k], expected.images[k]);
        assert_true(clean ? scores.images[k] < SAMPLES : scores.images[k] == SAMPLES);
    }
    evaluator_free(e);
    trained_close(&t);
    batches_close(pairs);
    device_close(d);
    model_close(&m);
}

static void evaluator_scores_a_model(void **state)
{
    (void)state;
    score_a_model(false);
}

static void of_clean_pictures_one_output_counts(void **state)
{
    (void)state;
    score_a_model(true);
}

/* ---- Of pictures of any size ---- */

static struct image picture_of(int height, int width, int channels, int depth, int factor)
{
    struct image p;
    assert_int_equal(image_new_deep(&p, width, height, channels, depth), 0);
    for (int i = 0; i < height * width * channels; i++)
        pixel_put(p.pixels, image_pixel_type(&p), (size_t)i,
                  (float)((i * factor + i / 7) % 251) / 250);
    return p;
}

static void floats_of(const struct image *p, float *values)
{
    for (int i = 0; i < p->height * p->width * p->channels; i++)
        values[i] = pixel_value(p->pixels, image_pixel_type(p), (size_t)i);
}

static void pictures_are_scored_as_defined(void **state)
{
    (void)state;
    static const int sides[][2] = {{11, 11}, {11, 30}, {31, 11}, {23, 37}, {12, 13}};
    static float x[40 * 40 * 3], y[40 * 40 * 3];
    for (size_t i = 0; i < 5; i++)
        for (int c = 1; c <= 3; c += 2)
            for (int kind = 0; kind < 4; kind++) {
                const struct image_format f = {sides[i][0], sides[i][1], c};
                struct image a = picture_of(f.height, f.width, c, kind & 1 ? 16 : 8, 37);
                struct image b = picture_of(f.height, f.width, c, kind & 2 ? 16 : 8, 38);
                double ssim;
                floats_of(&a, x);
                floats_of(&b, y);
                assert_int_equal(image_ssim(&a, &b, &ssim), 0);
                assert_near(ssim, reference_ssim(f, c, x, y), 1e-9);
                assert_near(image_mse(&a, &b), reference_mse(f, c, x, y), 1e-12);
                assert_int_equal(image_ssim(&a, &a, &ssim), 0);
                assert_near(ssim, 1, 1e-12);
                assert_near(image_mse(&b, &b), 0, 0);
                image_release(&a);
                image_release(&b);
            }
}

static void narrow_pictures_have_no_ssim(void **state)
{
    (void)state;
    static const int sides[][2] = {{1, 1}, {10, 40}, {40, 10}};
    for (size_t i = 0; i < 3; i++) {
        struct image a = picture_of(sides[i][0], sides[i][1], 1, 8, 37);
        double ssim = 0;
        assert_int_equal(image_ssim(&a, &a, &ssim), 0);
        assert_true(isnan(ssim));
        image_release(&a);
    }
}

static int set_up(void **state)
{
    log_set_level(LOG_QUIET);
    return scratch_make(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(psnr_is_in_decibels),
        cmocka_unit_test(plain_ssim_is_right),
        cmocka_unit_test(plain_scores_of_colour),
        cmocka_unit_test(plain_ssim_of_even_images),
        cmocka_unit_test(kernel_matches_plain_ssim),
        cmocka_unit_test(kernel_takes_any_format),
        cmocka_unit_test(small_images_have_no_ssim),
        cmocka_unit_test(pictures_are_scored_as_defined),
        cmocka_unit_test(narrow_pictures_have_no_ssim),
        cmocka_unit_test(evaluator_scores_a_model),
        cmocka_unit_test(scores_are_those_of_scikit_image),
        cmocka_unit_test(of_clean_pictures_one_output_counts),
    };
    return cmocka_run_group_tests_name("image scores", tests, set_up, scratch_remove);
}
