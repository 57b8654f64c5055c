#include "train/stepper.h"

#include "base/error.h"
#include "base/memory.h"
#include "base/streams.h"
#include "train/averages.h"
#include <stdlib.h>
#include <string.h>

static size_t report_bytes(const network *n)
{
    return (size_t)(n->mixture.sources + 1) * sizeof(float);
}

int stepper_new(stepper **out, batches *b, network *n, const struct train_config *c)
{
    stepper *t = allocate(1, sizeof *t);
    if (!t)
        return -1;
    device *d = t->device = n->params->device;
    t->batches = b;
    t->network = n;
    t->seed = (uint64_t)c->seed;
    t->warm_averages = c->moving_averages == AVERAGES_WARM;
    t->report_losses = kernel_get(d, "losses", "", "report_losses");
    if (!t->report_losses || batches_prepare(b, n->batch) ||
        optimizer_new(&t->optimizer, n->params, c) ||
        buffer_new(d, report_bytes(n), "losses", &t->report) ||
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
    for (int i = 0; i < BATCHES_AHEAD; i++)
        event_wait(t->device, &t->flight[i].done);
    buffer_free(t->device, &t->report);
    buffer_free(t->device, &t->status);
    optimizer_free(t->optimizer);
    free(t);
}

/* Batch i of the batches of step t->step, which has been counted. */
static int hand_over(stepper *t, double learning_rate, int i, int batches, batch_in_flight *flight)
{
    network *n = t->network;
    uint64_t position = (uint64_t)t->batches_done * (uint64_t)n->batch;
    flight->ends_step = i == batches - 1;
    struct training_step now = {.seed = t->seed,
                                .number = (uint64_t)t->batches_done + 1,
                                .norm_momentum = (float)averages_decay(
                                    KERAS_NORM_MOMENTUM, t->warm_averages, t->batches_done)};
    t->batches_done++;
    if (batches_next(t->batches, SPLIT_TRAIN, t->seed, STREAM_TRAIN, position, n->batch,
                     n->input->data, n->truth->data) ||
        plan_train(n->plan, now) || (batches > 1 && optimizer_add_up(t->optimizer, i, batches)) ||
        (flight->ends_step && optimizer_step(t->optimizer, learning_rate, t->status)) ||
        LAUNCH(t->device, t->report_losses, range_single(1, 1, 1), ARG(n->losses->data),
               ARG(n->mixture.sources), ARG(t->report), ARG(t->status), ARG((int)t->step)))
        return -1;
    return buffer_read_later(t->device, t->report, 0, flight->report, report_bytes(n),
                             &flight->done);
}

static int finish(stepper *t, batch_in_flight *flight, step_sums *sums)
{
    int sources = t->network->mixture.sources;
    if (!flight->done)
        return 0;
    if (event_wait(t->device, &flight->done))
        return -1;
    if (flight->report[sources] != 0)
        return fail(
            STATUS_DIVERGED,
            "the loss or a gradient is not finite at step %.0f on %s; training stops, what "
            "was saved before stays. A lower train.learning_rate or train.clip_norm may help",
            flight->report[sources], t->device->info.name);
    for (int i = 0; i < sources; i++)
        sums->loss[i] += flight->report[i];
    sums->batches++;
    sums->steps += flight->ends_step;
    return 0;
}

int stepper_step(stepper *t, double learning_rate, int batches, step_sums *sums)
{
    t->step++;
    for (int i = 0; i < batches; i++) {
        batch_in_flight *flight = &t->flight[t->batches_done % BATCHES_AHEAD];
        if (finish(t, flight, sums) || hand_over(t, learning_rate, i, batches, flight))
            return -1;
    }
    return 0;
}

int stepper_drain(stepper *t, step_sums *sums)
{
    for (int i = 0; i < BATCHES_AHEAD; i++)
        if (finish(t, &t->flight[(t->batches_done + i) % BATCHES_AHEAD], sums))
            return -1;
    return 0;
}
