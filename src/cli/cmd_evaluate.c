/* unblend evaluate MODEL: scores on random blends of the test sets, over several runs. */
#include "base/error.h"
#include "base/json.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/statistics.h"
#include "base/streams.h"
#include "cli/cli.h"
#include "compute/open_device.h"
#include "evaluate/evaluate.h"
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

/* A run's scores by one metric: of each source, and in the last place of all together, the mean. */
typedef struct score {
    double heads[SOURCES_MAX + 1];
} score;

typedef struct report {
    const mixture *mixture; /* the network's */
    bool any_order;         /* each picture is scored in its better order of sources */
    bool clean;             /* pictures have nothing blended in */
    long samples;
    score (*runs)[METRICS];
    long count;
} report;

/* Not a number where there is no such score: SSIM of pictures that are too small for it. */
static statistics over_runs(const report *r, int metric, int head)
{
    enum { VALUES = METRICS * (SOURCES_MAX + 1) }; /* of a run */
    statistics s = statistics_of(&r->runs[0][metric].heads[head], (size_t)r->count, VALUES);
    if (!isfinite(s.mean))
        s.deviation = NAN;
    return s;
}

/* ---- Measuring ---- */

static int keep_run(report *r, long number, const image_scores *from, const char *model)
{
    const double *const values[METRICS] = {from->mse, from->psnr, from->ssim};
    int sources = r->mixture->sources;
    for (int m = 0; m < METRICS; m++) {
        double *heads = r->runs[number][m].heads, sum = 0;
        for (int k = 0; k < sources; k++)
            sum += heads[k] = values[m][k];
        heads[sources] = sum / sources;
        for (int k = 0; k < sources; k++)
            if (!from->images[k])
                return fail(STATUS_USAGE, "--samples %ld: no picture was of %s; take more",
                            r->samples, r->mixture->names[k]);
        if (m == MSE && !isfinite(heads[sources]))
            return trained_output_failed(model, "");
    }
    return 0;
}

static int run_all(evaluator *e, const options *given, report *r)
{
    uint64_t seed = given->seed >= 0 ? (uint64_t)given->seed : 1;
    for (long i = 0; i < r->count; i++) {
        image_scores scores;
        log_live("run %ld/%ld of %ld blends", i + 1, r->count, r->samples);
        if (evaluator_scores(e, given->held_out ? SPLIT_VALIDATION : SPLIT_TEST, seed,
                             STREAM_EVALUATE, (uint64_t)i * (uint64_t)r->samples, r->samples,
                             &scores) ||
            keep_run(r, i, &scores, given->arguments[0]))
            return -1;
    }
    log_live_end();
    return 0;
}

/* What does not go together. */
static int check(const options *given, const settings *s)
{
    const struct mix_config *mix = &s->data.mix;
    if (given->clean && s->train.objective == OBJECTIVE_PERMUTATION)
        return fail(STATUS_USAGE,
                    "--clean: with train.objective = permutation any output may be the "
                    "picture's, so there is none to compare it with");
    return given->project && (given->clean || !mix_is_average(mix))
               ? fail(STATUS_USAGE,
                      "--project: its outputs always blend to the input as an average "
                      "with fixed weights, which these inputs are not")
               : 0;
}

static int evaluate(device *d, const options *given, const model_file *m, report *r)
{
    const settings *s = m->settings;
    trained t = {0};
    batches *pairs = NULL;
    evaluator *e = NULL;
    struct data_config data = s->data;
    int result = -1;
    data.mix.only_clean = r->clean = given->clean;
    if (!check(given, s) &&
        !batches_open(&pairs, d, &data, (uint64_t)s->train.seed, !given->held_out) &&
        !trained_open(&t, d, s, m->tensors, given->arguments[0], BATCH,
                      given->project ? NETWORK_PROJECT : NETWORK_INFER) &&
        !evaluator_new(&e, t.network, pairs)) {
        r->any_order = t.network->any_order;
        result = run_all(e, given, r);
    }
    evaluator_free(e);
    trained_close(&t);
    batches_close(pairs);
    return result;
}

/* ---- Printing ---- */

static json_t *run_json(const report *r, long number)
{
    json_t *object = json_object();
    for (int m = 0; m < METRICS; m++) {
        const double *values = r->runs[number][m].heads;
        json_t *heads = json_object();
        for (int k = 0; k < r->mixture->sources; k++)
            json_object_set_new(heads, r->mixture->names[k], number_as_json(values[k]));
        json_object_set_new(object, metrics[m].name, number_as_json(values[r->mixture->sources]));
        json_object_set_new(object, metrics[m].heads, heads);
    }
    return object;
}

static json_t *mean_and_deviation(const report *r, int metric, int head)
{
    statistics s = over_runs(r, metric, head);
    return json_pack("{s:o, s:o}", "mean", number_as_json(s.mean), "sd",
                     number_as_json(s.deviation));
}

static int print_document(const report *r)
{
    json_t *document = json_object(), *runs = json_array();
    for (int m = 0; m < METRICS; m++) {
        json_t *heads = json_object();
        for (int k = 0; k < r->mixture->sources; k++)
            json_object_set_new(heads, r->mixture->names[k], mean_and_deviation(r, m, k));
        json_object_set_new(document, metrics[m].name,
                            mean_and_deviation(r, m, r->mixture->sources));
        json_object_set_new(document, metrics[m].heads, heads);
    }
    for (long i = 0; i < r->count; i++)
        json_array_append_new(runs, run_json(r, i));
    json_object_set_new(document, "clean", json_boolean(r->clean));
    json_object_set_new(document, "assignment", json_string(r->any_order ? "best" : "fixed"));
    json_object_set_new(document, "samples", json_integer(r->samples));
    json_object_set_new(document, "runs", runs);
    return print_json(document);
}

static void print_cell(int metric, double value)
{
    if (isfinite(value))
        printf("  %10.*f", metrics[metric].digits, value);
    else
        printf("  %10s", "-");
}

static int print_table(const report *r)
{
    int sources = r->mixture->sources;
    printf("%-12s", "");
    for (int m = 0; m < METRICS; m++)
        printf("  %10s  %10s", metrics[m].name, "sd");
    putchar('\n');
    for (int head = 0; head <= sources; head++) {
        const char *together = sources == 2 ? "both" : "all";
        printf("%-12s", head < sources ? r->mixture->names[head] : together);
        for (int m = 0; m < METRICS; m++) {
            statistics s = over_runs(r, m, head);
            print_cell(m, s.mean);
            print_cell(m, s.deviation);
        }
        putchar('\n');
    }
    if (r->any_order)
        printf("scored in the %s order of sources, for each picture\n",
               sources == 2 ? "better" : "best");
    if (r->clean)
        printf("pictures with nothing blended in, and of their outputs only their own source's\n");
    return 0;
}

static int print_report(const report *r, bool json)
{
    return json ? print_document(r) : print_table(r);
}

/* --seed is that of the blends. What was held out follows from the model's own. */
static int open_model(const options *given, model_file *m)
{
    options own = *given;
    own.seed = -1;
    return options_model(&own, given->arguments[0], m);
}

static int run_evaluate(const options *given)
{
    model_file m = {0};
    device *d = NULL;
    report r = {.mixture = &m.mixture, .samples = given->samples, .count = given->runs};
    int result = -1;
    r.runs = allocate((size_t)given->runs, sizeof *r.runs);
    if (r.runs && !open_model(given, &m) && !open_device_for_inference(&d, &m.settings->device) &&
        !evaluate(d, given, &m, &r))
        result = print_report(&r, given->json);
    device_close(d);
    model_close(&m);
    free(r.runs);
    return result;
}

const command evaluate_command = {
    .name = "evaluate",
    .summary = "Measure a model's error on the test sets",
    .arguments = "MODEL",
    .description =
        "Measures mean squared error, PSNR (dB) and SSIM of MODEL on random blends of the\n"
        "test sets, several times with fresh blends, and prints mean and standard\n"
        "deviation. PSNR counts at most 100 dB an image; SSIM is that of Wang et al. 2004\n"
        "with Gaussian windows of 11x11 inside the image, and of smaller images there is\n"
        "none (\"-\", in JSON null). --held-out takes the images that the training held out\n"
        "for validation instead, to choose between models without a look at the test sets.\n"
        "--clean takes pictures with nothing blended in, and looks at the output that should\n"
        "give them back; for models trained with mix.clean.\n"
        "A model of train.objective = permutation is scored in the better order of its\n"
        "sources, for each picture.\n",
    .examples = "  unblend evaluate digits-fashion\n"
                "  unblend evaluate runs/first/model.safetensors --project\n",
    .options = OPTIONS_COMPUTE | OPTION_RUNS | OPTION_SAMPLES | OPTION_SEED | OPTION_DATA |
               OPTION_JSON | OPTION_SET | OPTION_PROJECT | OPTION_HELD_OUT | OPTION_CLEAN,
    .least = 1,
    .most = 1,
    .run = run_evaluate,
};
