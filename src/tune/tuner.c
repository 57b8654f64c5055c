#include "tune/tuner.h"

#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "check/network_check.h"
#include "tune/reference_results.h"
#include "tune/rounds.h"
#include "tune/variant.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { PASSES = 2 };
static const double gain = 0.02; /* by which a candidate must be faster; less is noise */

typedef struct tuner {
    device *device;
    tuned_model *models;
    reference_results *references; /* one for each model */
    int model_count;
    bool quick;
    rounds rounds;
    variant best;
    void (*told)(const tuner_choice *c);
} tuner;

enum tuning_section tuner_section(const device *d)
{
    return d->kernels == KERNELS_VECTOR ? SECTION_VECTOR : SECTION_TILED;
}

/* ---- Right results ---- */

static int compare_results(const tuner *t, const variant *v)
{
    variant_select(v);
    for (int i = 0; i < t->model_count; i++)
        if (reference_results_compare(&t->references[i], t->device, v->networks[i]))
            return -1;
    return 0;
}

/* As `unblend selftest`: every layer, and all its gradients, against plain C. */
static int check_layers(const tuner *t, const variant *v)
{
    enum { BATCH = 2, SIDE_LIMIT = 64 };
    variant_select(v);
    for (int i = 0; i < t->model_count; i++)
        if (network_check_run(t->device, t->models[i].settings, BATCH, SIDE_LIMIT))
            return -1;
    return 0;
}

/* ---- One candidate ---- */

static int open_variant(const tuner *t, variant *v, const tuning *values)
{
    return variant_open(v, t->device, values, t->models, t->model_count);
}

/* Takes the candidate over if it is faster, still is when timed again, and every layer is right. */
static int try_candidate(tuner *t, const tuning *values, tuner_choice *c)
{
    tuner_trial *result = &c->trials[c->trial_count - 1];
    const double most = 1 - gain;
    double again;
    variant v;
    if (open_variant(t, &v, values) || compare_results(t, &v) ||
        rounds_time_both(&t->rounds, &t->best, &v, &result->ratio))
        goto refused;
    if (result->ratio < most) {
        if (rounds_time_both(&t->rounds, &t->best, &v, &again))
            goto refused;
        result->ratio = fmax(result->ratio, again);
    }
    result->seconds = v.seconds;
    if (result->ratio >= most) {
        variant_close(&v);
        return 0;
    }
    if (check_layers(t, &v))
        goto refused;
    variant_close(&t->best);
    t->best = v;
    c->chosen = c->trial_count - 1;
    return 0;
refused:
    variant_close(&v);
    return -1;
}

static const char *reason(void)
{
    switch (error_status()) {
    case STATUS_SELFTEST:
        return "wrong results";
    case STATUS_MEMORY:
        return "too little memory";
    default:
        return "does not run";
    }
}

/* ---- The descent ---- */

/* Whether no other candidate of the row lies between the value and this one. */
static bool is_neighbour(const tunable *row, int value, int candidate)
{
    for (int i = 0; i < row->candidate_count; i++) {
        int other = row->candidates[i];
        if ((candidate < other && other < value) || (value < other && other < candidate))
            return false;
    }
    return true;
}

static void choose(tuner *t, const tunable *row)
{
    const tuning start = t->best.tuning;
    const int before = tunable_value(row, &start);
    tuner_choice c = {
        .what = row, .trials = {{.value = before, .seconds = t->best.seconds}}, .trial_count = 1};
    for (int i = 0; i < row->candidate_count; i++) {
        int value = row->candidates[i];
        if (value == before || (t->quick && !is_neighbour(row, before, value)))
            continue;
        log_live("%s.%s: candidate %d of %d", tuning_sections[row->section], row->name, i + 1,
                 row->candidate_count);
        tuner_trial *now = &c.trials[c.trial_count++];
        *now = (tuner_trial){.value = value};
        tuning with = start;
        tunable_set(row, &with, value);
        if (try_candidate(t, &with, &c)) {
            now->skipped = reason();
            log_detail("skipped: %s", error_message());
            error_clear();
        }
    }
    log_live_end();
    t->told(&c);
}

static void descend(tuner *t)
{
    for (int pass = 0; pass < (t->quick ? 1 : PASSES); pass++) {
        const tuning before = t->best.tuning;
        for (int i = 0; i < TUNABLES; i++)
            if (tunables[i].section == tuner_section(t->device))
                choose(t, &tunables[i]);
        if (tuning_same(&before, &t->best.tuning, tuner_section(t->device)))
            break;
    }
}

/* ---- The whole ---- */

static int start(tuner *t, const settings *const *models, int count)
{
    const tuning defaults = t->device->tuning;
    t->models = allocate((size_t)count, sizeof *t->models);
    t->references = allocate((size_t)count, sizeof *t->references);
    if (!t->models || !t->references)
        return -1;
    for (t->model_count = 0; t->model_count < count; t->model_count++) {
        tuned_model *m = &t->models[t->model_count];
        m->settings = models[t->model_count];
        if (params_new(&m->params, t->device))
            return -1;
    }
    if (open_variant(t, &t->best, &defaults) || check_layers(t, &t->best))
        return -1;
    for (int i = 0; i < count; i++)
        if (reference_results_take(&t->references[i], t->device, t->best.networks[i]))
            return -1;
    return 0;
}

static void stop(tuner *t)
{
    variant_close(&t->best);
    for (int i = 0; i < t->model_count; i++) {
        params_free(t->models[i].params);
        reference_results_release(&t->references[i]);
    }
    free(t->models);
    free(t->references);
}

/* Gains that were only noise show beside the defaults: then these are the best. */
static int compare_with_defaults(tuner *t, const tuning *defaults, tuner_report *out)
{
    variant old;
    double ratio = 1;
    out->after = out->before;
    out->defaults_stay = tuning_same(defaults, &t->best.tuning, tuner_section(t->device));
    if (out->defaults_stay)
        return 0;
    int result = -1;
    if (!open_variant(t, &old, defaults) && !compare_results(t, &old))
        result = rounds_time_both(&t->rounds, &old, &t->best, &ratio);
    out->before = old.seconds;
    out->after = old.seconds * ratio;
    variant_close(&old);
    out->defaults_stay = ratio > 1 - gain;
    if (out->defaults_stay)
        t->best.tuning = *defaults;
    return result;
}

static int search(tuner *t, const settings *const *models, int count, tuner_report *out)
{
    const tuning defaults = t->device->tuning;
    if (start(t, models, count) || rounds_choose(&t->rounds, &t->best, t->quick) ||
        rounds_time(&t->rounds, &t->best))
        return -1;
    out->before = t->best.seconds;
    descend(t);
    return compare_with_defaults(t, &defaults, out);
}

int tuner_run(tuner_report *out, device *d, const settings *const *models, int count, bool quick,
              void (*told)(const tuner_choice *c))
{
    tuner t = {.device = d, .quick = quick, .best = {.tuning = d->tuning}, .told = told};
    int result = search(&t, models, count, out);
    log_live_end();
    out->best = d->tuning = t.best.tuning;
    stop(&t);
    return result;
}
