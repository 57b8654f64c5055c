/* unblend evaluate MODEL: the error on random pairs of the test sets, over several runs. */
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/streams.h"
#include "cli/cli.h"
#include "formats/json.h"
#include "models/open_device.h"
#include "train/evaluate.h"
#include <math.h>
#include <stdlib.h>

enum { BATCH = 50 };

/* Row SOURCES of a run is the combined error, the mean of the sources'. */
typedef struct scores {
    double (*runs)[SOURCES + 1];
    long count;
    double mean[SOURCES + 1], deviation[SOURCES + 1]; /* the sample's, as n - 1 */
} scores;

static void summarise(scores *s)
{
    for (int k = 0; k <= SOURCES; k++) {
        double sum = 0, squares = 0;
        for (long i = 0; i < s->count; i++)
            sum += s->runs[i][k];
        s->mean[k] = sum / s->count;
        for (long i = 0; i < s->count; i++)
            squares += (s->runs[i][k] - s->mean[k]) * (s->runs[i][k] - s->mean[k]);
        s->deviation[k] = s->count > 1 ? sqrt(squares / (s->count - 1)) : 0;
    }
}

static int run_all(evaluator *e, const options *given, scores *s)
{
    unsigned long seed = given->seed >= 0 ? (unsigned long)given->seed : 1;
    for (long i = 0; i < s->count; i++) {
        double *run = s->runs[i];
        log_live("run %ld/%ld of %ld pairs", i + 1, s->count, given->samples);
        if (evaluator_run(e, SPLIT_TEST, seed, STREAM_EVALUATE,
                          (unsigned long)i * (unsigned long)given->samples, given->samples, run))
            return -1;
        run[SOURCES] = (run[0] + run[1]) / 2;
    }
    log_live_end();
    summarise(s);
    return 0;
}

static json_t *mean_and_deviation(const scores *s, int k)
{
    return json_pack("{s:f, s:f}", "mean", s->mean[k], "sd", s->deviation[k]);
}

static int print_document(const scores *s, const settings *set, long samples)
{
    const char *a = settings_text(set, "data.name_a"), *b = settings_text(set, "data.name_b");
    json_t *runs = json_array();
    for (long i = 0; i < s->count; i++)
        json_array_append_new(runs, json_pack("{s:f, s:{s:f, s:f}}", "mse", s->runs[i][SOURCES],
                                              "heads", a, s->runs[i][0], b, s->runs[i][1]));
    return print_json(json_pack("{s:o, s:{s:o, s:o}, s:I, s:o}", "mse",
                                mean_and_deviation(s, SOURCES), "heads", a,
                                mean_and_deviation(s, 0), b, mean_and_deviation(s, 1), "samples",
                                (json_int_t)samples, "runs", runs));
}

static void print_table(const scores *s, const settings *set)
{
    const char *names[] = {settings_text(set, "data.name_a"), settings_text(set, "data.name_b"),
                           "mse"};
    printf("%-12s  %-12s  %s\n", "", "mean", "sd");
    for (int k = 0; k <= SOURCES; k++)
        printf("%-12s  %.8f    %.8f\n", names[k], s->mean[k], s->deviation[k]);
}

static int load_network(device *d, const model_file *m, const char *path, params **p, network **n)
{
    return params_new(p, d) || network_new(n, *p, m->settings, BATCH, NETWORK_INFER) ||
                   params_allocate(*p, false) || params_load(*p, m->tensors, path) ||
                   network_prepare(*n)
               ? -1
               : 0;
}

static int evaluate(device *d, const options *given, const model_file *m, scores *s)
{
    params *p = NULL;
    network *n = NULL;
    mixer *pairs = NULL;
    evaluator *e = NULL;
    int result = -1;
    if (!mixer_open(&pairs, d, m->settings, true) &&
        !load_network(d, m, given->arguments[0], &p, &n) && !evaluator_new(&e, n, pairs))
        result = run_all(e, given, s);
    evaluator_free(e);
    network_free(n);
    params_free(p);
    mixer_close(pairs);
    return result;
}

int command_evaluate(const options *given)
{
    model_file m = {0};
    device *d = NULL;
    scores s = {.count = given->runs};
    int result = -1;
    s.runs = allocate((size_t)given->runs, sizeof *s.runs);
    if (s.runs && !options_model(given, given->arguments[0], &m) && !open_device(&d, m.settings) &&
        !evaluate(d, given, &m, &s)) {
        result = 0;
        if (given->json)
            result = print_document(&s, m.settings, given->samples);
        else
            print_table(&s, m.settings);
    }
    device_close(d);
    model_close(&m);
    free(s.runs);
    return result;
}
