/*
 * Whole commands on data whose answer is known: what they print and write against what the test computes
 * itself, source by source and under the right name.
 */
#define _POSIX_C_SOURCE 200809L /* popen */
#include "scratch.h"
#include "tiny_model.h"

#include "base/files.h"
#include "base/memory.h"
#include "base/streams.h"
#include "data/idx.h"
#include "data/image.h"
#include "data/mixer.h"
#include <jansson.h>

enum { SIDE = 28, BORDER = 2, PIXELS = IMAGE_SIZE * IMAGE_SIZE, RUNS = 3, SAMPLES = 5 };

static const char *const names[SOURCES] = {"mnist", "fashion"};
static const char *const files[SOURCES] = {"data/mnist/t10k-images-idx3-ubyte",
                                           "data/fashion-mnist/t10k-images-idx3-ubyte"};
static const int counts[SOURCES] = {9, 4}; /* of different size */
static const float heads[SOURCES] = {0.2f, 0.8f};
static struct image_set sets[SOURCES];

/* ---- The data, and what is in a pair of it ---- */

/* Source A is dark, source B is bright, and no two images are alike. */
static int make_sets(void **state)
{
    unsigned random = 1;
    if (scratch_make(state) || directory_make(scratch_path("data/mnist")) ||
        directory_make(scratch_path("data/fashion-mnist")))
        return -1;
    for (int k = 0; k < SOURCES; k++) {
        size_t bytes = (size_t)counts[k] * SIDE * SIDE;
        sets[k] = (struct image_set){(size_t)counts[k], SIDE, SIDE, allocate(bytes, 1)};
        for (size_t i = 0; i < bytes; i++) {
            random = random * 1664525 + 1013904223;
            sets[k].pixels[i] = (unsigned char)((random >> 24) / 3 + (k ? 170 : 0));
        }
        if (idx_write_images(scratch_path(files[k]), &sets[k]))
            return -1;
    }
    return constant_model_save(scratch_path("constant.safetensors"), heads[0], heads[1]);
}

static int remove_sets(void **state)
{
    for (int k = 0; k < SOURCES; k++)
        image_set_release(&sets[k]);
    return scratch_remove(state);
}

static unsigned char pixel_of(int source, int image, int place)
{
    int y = place / IMAGE_SIZE - BORDER, x = place % IMAGE_SIZE - BORDER;
    if (y < 0 || y >= SIDE || x < 0 || x >= SIDE)
        return 0;
    return sets[source].pixels[((size_t)image * SIDE + (size_t)y) * SIDE + (size_t)x];
}

/* The squared error of a head that gives the same everywhere. */
static double error_of(int source, int image)
{
    double sum = 0;
    for (int i = 0; i < PIXELS; i++) {
        double off = pixel_of(source, image, i) / 255.0 - heads[source];
        sum += off * off;
    }
    return sum / PIXELS;
}

/* ---- Calling ---- */

/* unblend, with %s in the arguments for the scratch directory; what it printed, to be freed. */
static char *printed(const char *arguments)
{
    char command[2048], rest[1024], *text = allocate(1 << 16, 1);
    const char *build = getenv("BUILD");
    assert_non_null(text);
    snprintf(rest, sizeof rest, arguments, scratch, scratch, scratch);
    snprintf(command, sizeof command, "%s/unblend %s --quiet", build ? build : "build", rest);
    FILE *out = popen(command, "r");
    assert_non_null(out);
    size_t length = fread(text, 1, (1 << 16) - 1, out);
    if (pclose(out))
        fail_msg("%s", command);
    text[length] = '\0';
    return text;
}

static json_t *document(const char *arguments)
{
    char *text = printed(arguments);
    json_t *parsed = json_loads(text, 0, NULL);
    free(text);
    assert_non_null(parsed);
    return parsed;
}

/* A number by the names that lead to it; ends with NULL. */
static double number(const json_t *at, const char *const *path)
{
    while (*path) {
        at = json_object_get(at, *path++);
        assert_non_null(at);
    }
    assert_true(json_is_number(at));
    return json_number_value(at);
}
#define NUMBER(from, ...) number(from, (const char *const[]){__VA_ARGS__, NULL})

static void assert_near(double value, double expected)
{
    if (!(fabs(value - expected) <= 1e-5 * fabs(expected)))
        fail_msg("%.10g should be %.10g", value, expected);
}

/* ---- Evaluate ---- */

#define EVALUATE "evaluate %s/constant.safetensors --data %s/data --runs 3 --samples 5 --seed 7"

/* Mean squared error and PSNR of a run's pairs, which are its own. */
static void expect_run(const json_t *run, int number_of_run)
{
    double errors[SOURCES] = {0}, decibels[SOURCES] = {0};
    for (int i = 0; i < SAMPLES; i++) {
        int images[SOURCES];
        mixer_pair(counts, 7, STREAM_EVALUATE, (unsigned long)(number_of_run * SAMPLES + i),
                   images);
        for (int k = 0; k < SOURCES; k++) {
            errors[k] += error_of(k, images[k]) / SAMPLES;
            decibels[k] += -10 * log10(error_of(k, images[k])) / SAMPLES;
        }
    }
    for (int k = 0; k < SOURCES; k++) {
        assert_near(NUMBER(run, "heads", names[k]), errors[k]);
        assert_near(NUMBER(run, "psnr_heads", names[k]), decibels[k]);
    }
    assert_near(NUMBER(run, "mse"), (errors[0] + errors[1]) / 2);
    assert_near(NUMBER(run, "psnr"), (decibels[0] + decibels[1]) / 2);
}

/* Mean and sample standard deviation over the runs; path ends with NULL. */
static void expect_summary(const json_t *summary, const json_t *runs, const char *const *path)
{
    double mean = 0, squares = 0;
    for (size_t i = 0; i < RUNS; i++)
        mean += number(json_array_get(runs, i), path) / RUNS;
    for (size_t i = 0; i < RUNS; i++)
        squares += pow(number(json_array_get(runs, i), path) - mean, 2);
    assert_near(NUMBER(summary, "mean"), mean);
    assert_near(NUMBER(summary, "sd"), sqrt(squares / (RUNS - 1)));
    assert_true(squares > 0);
}

static void each_head_has_its_own_scores(void **state)
{
    (void)state;
    static const char *const metrics[] = {"mse", "psnr", "ssim"}, *const by_head[] = {"heads",
                                                                                      "psnr_heads",
                                                                                      "ssim_heads"};
    json_t *scores = document(EVALUATE " --json"), *runs = json_object_get(scores, "runs");
    assert_int_equal(json_array_size(runs), RUNS);
    for (int i = 0; i < RUNS; i++)
        expect_run(json_array_get(runs, (size_t)i), i);
    for (int m = 0; m < 3; m++) {
        const char *const both[] = {metrics[m], NULL};
        expect_summary(json_object_get(scores, metrics[m]), runs, both);
        for (int k = 0; k < SOURCES; k++) {
            const char *const one[] = {by_head[m], names[k], NULL};
            expect_summary(json_object_get(json_object_get(scores, by_head[m]), names[k]), runs,
                           one);
        }
    }
    json_decref(scores);
}

static void the_table_says_what_the_document_says(void **state)
{
    (void)state;
    json_t *scores = document(EVALUATE " --json");
    char *table = printed(EVALUATE), row[256];
    for (int k = 0; k <= SOURCES; k++) {
        static const char *const both[] = {"mse", "psnr", "ssim"}, *const by_head[] = {
                                                                       "heads", "psnr_heads",
                                                                       "ssim_heads"};
        static const int digits[] = {8, 4, 6};
        int length = snprintf(row, sizeof row, "\n%-12s", k < SOURCES ? names[k] : "both");
        for (int m = 0; m < 3; m++) {
            const json_t *of = json_object_get(scores, k < SOURCES ? by_head[m] : both[m]);
            of = k < SOURCES ? json_object_get(of, names[k]) : of;
            length += snprintf(row + length, sizeof row - (size_t)length, "  %10.*f  %10.*f",
                               digits[m], NUMBER(of, "mean"), digits[m], NUMBER(of, "sd"));
        }
        if (!strstr(table, row))
            fail_msg("no row%s in\n%s", row, table);
    }
    free(table);
    json_decref(scores);
}

/* ---- Mix ---- */

static void expect_picture(const char *name, int pair, const char *ending,
                           const unsigned char wanted[PIXELS])
{
    char path[64];
    struct image picture;
    snprintf(path, sizeof path, "%s%04d%s.png", name, pair, ending);
    if (image_read(scratch_path(path), &picture))
        fail_msg("%s", error_message());
    assert_int_equal(picture.width, IMAGE_SIZE);
    assert_int_equal(picture.height, IMAGE_SIZE);
    if (memcmp(picture.gray, wanted, PIXELS))
        fail_msg("%s is not the picture that it should be", path);
    image_release(&picture);
}

/* All that is in a folder that `mix` wrote with a seed. */
static void expect_mixed(const char *folder, unsigned long seed, int pairs)
{
    unsigned char truths[SOURCES][PIXELS], mixture[PIXELS];
    char truth[64], ending[32];
    snprintf(truth, sizeof truth, "%struth/", folder);
    for (int i = 0; i < pairs; i++) {
        int images[SOURCES];
        mixer_pair(counts, seed, STREAM_MIX, (unsigned long)i, images);
        for (int k = 0; k < SOURCES; k++) {
            for (int at = 0; at < PIXELS; at++)
                truths[k][at] = pixel_of(k, images[k], at);
            snprintf(ending, sizeof ending, ".%s", names[k]);
            expect_picture(truth, i + 1, ending, truths[k]);
        }
        for (int at = 0; at < PIXELS; at++)
            mixture[at] = (unsigned char)((truths[0][at] + truths[1][at] + 1) / 2);
        expect_picture(folder, i + 1, "", mixture);
    }
}

static void mixtures_lie_beside_their_truths(void **state)
{
    (void)state;
    free(printed("mix %s/mixed --data %s/data --count 12 --seed 4"));
    expect_mixed("mixed/", 4, 12);
    free(printed("mix %s/first --data %s/data --count 2 --seed 0"));
    expect_mixed("first/", 0, 2);
}

/* ---- Info and devices ---- */

static void expect_line(const char *text, const char *format, ...)
{
    char line[256];
    va_list values;
    va_start(values, format);
    vsnprintf(line, sizeof line, format, values);
    va_end(values);
    if (!strstr(text, line))
        fail_msg("\"%s\" is not in\n%s", line, text);
}

#define INFO "info %s/constant.safetensors"

/* Batch norm's averages are parameters, but not trained; training needs more memory. */
static void info_tells_uses_apart(void **state)
{
    (void)state;
    json_t *told = document(INFO " --json");
    char *text = printed(INFO);
    static const char *const uses[] = {"inference", "training"};
    for (int i = 0; i < 2; i++)
        expect_line(text, "%-10s  %9.1f MiB planned  %9.1f MiB if no buffer were shared", uses[i],
                    NUMBER(told, uses[i], "planned_bytes") / 1048576,
                    NUMBER(told, uses[i], "separate_bytes") / 1048576);
    expect_line(text, "parameters  %.0f, of which trainable %.0f ", NUMBER(told, "parameters"),
                NUMBER(told, "trainable"));
    assert_true(NUMBER(told, "trainable") < NUMBER(told, "parameters"));
    assert_true(NUMBER(told, "training", "planned_bytes") >
                1.5 * NUMBER(told, "inference", "planned_bytes"));
    free(text);
    json_decref(told);
}

static void devices_are_told_alike(void **state)
{
    (void)state;
    json_t *told = document("devices --json"), *device;
    char *text = printed("devices");
    size_t i;
    json_array_foreach(json_object_get(told, "devices"), i, device) expect_line(
        text, "  %6.1f GiB  %6.1f GiB  %5.0f\n", NUMBER(device, "global_memory") / (1 << 30),
        NUMBER(device, "max_allocation") / (1 << 30), NUMBER(device, "compute_units"));
    assert_true(i > 0);
    free(text);
    json_decref(told);
}

/* ---- Models ---- */

/* Who opens it may have another device. */
static void a_model_does_not_name_its_device(void **state)
{
    (void)state;
    safetensors *file;
    assert_int_equal(safetensors_read(scratch_path("constant.safetensors"), &file), 0);
    const char *config = safetensors_metadata(file, "config");
    assert_non_null(config);
    assert_non_null(strstr(config, "[model]"));
    assert_null(strstr(config, "[device]"));
    safetensors_free(file);
}

/* Its format is one digit away from ours. */
static void a_model_of_another_format_is_refused(void **state)
{
    (void)state;
    unsigned char *bytes;
    size_t length, at = 0;
    model_file model;
    static const char ours[] = "\"unblend 1\"";
    assert_int_equal(
        file_read(scratch_path("constant.safetensors"), 1 << 20, STATUS_DATA, &bytes, &length), 0);
    while (at + strlen(ours) < length && memcmp(bytes + at, ours, strlen(ours)) != 0)
        at++;
    assert_memory_equal(bytes + at, ours, strlen(ours));
    bytes[at + strlen("\"unblend ")] = '2';
    const char *path = scratch_file("later.safetensors", bytes, length);
    free(bytes);
    assert_int_equal(model_open(path, NULL, 0, &model), -1);
    assert_error(STATUS_DATA, path, "unblend 1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_head_has_its_own_scores),
        cmocka_unit_test(the_table_says_what_the_document_says),
        cmocka_unit_test(info_tells_uses_apart),
        cmocka_unit_test(devices_are_told_alike),
        cmocka_unit_test(a_model_does_not_name_its_device),
        cmocka_unit_test(a_model_of_another_format_is_refused),
        cmocka_unit_test(mixtures_lie_beside_their_truths),
    };
    return cmocka_run_group_tests(tests, make_sets, remove_sets);
}
