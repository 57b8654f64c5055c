#include "train/stepper.h"

#include "base/error.h"
#include "base/memory.h"
#include "base/streams.h"
#include "train/averages.h"
#include <stdlib.h>
#include <string.h>

int stepper_new(stepper **out, mixer *m, network *n, const settings *s)
{
    stepper *t = allocate(1, sizeof *t);
    if (!t)
        return -1;
    device *d = t->device = n->params->device;
    t->mixer = m;
    t->network = n;
    t->seed = (unsigned long)settings_int(s, "train.seed");
    t->warm_averages = !strcmp(settings_text(s, "train.moving_averages"), "warm");
    t->report_losses = kernel_get(d, "losses", "", "report_losses");
    if (!t->report_losses || optimizer_new(&t->optimizer, n->params, s) ||
        buffer_new(d, (SOURCES + 1) * sizeof(float), "losses", &t->report) ||
        buffer_new(d, sizeof(cl_int), "status", &t->status) ||
        buffer_fill(d, t->status, 0, 0, sizeof(cl_int))) {
        stepper_free(t);
        return -1;
    }
    *out = t;
    return 0;
}

void stepper_free(stepper *t)
{
    if (!t)
        return;
    for (int i = 0; i < STEPS_AHEAD; i++)
        event_wait(t->device, &t->flight[i].done);
    buffer_free(t->device, &t->report);
    buffer_free(t->device, &t->status);
    optimizer_free(t->optimizer);
    free(t);
}

static int start(stepper *t, double learning_rate, step_in_flight *flight)
{
    network *n = t->network;
    unsigned long position = (unsigned long)t->step * (unsigned long)n->batch;
    flight->step = ++t->step;
    struct training_step now = {
        .seed = t->seed,
        .number = (uint64_t)flight->step,
        .norm_momentum = (float)averages_decay(KERAS_NORM_MOMENTUM, t->warm_averages, t->step - 1)};
    if (mixer_batch(t->mixer, SPLIT_TRAIN, t->seed, STREAM_TRAIN, position, n->batch,
                    n->mixture->data, n->truths[0]->data, n->truths[1]->data) ||
        plan_train(n->plan, now) || optimizer_step(t->optimizer, learning_rate, t->status) ||
        LAUNCH(t->device, t->report_losses, range_single(1, 1, 1), ARG(n->losses[0]->data),
               ARG(n->losses[1]->data), ARG(t->report), ARG(t->status), ARG((int)flight->step)))
        return -1;
    return buffer_read_later(t->device, t->report, 0, flight->report, sizeof flight->report,
                             &flight->done);
}

static int finish(stepper *t, step_in_flight *flight, step_sums *sums)
{
    if (!flight->done)
        return 0;
    if (event_wait(t->device, &flight->done))
        return -1;
    if (flight->report[SOURCES] != 0)
        return fail(
            STATUS_DIVERGED,
            "the loss or a gradient is not finite at step %.0f on %s; training stops, what "
            "was saved before stays. A lower train.learning_rate or train.clip_norm may help",
            flight->report[SOURCES], t->device->info.name);
    for (int i = 0; i < SOURCES; i++)
        sums->loss[i] += flight->report[i];
    sums->steps++;
    return 0;
}

int stepper_step(stepper *t, double learning_rate, step_sums *sums)
{
    step_in_flight *flight = &t->flight[t->step % STEPS_AHEAD];
    return finish(t, flight, sums) || start(t, learning_rate, flight) ? -1 : 0;
}

int stepper_drain(stepper *t, step_sums *sums)
{
    for (int i = 0; i < STEPS_AHEAD; i++)
        if (finish(t, &t->flight[(t->step + i) % STEPS_AHEAD], sums))
            return -1;
    return 0;
}
