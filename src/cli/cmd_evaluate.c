/* unblend evaluate MODEL: scores on random pairs of the test sets, over several runs. */
#include "base/error.h"
#include "base/json.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/streams.h"
#include "cli/cli.h"
#include "evaluate/evaluate.h"
#include "models/open_device.h"
#include "models/trained.h"
#include <math.h>
#include <stdlib.h>

enum { BATCH = 50 };

/* What is measured, and how it is printed. */
enum { MSE, PSNR, SSIM, METRICS };
static const struct {
    const char *name, *heads; /* in JSON */
    int digits;               /* in the table, behind the point */
} metrics[METRICS] = {{"mse", "heads", 8}, {"psnr", "psnr_heads", 4}, {"ssim", "ssim_heads", 6}};

/* Entry SOURCES is the combined score, the mean of the sources'. */
typedef struct score {
    double heads[SOURCES + 1];
} score;

typedef struct report {
    score (*runs)[METRICS];
    long count;
    score mean[METRICS], deviation[METRICS]; /* the sample's, as n - 1 */
} report;

/* ---- Measuring ---- */

static void summarise(report *r, int metric, int head)
{
    double sum = 0, squares = 0;
    for (long i = 0; i < r->count; i++)
        sum += r->runs[i][metric].heads[head];
    double mean = sum / r->count;
    for (long i = 0; i < r->count; i++) {
        double off = r->runs[i][metric].heads[head] - mean;
        squares += off * off;
    }
    r->mean[metric].heads[head] = mean;
    r->deviation[metric].heads[head] = r->count > 1 ? sqrt(squares / (r->count - 1)) : 0;
}

static int keep_run(report *r, long number, const image_scores *from, const char *model)
{
    const double *const values[METRICS] = {from->mse, from->psnr, from->ssim};
    for (int m = 0; m < METRICS; m++) {
        double *heads = r->runs[number][m].heads;
        heads[0] = values[m][0];
        heads[1] = values[m][1];
        heads[SOURCES] = (heads[0] + heads[1]) / 2;
        if (!isfinite(heads[SOURCES]))
            return fail(STATUS_DATA,
                        "%s: the model's output is not a number; its weights are damaged, or the "
                        "device is (`unblend selftest`)",
                        model);
    }
    return 0;
}

static int run_all(evaluator *e, const options *given, report *r)
{
    unsigned long seed = given->seed >= 0 ? (unsigned long)given->seed : 1;
    for (long i = 0; i < r->count; i++) {
        image_scores scores;
        log_live("run %ld/%ld of %ld pairs", i + 1, r->count, given->samples);
        if (evaluator_scores(e, SPLIT_TEST, seed, STREAM_EVALUATE,
                             (unsigned long)i * (unsigned long)given->samples, given->samples,
                             &scores) ||
            keep_run(r, i, &scores, given->arguments[0]))
            return -1;
    }
    log_live_end();
    for (int m = 0; m < METRICS; m++)
        for (int head = 0; head <= SOURCES; head++)
            summarise(r, m, head);
    return 0;
}

static int evaluate(device *d, const options *given, const model_file *m, report *r)
{
    trained t = {0};
    mixer *pairs = NULL;
    evaluator *e = NULL;
    int result = -1;
    if (!mixer_open(&pairs, d, m->settings, true) &&
        !trained_open(&t, d, m->settings, m->tensors, given->arguments[0], BATCH) &&
        !evaluator_new(&e, t.network, pairs))
        result = run_all(e, given, r);
    evaluator_free(e);
    trained_close(&t);
    mixer_close(pairs);
    return result;
}

/* ---- Printing ---- */

static json_t *run_json(const score run[METRICS], const char *const names[SOURCES])
{
    json_t *object = json_object();
    for (int m = 0; m < METRICS; m++) {
        const double *heads = run[m].heads;
        json_object_set_new(object, metrics[m].name, json_real(heads[SOURCES]));
        json_object_set_new(object, metrics[m].heads,
                            json_pack("{s:f, s:f}", names[0], heads[0], names[1], heads[1]));
    }
    return object;
}

static json_t *mean_and_deviation(const report *r, int metric, int head)
{
    return json_pack("{s:f, s:f}", "mean", r->mean[metric].heads[head], "sd",
                     r->deviation[metric].heads[head]);
}

static int print_document(const report *r, const char *const names[SOURCES], long samples)
{
    json_t *document = json_object(), *runs = json_array();
    for (int m = 0; m < METRICS; m++) {
        json_object_set_new(document, metrics[m].name, mean_and_deviation(r, m, SOURCES));
        json_object_set_new(document, metrics[m].heads,
                            json_pack("{s:o, s:o}", names[0], mean_and_deviation(r, m, 0), names[1],
                                      mean_and_deviation(r, m, 1)));
    }
    for (long i = 0; i < r->count; i++)
        json_array_append_new(runs, run_json(r->runs[i], names));
    json_object_set_new(document, "samples", json_integer(samples));
    json_object_set_new(document, "runs", runs);
    return print_json(document);
}

static void print_table(const report *r, const char *const names[SOURCES])
{
    const char *const rows[] = {names[0], names[1], "both"};
    printf("%-12s", "");
    for (int m = 0; m < METRICS; m++)
        printf("  %10s  %10s", metrics[m].name, "sd");
    putchar('\n');
    for (int head = 0; head <= SOURCES; head++) {
        printf("%-12s", rows[head]);
        for (int m = 0; m < METRICS; m++)
            printf("  %10.*f  %10.*f", metrics[m].digits, r->mean[m].heads[head], metrics[m].digits,
                   r->deviation[m].heads[head]);
        putchar('\n');
    }
}

int command_evaluate(const options *given)
{
    model_file m = {0};
    device *d = NULL;
    report r = {.count = given->runs};
    int result = -1;
    r.runs = allocate((size_t)given->runs, sizeof *r.runs);
    if (r.runs && !options_model(given, given->arguments[0], &m) &&
        !open_device(&d, &m.settings->device) && !evaluate(d, given, &m, &r)) {
        const char *names[SOURCES] = {m.settings->data.mixture.names[0],
                                      m.settings->data.mixture.names[1]};
        result = 0;
        if (given->json)
            result = print_document(&r, names, given->samples);
        else
            print_table(&r, names);
    }
    device_close(d);
    model_close(&m);
    free(r.runs);
    return result;
}
