#include "bench/bench.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/number.h"
#include "base/rng.h"
#include "base/streams.h"
#include "bench/step.h"
#include "data/idx.h"
#include "models/freezing.h"
#include "train/stepper.h"
#include <stdlib.h>
#include <string.h>

enum {
    PICTURES = 60000,          /* of each source, */
    PICTURE_BYTES = 128 << 20, /* if they take no more than that */
    STEPS_MIN = 2,             /* of a repetition */
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
    batches *batches; /* NULL: inference */
    stepper *stepper; /* likewise */
    step_sums sums;
} work;

/* ---- Setting up ---- */

/* Of one source: random pictures of the config's format. */
static int draw_pictures(struct image_set *set, struct image_format format, rng *random)
{
    size_t bytes = image_values(format), count = PICTURE_BYTES / bytes;
    count = count > PICTURES ? PICTURES : count < 1 ? 1 : count;
    size_t words = count * bytes / sizeof(uint32_t) + 1;
    uint32_t *pixels = allocate(words, sizeof *pixels);
    if (!pixels)
        return -1;
    for (size_t i = 0; i < words; i++)
        pixels[i] = rng_word(random);
    *set = (struct image_set){count, format, (unsigned char *)pixels};
    return 0;
}

static int open_random_sets(const struct data_config *c, struct image_set images[], dataset *sets[])
{
    rng random = rng_start(1, STREAM_BENCH);
    for (int k = 0; k < c->mixture.sources; k++)
        if (draw_pictures(&images[k], c->mixture.format, &random) ||
            dataset_of_memory(&sets[k], &images[k]))
            return -1;
    return 0;
}

/* Buffers of the plan before values, so that too large a batch is refused at once. */
static int set_up_network(work *w, const settings *c, enum network_use use)
{
    int batch = c->train.batch;
    return freezing_params(&w->params, w->device, c, 1) ||
                   network_new(&w->network, w->params, c, batch, use) ||
                   freezing_check(c, w->params) ||
                   params_allocate(w->params, use == NETWORK_TRAIN) ||
                   network_prepare(w->network) ||
                   params_initialize(w->params, (uint64_t)c->train.seed)
               ? -1
               : 0;
}

static int set_up_training(work *w, const settings *c, dataset *const sets[])
{
    return batches_open_sets(&w->batches, w->device, &c->data, (uint64_t)c->train.seed, sets) ||
                   set_up_network(w, c, NETWORK_TRAIN) ||
                   stepper_new(&w->stepper, w->batches, w->network, &c->train)
               ? -1
               : 0;
}

/* The mixtures are written once: what a user's pictures cost on their way is not in the figures. */
static int set_up_inference(work *w, const settings *c)
{
    if (set_up_network(w, c, NETWORK_INFER))
        return -1;
    rng random = rng_start(2, STREAM_BENCH);
    return step_write_random(w->device, w->network->input, &random);
}

static void tear_down(work *w)
{
    stepper_free(w->stepper);
    network_free(w->network);
    params_free(w->params);
    batches_close(w->batches);
}

/* ---- Measuring ---- */

static int run_step(work *w)
{
    return w->stepper ? stepper_step(w->stepper, learning_rate, 1, &w->sums)
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

static int bench_training(bench_report *out, device *d, const settings *c)
{
    work w = {.name = "training", .device = d};
    struct image_set images[SOURCES_MAX] = {{0}};
    dataset *sets[SOURCES_MAX] = {NULL};
    log_live("drawing pictures");
    int result = open_random_sets(&c->data, images, sets);
    double begun = clock_seconds(), building = d->builds.seconds;
    if (!result)
        result = set_up_training(&w, c, sets);
    out->set_up = clock_seconds() - begun - (d->builds.seconds - building);
    if (!result)
        result = measure(&w, &out->training);
    tear_down(&w);
    for (int k = 0; k < SOURCES_MAX; k++) { /* pictures may have been streamed from them */
        dataset_close(sets[k]);
        image_set_release(&images[k]);
    }
    return result;
}

static int bench_inference(bench_report *out, device *d, const settings *c)
{
    work w = {.name = "inference", .device = d};
    d->peak = d->allocated;
    int result = set_up_inference(&w, c) || measure(&w, &out->inference) ? -1 : 0;
    tear_down(&w);
    return result;
}

int bench_run(bench_report *out, device *d, const settings *c)
{
    out->batch = c->train.batch;
    int result = bench_training(out, d, c) || bench_inference(out, d, c) ? -1 : 0;
    log_live_end();
    return result;
}

void bench_report_release(bench_report *r)
{
    layer_times_release(&r->training.times);
    layer_times_release(&r->inference.times);
}
