#include "bench/bench.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/number.h"
#include "base/rng.h"
#include "base/streams.h"
#include "bench/step.h"
#include "train/stepper.h"
#include <stdlib.h>
#include <string.h>

enum {
    PICTURES = 60000, /* of each source */
    SIDE = 28,
    STEPS_MIN = 2, /* of a repetition */
    STEPS_MAX = 50,
    TIMED_MIN = 3, /* with a timeline */
    TIMED_MAX = 10
};
static const double repetition = 0.5; /* seconds that one should take, roughly */

/* The same work as any other rate, but no config can diverge on random pictures. */
static const double learning_rate = 0;

/* What is measured: training steps, or inference. */
typedef struct work {
    const char *name;
    device *device;
    params *params;
    network *network;
    mixer *mixer;     /* NULL: inference */
    stepper *stepper; /* likewise */
    step_sums sums;
} work;

/* ---- Setting up ---- */

static int draw_pictures(struct image_set sets[SOURCES])
{
    rng random = rng_start(1, STREAM_BENCH);
    for (int i = 0; i < SOURCES; i++) {
        size_t bytes = (size_t)PICTURES * SIDE * SIDE;
        uint32_t *words = allocate(bytes / sizeof *words, sizeof *words);
        if (!words)
            return -1;
        for (size_t k = 0; k < bytes / sizeof *words; k++)
            words[k] = rng_word(&random);
        sets[i] = (struct image_set){PICTURES, SIDE, SIDE, (unsigned char *)words};
    }
    return 0;
}

/* Buffers of the plan before values, so that too large a batch is refused at once. */
static int set_up_network(work *w, const settings *s, enum network_use use)
{
    int batch = s->train.batch;
    return params_new(&w->params, w->device) ||
                   network_new(&w->network, w->params, s, batch, use) ||
                   params_allocate(w->params, use == NETWORK_TRAIN) ||
                   network_prepare(w->network) ||
                   params_initialize(w->params, (unsigned long)s->train.seed)
               ? -1
               : 0;
}

static int set_up_training(work *w, const settings *s, struct image_set sets[SOURCES])
{
    return mixer_open_sets(&w->mixer, w->device, s, sets) || set_up_network(w, s, NETWORK_TRAIN) ||
                   stepper_new(&w->stepper, w->mixer, w->network, &s->train)
               ? -1
               : 0;
}

/* The mixtures are written once: what a user's pictures cost on their way is not in the figures. */
static int set_up_inference(work *w, const settings *s)
{
    if (set_up_network(w, s, NETWORK_INFER))
        return -1;
    rng random = rng_start(2, STREAM_BENCH);
    return step_write_random(w->device, w->network->mixture, &random);
}

static void tear_down(work *w)
{
    stepper_free(w->stepper);
    network_free(w->network);
    params_free(w->params);
    mixer_close(w->mixer);
}

/* ---- Measuring ---- */

static int run_step(work *w)
{
    return w->stepper ? stepper_step(w->stepper, learning_rate, &w->sums)
                      : network_forward(w->network);
}

static int finish_steps(work *w)
{
    if (w->stepper && stepper_drain(w->stepper, &w->sums))
        return -1;
    return device_finish(w->device);
}

/* Seconds that each of so many steps takes. */
static int time_steps(work *w, long steps, double *seconds)
{
    double begun = clock_seconds();
    for (long i = 0; i < steps; i++)
        if (run_step(w))
            return -1;
    if (finish_steps(w))
        return -1;
    *seconds = (clock_seconds() - begun) / (double)steps;
    return 0;
}

static long between(double value, long low, long high)
{
    return value < (double)low ? low : value > (double)high ? high : (long)value;
}

static int time_repetitions(work *w, bench_figures *out)
{
    double warm;
    log_live("%s: first step", w->name);
    if (time_steps(w, 1, &out->first_step) || time_steps(w, STEPS_MIN, &warm))
        return -1;
    out->steps = between(repetition / warm, STEPS_MIN, STEPS_MAX);
    for (int i = 0; i < BENCH_REPETITIONS; i++) {
        log_live("%s: repetition %d of %d", w->name, i + 1, BENCH_REPETITIONS);
        if (time_steps(w, out->steps, &out->repetitions[i]))
            return -1;
    }
    step_sort_seconds(out->repetitions, BENCH_REPETITIONS);
    out->step = out->repetitions[BENCH_REPETITIONS / 2];
    return 0;
}

static int run_timed(work *w, timeline *t, long steps)
{
    for (long i = 0; i < steps; i++)
        if (run_step(w) || finish_steps(w) || timeline_drain(t))
            return -1;
    return 0;
}

static int time_layers(work *w, bench_figures *out)
{
    timeline *t;
    long steps = between((double)out->steps, TIMED_MIN, TIMED_MAX);
    log_live("%s: layer by layer", w->name);
    if (timeline_start(&t, w->device))
        return -1;
    int result = run_timed(w, t, 1);
    timeline_clear(t); /* the first step on a new queue is none to count */
    if (!result && !(result = run_timed(w, t, steps))) {
        size_t count;
        const timeline_row *rows = timeline_rows(t, &count);
        result =
            layer_times_fill(&out->times, w->network->plan,
                             ceil_divide(w->network->batch, w->network->slice), rows, count, steps);
    }
    timeline_stop(t);
    return result;
}

static int measure(work *w, bench_figures *out)
{
    if (time_repetitions(w, out))
        return -1;
    out->peak = w->device->peak; /* a timeline takes none */
    return time_layers(w, out);
}

static int bench_training(bench_report *out, device *d, const settings *s)
{
    work w = {.name = "training", .device = d};
    struct image_set sets[SOURCES] = {{0}};
    log_live("drawing pictures");
    int result = draw_pictures(sets);
    double begun = clock_seconds(), building = d->builds.seconds;
    if (!result)
        result = set_up_training(&w, s, sets);
    out->set_up = clock_seconds() - begun - (d->builds.seconds - building);
    for (int i = 0; i < SOURCES; i++)
        image_set_release(&sets[i]);
    if (!result)
        result = measure(&w, &out->training);
    tear_down(&w);
    return result;
}

static int bench_inference(bench_report *out, device *d, const settings *s)
{
    work w = {.name = "inference", .device = d};
    d->peak = d->allocated;
    int result = set_up_inference(&w, s) || measure(&w, &out->inference) ? -1 : 0;
    tear_down(&w);
    return result;
}

int bench_run(bench_report *out, device *d, const settings *s)
{
    out->batch = s->train.batch;
    int result = bench_training(out, d, s) || bench_inference(out, d, s) ? -1 : 0;
    log_live_end();
    return result;
}

void bench_report_release(bench_report *r)
{
    layer_times_release(&r->training.times);
    layer_times_release(&r->inference.times);
}
