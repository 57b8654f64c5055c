#include "tune/tuner.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/rng.h"
#include "base/streams.h"
#include "bench/step.h"
#include "check/network_check.h"
#include "compute/gemm.h"
#include "models/network.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ROUNDS = 7, ROUNDS_QUICK = 3, PASSES = 2, STEPS_MAX = 50 };
static const double least_round = 0.2; /* seconds: shorter ones would time the clock, */
static const double quick_round = 0.1;
static const double gain = 0.02;       /* by which a candidate must be faster; less is noise, */
static const double gain_apart = 0.05; /* and if the two were not timed in alternation */
static const double hopeless = 0.15;   /* slower by that after two rounds: not worth more */

/* How far results may be from the defaults', relative to a tensor's largest value; what is zero by
 * nature (gradients of biases before a batch norm) is rounding noise, and only its size counts. */
static const double tolerance = 1e-4, noise = 5e-7;

/*
 * Gradients jump where a value lies so close to a kink (relu) or a tie (max pooling) that rounding
 * decides: one pixel can move a sum by more than the tolerance. How far, the defaults themselves
 * show when the input is disturbed by as much as rounding may amount to in a layer. A candidate may
 * be off by a few times that: per cents, in a deep network. This is to find gross errors before time
 * is spent on a candidate; one that wins has each layer checked, where no kink is in the way.
 */
enum { DISTURBANCES = 4 };
static const double disturbance = 1e-5, disturbed = 4;

/* A network to be fast at. Its variants share the params. */
typedef struct model {
    const settings *settings;
    params *params;
    float *reference; /* the results of the class's defaults, part by part, */
    double *allowed;  /* and how far from them each part may be */
} model;

/* The models under one tuning. */
typedef struct variant {
    tuning tuning;
    network *networks[TUNER_MODELS_MAX];
    double seconds; /* of a step, as last timed; 0: not yet */
} variant;

typedef struct tuner {
    device *device;
    model models[TUNER_MODELS_MAX];
    int model_count, rounds;
    long steps;             /* of each network in a round */
    bool quick, multiplies; /* multiplies: there are matrix products, so CLBlast matters */
    variant best;
    double ratio; /* of its time to the defaults', by what was taken over */
    void (*told)(const tuner_choice *c);
} tuner;

/* ---- Variants ---- */

/* The same start and input for every variant. */
static int open_network(device *d, model *m, network **out)
{
    rng random = rng_start(3, STREAM_BENCH);
    int batch = (int)settings_int(m->settings, "train.batch");
    if (network_new(out, m->params, m->settings, batch, NETWORK_TRAIN))
        return -1;
    network *n = *out;
    if (!m->params->values &&
        (params_allocate(m->params, true) ||
         params_initialize(m->params, (unsigned long)settings_int(m->settings, "train.seed"))))
        return -1;
    if (network_prepare(n) || step_write_random(d, n->mixture, &random))
        return -1;
    for (int i = 0; i < SOURCES; i++)
        if (step_write_random(d, n->truths[i], &random))
            return -1;
    return 0;
}

static void close_variant(variant *v)
{
    for (int i = 0; i < TUNER_MODELS_MAX; i++)
        network_free(v->networks[i]);
    *v = (variant){0};
}

/* Kernels read sizes of the device's tuning whenever they are launched. */
static int switch_to(tuner *t, const variant *v)
{
    t->device->tuning = v->tuning;
    return gemm_tune(t->device);
}

static int open_variant(tuner *t, variant *v, const tuning *values)
{
    *v = (variant){.tuning = *values};
    if (switch_to(t, v))
        return -1;
    for (int i = 0; i < t->model_count; i++)
        if (open_network(t->device, &t->models[i], &v->networks[i]))
            return -1;
    return 0;
}

/* ---- Results ---- */

static double largest(const float *values, size_t count)
{
    double most = 0;
    for (size_t i = 0; i < count; i++)
        most = fmax(most, fabs((double)values[i]));
    return most;
}

static double largest_difference(const float *a, const float *b, size_t count)
{
    double most = 0;
    for (size_t i = 0; i < count; i++)
        most = fmax(most, fabs((double)a[i] - b[i]));
    return most;
}

static int disturb(tuner *t, const network *n, const float *mixture, rng *random)
{
    size_t count = shape_count(n->mixture->shape);
    float *values = allocate(count, sizeof *values);
    if (!values)
        return -1;
    for (size_t i = 0; i < count; i++)
        values[i] = mixture[i] * (float)(1 + disturbance * (2 * rng_uniform(random) - 1));
    int result = buffer_write(t->device, n->mixture->data, 0, values, count * sizeof *values);
    free(values);
    return result;
}

/* Widens what is allowed by what disturbances do; the mixture is back afterwards. */
static int measure_disturbances(tuner *t, model *m, const network *n, const float *mixture)
{
    rng random = rng_start(4, STREAM_BENCH);
    for (int k = 0; k < DISTURBANCES; k++) {
        step_results r;
        if (disturb(t, n, mixture, &random))
            return -1;
        int result = step_run_for_results(t->device, n, &r);
        const float *wanted = m->reference, *got = r.values;
        for (size_t i = 0; !result && i < r.count; i++) {
            size_t count = r.parts[i].count;
            double off = largest_difference(got, wanted, count);
            m->allowed[i] = fmax(m->allowed[i], disturbed * off);
            got += count;
            wanted += count;
        }
        step_results_release(&r);
        if (result)
            return -1;
    }
    return buffer_write(t->device, n->mixture->data, 0, mixture,
                        shape_count(n->mixture->shape) * sizeof *mixture);
}

/* The results of the class's defaults become the model's reference. */
static int set_reference(tuner *t, model *m, const network *n)
{
    step_results r;
    size_t count = shape_count(n->mixture->shape);
    float *mixture = allocate(count, sizeof *mixture);
    int result = step_run_for_results(t->device, n, &r);
    if (!mixture || result || !(m->allowed = allocate(r.count, sizeof *m->allowed)) ||
        buffer_read(t->device, n->mixture->data, 0, mixture, count * sizeof *mixture)) {
        result = -1;
        goto done;
    }
    m->reference = r.values;
    r.values = NULL;
    const float *at = m->reference;
    for (size_t i = 0; i < r.count; at += r.parts[i++].count)
        m->allowed[i] = fmax(tolerance * largest(at, r.parts[i].count), noise);
    result = measure_disturbances(t, m, n, mixture);
done:
    step_results_release(&r);
    free(mixture);
    return result;
}

static int compare_part(const step_part *p, const float *got, const float *wanted, double allowed)
{
    for (size_t i = 0; i < p->count; i++)
        if (!(fabs((double)got[i] - wanted[i]) <= allowed)) /* NaN never is */
            return fail(STATUS_SELFTEST, "%s[%zu] is %.9g, with the defaults %.9g (within %.3g)",
                        p->name, i, got[i], wanted[i], allowed);
    return 0;
}

static int compare_results(tuner *t, const model *m, const network *n)
{
    step_results r;
    int result = step_run_for_results(t->device, n, &r);
    const float *got = r.values, *wanted = m->reference;
    for (size_t i = 0; !result && i < r.count; i++) {
        result = compare_part(&r.parts[i], got, wanted, m->allowed[i]);
        got += r.parts[i].count;
        wanted += r.parts[i].count;
    }
    step_results_release(&r);
    return result;
}

static int check_variant(tuner *t, const variant *v)
{
    if (switch_to(t, v))
        return -1;
    for (int i = 0; i < t->model_count; i++)
        if (compare_results(t, &t->models[i], v->networks[i]))
            return -1;
    return 0;
}

/* As `unblend selftest`: every layer, and all its gradients, against plain C. */
static int check_model(device *d, const settings *s)
{
    enum { BATCH = 2 };
    network_check c;
    int result = network_check_list(&c, s, BATCH, IMAGE_SIZE);
    for (size_t i = 0; !result && i < c.count; i++) {
        log_live("checking layer %zu of %zu", i + 1, c.count);
        result = network_check_case(d, &c.items[i], CHECK_QUICK);
    }
    if (!result)
        result = network_check_verdict(&c, d);
    network_check_release(&c);
    return result;
}

static int check_layers(tuner *t, const variant *v)
{
    if (switch_to(t, v))
        return -1;
    for (int i = 0; i < t->model_count; i++)
        if (check_model(t->device, t->models[i].settings))
            return -1;
    return 0;
}

/* ---- Times ---- */

static int run_round(tuner *t, const variant *v, long steps)
{
    for (int i = 0; i < t->model_count; i++)
        for (long k = 0; k < steps; k++)
            if (step_run(v->networks[i]))
                return -1;
    return device_finish(t->device);
}

/* Seconds of a step. CLBlast compiles anew after a switch: that step is not timed. */
static int time_round(tuner *t, const variant *v, bool warm, double *seconds)
{
    if (switch_to(t, v) || (!warm && run_round(t, v, 1)))
        return -1;
    double begun = clock_seconds();
    if (run_round(t, v, t->steps))
        return -1;
    *seconds = (clock_seconds() - begun) / (double)t->steps;
    return 0;
}

static double median(double *values, int count)
{
    step_sort_seconds(values, (size_t)count);
    return count % 2 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}

/* Sets the seconds of both, timed in alternation, and *ratio, b's to a's: the median of the rounds',
 * so that what slows the machine down for a while slows both. */
static int time_both(tuner *t, variant *a, variant *b, double *ratio)
{
    double as[ROUNDS] = {0}, bs[ROUNDS] = {0}, ratios[ROUNDS] = {0};
    bool warm = tuning_same(&a->tuning, &b->tuning, SECTION_XGEMM) &&
                tuning_same(&a->tuning, &b->tuning, SECTION_XGEMM_DIRECT);
    int done = 0;
    while (done < t->rounds) {
        bool first = done % 2 == 0; /* who goes first takes turns too */
        if ((first && time_round(t, a, warm, &as[done])) || time_round(t, b, warm, &bs[done]) ||
            (!first && time_round(t, a, warm, &as[done])))
            return -1;
        ratios[done] = bs[done] / as[done];
        done++;
        if (done == 2 && fmin(ratios[0], ratios[1]) > 1 + hopeless)
            break;
    }
    a->seconds = median(as, done);
    b->seconds = median(bs, done);
    *ratio = median(ratios, done);
    return 0;
}

static int time_alone(tuner *t, variant *v)
{
    double seconds[ROUNDS] = {0};
    for (int i = 0; i < t->rounds; i++)
        if (time_round(t, v, i > 0, &seconds[i]))
            return -1;
    v->seconds = median(seconds, t->rounds);
    return 0;
}

/* ---- The descent ---- */

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

/* The candidate's time over that of the best so far. CLBlast's own parameters cannot come back once
 * others were in force: they were timed before. */
static int time_candidate(tuner *t, variant *v, bool alone, double *ratio)
{
    if (!alone)
        return time_both(t, &t->best, v, ratio);
    if (time_alone(t, v))
        return -1;
    *ratio = v->seconds / t->best.seconds;
    return 0;
}

/* Takes the candidate over if it is faster, still is when timed again, and every layer is right. */
static int try_candidate(tuner *t, const tuning *values, tuner_choice *c)
{
    enum tuning_section s = c->what->section;
    tuner_trial *result = &c->trials[c->trial_count - 1];
    bool alone = section_is_set(s) && !tuning_has_set(&t->best.tuning, s);
    double most = 1 - (alone ? gain_apart : gain), again;
    variant v;
    if (open_variant(t, &v, values) || check_variant(t, &v) ||
        time_candidate(t, &v, alone, &result->ratio))
        goto refused;
    if (result->ratio < most) {
        if (time_candidate(t, &v, alone, &again))
            goto refused;
        result->ratio = fmax(result->ratio, again);
    }
    result->seconds = v.seconds;
    if (result->ratio >= most) {
        close_variant(&v);
        return 0;
    }
    if (check_layers(t, &v))
        goto refused;
    close_variant(&t->best);
    t->best = v;
    t->ratio *= result->ratio;
    c->chosen = c->trial_count - 1;
    return 0;
refused:
    close_variant(&v);
    return -1;
}

/* The table's rows from `first` on that are chosen together. */
static int rows_together(int first)
{
    int count = 1;
    while (section_is_set(tunables[first].section) && first + count < TUNABLES &&
           tunables[first + count].section == tunables[first].section)
        count++;
    return count;
}

static tuning with_candidate(const tuning *values, int first, int candidate)
{
    tuning with = *values;
    for (int i = first; i < first + rows_together(first); i++)
        tunable_set(&tunables[i], &with, tunables[i].candidates[candidate]);
    return with;
}

/* Of a row, the next smaller and the next larger value are near; of sets, every other one. */
static bool is_near(const tunable *row, int value, int candidate)
{
    int own = row->candidates[candidate];
    if (section_is_set(row->section))
        return candidate % 2;
    for (int i = 0; i < row->candidate_count; i++) {
        int other = row->candidates[i];
        if ((own < other && other < value) || (value < other && other < own))
            return false;
    }
    return true;
}

static int choose(tuner *t, int first)
{
    const tunable *row = &tunables[first];
    tuner_choice c = {.what = row, .trial_count = 1, .before = tunable_value(row, &t->best.tuning)};
    const tuning start = t->best.tuning;
    c.trials[0] = (tuner_trial){.candidate = -1, .seconds = t->best.seconds};
    if (section_is_set(row->section)) { /* while they are still in force */
        if (time_alone(t, &t->best)) {
            /* what the set before has left in force does not run with this one */
            log_warning("CLBlast's parameters are not tuned further: %s", error_message());
            error_clear();
            return 0;
        }
        c.trials[0].seconds = t->best.seconds;
    }
    for (int i = 0; i < row->candidate_count; i++) {
        tuning with = with_candidate(&start, first, i);
        if (tuning_same(&with, &start, row->section) || (t->quick && !is_near(row, c.before, i)))
            continue;
        log_live("%s.%s: candidate %d of %d", tuning_sections[row->section], row->name, i + 1,
                 row->candidate_count);
        tuner_trial *now = &c.trials[c.trial_count++];
        *now = (tuner_trial){.candidate = i};
        if (try_candidate(t, &with, &c)) {
            now->skipped = reason();
            log_detail("skipped: %s", error_message());
            error_clear();
        }
    }
    log_live_end();
    t->told(&c);
    return 0;
}

static bool suits(const tuner *t, enum tuning_section s)
{
    if (t->device->kernels == KERNELS_VECTOR)
        return s == SECTION_VECTOR;
    return s == SECTION_TILED || (section_is_set(s) && t->multiplies);
}

/* CLBlast's sets only the first time: its own parameters, if they won, cannot be tried again. */
static int descend(tuner *t)
{
    for (int pass = 0; pass < (t->quick ? 1 : PASSES); pass++) {
        const tuning before = t->best.tuning;
        for (int i = 0; i < TUNABLES; i += rows_together(i))
            if (suits(t, tunables[i].section) && !(pass && section_is_set(tunables[i].section)) &&
                choose(t, i))
                return -1;
        if (!memcmp(&before, &t->best.tuning, sizeof before))
            break;
    }
    return 0;
}

/* ---- The whole ---- */

static bool network_multiplies(const network *n)
{
    for (size_t i = 0; i < n->graph->layer_count; i++)
        if (n->graph->layers[i]->flags & USES_GEMM)
            return true;
    return false;
}

static int start(tuner *t, const settings *const *models, int count)
{
    const tuning defaults = t->device->tuning;
    t->model_count = count;
    for (int i = 0; i < count; i++) {
        t->models[i].settings = models[i];
        if (params_new(&t->models[i].params, t->device))
            return -1;
    }
    if (open_variant(t, &t->best, &defaults) || check_layers(t, &t->best))
        return -1;
    for (int i = 0; i < count; i++) {
        const network *n = t->best.networks[i];
        t->multiplies |= network_multiplies(n);
        if (set_reference(t, &t->models[i], n))
            return -1;
    }
    return 0;
}

/* Rounds long enough for the clock. */
static int time_defaults(tuner *t)
{
    double once, least = t->quick ? quick_round : least_round;
    t->steps = 1;
    if (time_round(t, &t->best, false, &once))
        return -1;
    t->steps = once * STEPS_MAX < least ? STEPS_MAX : (long)(least / once) + 1;
    return time_alone(t, &t->best);
}

/* Beside the defaults, unless CLBlast's own parameters, which they have, are gone: then by the ratios of
 * what was taken over, since seconds were taken under parameters of CLBlast that lost. Gains that were
 * only noise show here: then the defaults are the best. */
static int time_whole(tuner *t, const tuning *defaults, tuner_report *out)
{
    variant old;
    out->after = out->before * t->ratio;
    out->defaults_stay = !memcmp(defaults, &t->best.tuning, sizeof *defaults);
    out->side_by_side = t->device->kernels == KERNELS_VECTOR || !t->multiplies;
    if (!out->side_by_side) { /* only a clear gain counts */
        out->defaults_stay |= out->after > out->before * (1 - gain_apart);
        if (out->defaults_stay)
            t->best.tuning = *defaults;
        return 0;
    }
    if (out->defaults_stay)
        return 0;
    double ratio = 1;
    int result = open_variant(t, &old, defaults) || check_variant(t, &old) ||
                         time_both(t, &old, &t->best, &ratio)
                     ? -1
                     : 0;
    out->before = old.seconds;
    out->after = old.seconds * ratio;
    close_variant(&old);
    out->defaults_stay = ratio > 1 - gain;
    if (out->defaults_stay)
        t->best.tuning = *defaults;
    return result;
}

int tuner_run(tuner_report *out, device *d, const settings *const *models, int count, bool quick,
              void (*told)(const tuner_choice *c))
{
    tuner t = {.device = d,
               .quick = quick,
               .rounds = quick ? ROUNDS_QUICK : ROUNDS,
               .told = told,
               .ratio = 1};
    const tuning defaults = d->tuning;
    int result = start(&t, models, count) || time_defaults(&t) ? -1 : 0;
    out->before = t.best.seconds;
    if (!result)
        result = descend(&t) || time_whole(&t, &defaults, out) ? -1 : 0;
    out->best = d->tuning = t.best.tuning;
    log_live_end();
    close_variant(&t.best);
    for (int i = 0; i < count; i++) {
        params_free(t.models[i].params);
        free(t.models[i].reference);
        free(t.models[i].allowed);
    }
    return result;
}
