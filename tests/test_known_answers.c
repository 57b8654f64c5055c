/*
 * Whole commands on data whose answers are known: source A is bright, source B dark, small and few, no
 * two images are alike, and the model's heads give the same whatever the picture. Every number and pixel
 * is computed here once more, from the images' own.
 */
#include "command.h"
#include "drawn_pictures.h"
#include "tiny_model.h"
#include "two_sources.h"

#include "base/files.h"
#include "base/log.h"
#include "base/streams.h"
#include "check/image_scores.h"
#include "data/batches.h"
#include "data/idx.h"
#include "image/image.h"
#include "train/history.h"
#include <jansson.h>

enum { SIDE = 32, PIXELS = SIDE * SIDE };

static const float heads[SOURCES] = {0.6f, 0.2f}; /* bytes 153 and 51 */
static const char *const names[SOURCES] = {"mnist", "fashion"};
static const struct {
    const char *folder;
    int count, side, first, step; /* image i has first + i * step in every pixel */
} sets[SOURCES] = {{"mnist", 7, 28, 200, 5}, {"fashion-mnist", 3, 20, 5, 20}};

static char *data, *model;

/* ---- The data and the model ---- */

static void make_directory(const char *path)
{
    if (directory_make(path))
        fail_msg("%s", error_message());
}

static void write_set(int k)
{
    size_t size = (size_t)sets[k].side * sets[k].side;
    struct image_set set = {sets[k].count, {sets[k].side, sets[k].side, 1}, NULL};
    set.pixels = malloc(set.count * size);
    assert_non_null(set.pixels);
    for (size_t i = 0; i < set.count; i++)
        memset(set.pixels + i * size, sets[k].first + (int)i * sets[k].step, size);
    char *folder = path_join(data, sets[k].folder);
    make_directory(folder);
    char *path = path_join(folder, "t10k-images-idx3-ubyte");
    assert_int_equal(idx_write_images(path, &set), 0);
    free(path);
    free(folder);
    image_set_release(&set);
}

static int set_up(void **state)
{
    log_set_level(LOG_QUIET);
    if (scratch_make(state))
        return -1;
    data = strdup(scratch_path("data"));
    model = strdup(scratch_path("constant.safetensors"));
    for (int k = 0; k < SOURCES; k++)
        write_set(k);
    return constant_model_save(model, heads[0], heads[1]);
}

static int tear_down(void **state)
{
    free(data);
    free(model);
    return scratch_remove(state);
}

/* Image `number` of source k, in the middle of black. */
static void draw_image(int k, int number, unsigned char pixels[PIXELS])
{
    int border = (SIDE - sets[k].side) / 2;
    memset(pixels, 0, PIXELS);
    for (int y = border; y < SIDE - border; y++)
        memset(pixels + y * SIDE + border, sets[k].first + number * sets[k].step,
               (size_t)sets[k].side);
}

/* The images that pair number `position` of a stream is made of. */
static void draw_pair(unsigned long seed, unsigned stream, unsigned long position,
                      unsigned char pixels[SOURCES][PIXELS])
{
    const int counts[SOURCES] = {sets[0].count, sets[1].count};
    int images[SOURCES];
    drawn_pictures(counts, SOURCES, seed, stream, position, images);
    for (int k = 0; k < SOURCES; k++)
        draw_image(k, images[k], pixels[k]);
}

/* ---- Commands ---- */

/* Runs unblend with the words, which must work. */
static void unblend(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void unblend(const char *format, ...)
{
    char words[3000];
    va_list args;
    va_start(args, format);
    vsnprintf(words, sizeof words, format, args);
    va_end(args);
    if (command_status(words))
        fail_msg("failed: unblend %s", words);
}

static char *printed(const char *name)
{
    unsigned char *text;
    size_t length;
    if (file_read(scratch_path(name), 1 << 20, STATUS_DATA, &text, &length))
        fail_msg("%s", error_message());
    return (char *)text;
}

static json_t *printed_json(void)
{
    json_error_t error;
    json_t *document = json_load_file(scratch_path("out"), 0, &error);
    if (!document)
        fail_msg("not JSON: %s", error.text);
    return document;
}

static void assert_pixels(const char *path, const unsigned char *wanted)
{
    struct image picture;
    if (image_read(path, 1, &picture))
        fail_msg("%s", error_message());
    assert_int_equal(picture.width, SIDE);
    assert_int_equal(picture.height, SIDE);
    assert_memory_equal(picture.pixels, wanted, PIXELS);
    image_release(&picture);
}

/* ---- Evaluate ---- */

enum { RUNS = 3, SAMPLES = 60 }; /* more than evaluate computes at a time */
enum { MSE, PSNR, SSIM, METRICS };
static const char *const metrics[METRICS] = {"mse", "psnr", "ssim"};
static const char *const head_metrics[METRICS] = {"heads", "psnr_heads", "ssim_heads"};
static const double tolerances[METRICS] = {1e-6, 1e-4, 5e-4};

typedef double scores[METRICS][SOURCES + 1]; /* A, B, both */

static void add_scores(scores sums, int k, const unsigned char *truth)
{
    float wanted[PIXELS], given[PIXELS];
    double squares = 0;
    for (int i = 0; i < PIXELS; i++) {
        wanted[i] = (float)truth[i] / 255;
        given[i] = heads[k];
        squares += pow((double)given[i] - wanted[i], 2);
    }
    sums[MSE][k] += squares / PIXELS / SAMPLES;
    sums[PSNR][k] += -10 * log10(squares / PIXELS) / SAMPLES;
    sums[SSIM][k] +=
        reference_ssim((struct image_format){SIDE, SIDE, 1}, 1, given, wanted) / SAMPLES;
}

static void score_run(unsigned long seed, int run, scores out)
{
    static unsigned char pair[SOURCES][PIXELS];
    memset(out, 0, sizeof(scores));
    for (int i = 0; i < SAMPLES; i++) {
        draw_pair(seed, STREAM_EVALUATE, (unsigned long)(run * SAMPLES + i), pair);
        for (int k = 0; k < SOURCES; k++)
            add_scores(out, k, pair[k]);
    }
    for (int m = 0; m < METRICS; m++)
        out[m][SOURCES] = (out[m][0] + out[m][1]) / 2;
}

static void assert_number(const json_t *value, double wanted, double tolerance)
{
    if (!json_is_number(value) || !(fabs(json_number_value(value) - wanted) <= tolerance))
        fail_msg("%.9g should be %.9g", json_number_value(value), wanted);
}

static void assert_summary(const json_t *value, const double runs[RUNS], double tolerance)
{
    double mean = 0, squares = 0;
    for (int i = 0; i < RUNS; i++)
        mean += runs[i] / RUNS;
    for (int i = 0; i < RUNS; i++)
        squares += pow(runs[i] - mean, 2);
    assert_number(json_object_get(value, "mean"), mean, tolerance);
    assert_number(json_object_get(value, "sd"), sqrt(squares / (RUNS - 1)), tolerance);
}

/* The value of a head (or of both) in an object of the report. */
static const json_t *score_of(const json_t *object, int metric, int head)
{
    return head == SOURCES
               ? json_object_get(object, metrics[metric])
               : json_object_get(json_object_get(object, head_metrics[metric]), names[head]);
}

static void assert_report(unsigned long seed)
{
    json_t *report = printed_json();
    const json_t *runs = json_object_get(report, "runs");
    scores wanted[RUNS];
    assert_int_equal(json_array_size(runs), RUNS);
    for (int i = 0; i < RUNS; i++)
        score_run(seed, i, wanted[i]);
    assert_true(fabs(wanted[0][MSE][0] - wanted[1][MSE][0]) >
                1e-4); /* else nothing is told apart */
    for (int m = 0; m < METRICS; m++) {
        for (int head = 0; head <= SOURCES; head++) {
            double all[RUNS];
            for (int i = 0; i < RUNS; i++) {
                all[i] = wanted[i][m][head];
                assert_number(score_of(json_array_get(runs, (size_t)i), m, head), all[i],
                              tolerances[m]);
            }
            assert_summary(score_of(report, m, head), all, tolerances[m]);
        }
    }
    assert_int_equal(json_integer_value(json_object_get(report, "samples")), SAMPLES);
    json_decref(report);
}

static void evaluate_scores_what_it_drew(void **state)
{
    (void)state;
    const char *const given[] = {"--seed 9", "--seed 0", ""};
    const unsigned long seeds[] = {9, 0, 1};
    for (int i = 0; i < 3; i++) {
        unblend("evaluate '%s' --data '%s' --runs %d --samples %d --json %s", model, data, RUNS,
                SAMPLES, given[i]);
        assert_report(seeds[i]);
    }
}

/* A line of the table: name, then mean and deviation of each metric. */
static void assert_line(const char *table, const char *name, const json_t *const summaries[METRICS])
{
    static const double digits[METRICS] = {1e-8, 1e-4, 1e-6};
    const char *line = strstr(table, name);
    assert_non_null(line);
    line += strlen(name);
    for (int m = 0; m < METRICS; m++) {
        static const char *const keys[] = {"mean", "sd"};
        for (int i = 0; i < 2; i++) {
            char *end;
            double shown = strtod(line, &end);
            assert_true(end > line);
            assert_number(json_object_get(summaries[m], keys[i]), shown, 0.51 * digits[m]);
            line = end;
        }
    }
}

static void the_table_has_the_same_numbers(void **state)
{
    (void)state;
    static const char *const lines[] = {"\nmnist ", "\nfashion ", "\nboth "};
    unblend("evaluate '%s' --data '%s' --runs 2 --samples 20 --json", model, data);
    json_t *report = printed_json();
    unblend("evaluate '%s' --data '%s' --runs 2 --samples 20", model, data);
    char *table = printed("out");
    for (int head = 0; head <= SOURCES; head++) {
        const json_t *const summaries[METRICS] = {score_of(report, MSE, head),
                                                  score_of(report, PSNR, head),
                                                  score_of(report, SSIM, head)};
        assert_line(table, lines[head], summaries);
    }
    free(table);
    json_decref(report);
}

static void quiet_is_quiet(void **state)
{
    (void)state;
    unblend("evaluate '%s' --data '%s' --runs 1 --samples 2", model, data);
    char *normal = printed("err");
    unblend("evaluate '%s' --data '%s' --runs 1 --samples 2 --quiet", model, data);
    char *quiet = printed("err");
    assert_non_null(strstr(normal, "device: "));
    assert_string_equal(quiet, "");
    free(normal);
    free(quiet);
}

/* ---- Mix ---- */

static void assert_mixed(const char *folder, unsigned long seed, int count)
{
    static unsigned char pair[SOURCES][PIXELS], mixture[PIXELS];
    char name[64];
    for (int i = 0; i < count; i++) {
        char path[1100];
        draw_pair(seed, STREAM_MIX, (unsigned long)i, pair);
        for (int p = 0; p < PIXELS; p++)
            mixture[p] = (unsigned char)((pair[0][p] + pair[1][p] + 1) / 2);
        snprintf(name, sizeof name, "%s/%04d.png", folder, i + 1);
        assert_pixels(scratch_path(name), mixture);
        for (int k = 0; k < SOURCES; k++) {
            snprintf(name, sizeof name, "%s/truth/%04d.%s.png", folder, i + 1, names[k]);
            snprintf(path, sizeof path, "%s", scratch_path(name));
            assert_pixels(path, pair[k]);
        }
    }
}

static void mix_writes_what_it_drew(void **state)
{
    (void)state;
    unblend("mix '%s' --data '%s' --count 6 --seed 9", scratch_path("nine"), data);
    assert_mixed("nine", 9, 6);
    unblend("mix '%s' --data '%s' --count 3 --seed 0", scratch_path("zero"), data);
    assert_mixed("zero", 0, 3);
    unblend("mix '%s' --data '%s' --count 3", scratch_path("one"), data);
    assert_mixed("one", 1, 3);
}

/* ---- Separate and plot ---- */

static void separate_writes_what_the_heads_give(void **state)
{
    (void)state;
    unsigned char wanted[PIXELS];
    char name[64];
    unblend("mix '%s' --data '%s' --count 2", scratch_path("mixed"), data);
    unblend("separate '%s' '%s' '%s'", model, scratch_path("mixed"), scratch_path("parts"));
    for (int k = 0; k < SOURCES; k++) {
        memset(wanted, k ? 51 : 153, PIXELS);
        for (int i = 1; i <= 2; i++) {
            snprintf(name, sizeof name, "parts/%04d.%s.png", i, names[k]);
            assert_pixels(scratch_path(name), wanted);
        }
    }
}

/* The gray value in the middle of a cell. Cells are four times as large as their images, with gaps of 4
 * and, at the left, a margin of 16; the lowest row ends 16 above the edge. */
static int cell_of(const struct image *panel, int rows, int row, int column)
{
    enum { CELL = 4 * SIDE, GAP = 4, MARGIN = 16 };
    int x = MARGIN + column * (CELL + GAP) + CELL / 2;
    int y = panel->height - MARGIN - (rows - row) * (CELL + GAP) + GAP + CELL / 2;
    return panel->pixels[(size_t)y * (size_t)panel->width + (size_t)x];
}

/* Four times the difference, at most white. */
static int error_of(int truth, int result)
{
    int error = 4 * abs(truth - result);
    return error < 255 ? error : 255;
}

static void plot_shows_truths_results_and_errors(void **state)
{
    (void)state;
    enum { ROWS = 2, MIDDLE = (SIDE / 2) * SIDE + SIDE / 2 };
    static unsigned char pair[SOURCES][PIXELS];
    static const int results[SOURCES] = {153, 51};
    const epoch_record epoch = {.epoch = 1, .steps = 1, .total = 0.3, .val_total = NAN};
    static const mixture two = {.sources = SOURCES, .names = {"mnist", "fashion"}};
    history h = history_new(&two);
    struct image panel;
    char *run = strdup(scratch_path("run"));
    make_directory(run);
    assert_int_equal(history_add(&h, &epoch), 0);
    assert_int_equal(history_write(&h, run), 0);
    char *path = path_join(run, MODEL_NAME);
    assert_int_equal(rename(model, path), 0);
    unblend("plot '%s' --data '%s' --count %d --seed 9", run, data, ROWS);
    assert_int_equal(rename(path, model), 0);
    free(path);
    path = path_join(run, "panel.png");
    if (image_read(path, 1, &panel))
        fail_msg("%s", error_message());
    for (int row = 0; row < ROWS; row++) {
        draw_pair(9, STREAM_MIX, (unsigned long)row, pair);
        int sum = pair[0][MIDDLE] + pair[1][MIDDLE];
        assert_in_range(cell_of(&panel, ROWS, row, 0), sum / 2, (sum + 1) / 2);
        for (int k = 0; k < SOURCES; k++) {
            int truth = pair[k][MIDDLE];
            assert_int_equal(cell_of(&panel, ROWS, row, 1 + k), truth);
            assert_int_equal(cell_of(&panel, ROWS, row, 3 + k), results[k]);
            assert_int_equal(cell_of(&panel, ROWS, row, 5 + k), error_of(truth, results[k]));
        }
    }
    image_release(&panel);
    free(path);
    free(run);
    history_release(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(evaluate_scores_what_it_drew),
        cmocka_unit_test(the_table_has_the_same_numbers),
        cmocka_unit_test(quiet_is_quiet),
        cmocka_unit_test(mix_writes_what_it_drew),
        cmocka_unit_test(separate_writes_what_the_heads_give),
        cmocka_unit_test(plot_shows_truths_results_and_errors),
    };
    return cmocka_run_group_tests_name("known answers", tests, set_up, tear_down);
}
