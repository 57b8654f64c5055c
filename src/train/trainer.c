#include "train/trainer.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/streams.h"
#include "data/mixer.h"
#include "models/model_file.h"
#include "train/evaluate.h"
#include "train/optimizer.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* Steps the host may be ahead of the device: enough to keep it busy, few enough to stop soon. */
enum { STEPS_AHEAD = 2 };

/* A step that was handed to the device; its losses arrive when `done` does. */
typedef struct step_in_flight {
    cl_event done;
    long step;
    float losses[SOURCES];
} step_in_flight;

struct trainer {
    device *device;
    const settings *settings;
    mixer *mixer;
    params *params;
    network *network, *validation; /* validation: NULL without validation steps */
    evaluator *evaluator;
    optimizer *optimizer;
    kernel *gather_losses;
    cl_mem losses; /* (SOURCES), of the latest step */
    cl_mem status; /* int: first step whose loss was not finite */
    step_in_flight flight[STEPS_AHEAD];
    char *model_path, *run_directory;
    history history;
    double started; /* for train.time_limit */
    long step;      /* steps handed to the device, over all epochs */
};

static long setting(const trainer *t, const char *key)
{
    return settings_int(t->settings, key);
}

static int build_networks(trainer *t)
{
    int batch = (int)setting(t, "train.batch");
    bool validate = setting(t, "train.validation_steps") > 0 &&
                    mixer_count(t->mixer, SPLIT_VALIDATION, 0) > 0 &&
                    mixer_count(t->mixer, SPLIT_VALIDATION, 1) > 0;
    if (params_new(&t->params, t->device) ||
        network_new(&t->network, t->params, t->settings, batch, NETWORK_TRAIN) ||
        (validate && network_new(&t->validation, t->params, t->settings, batch, NETWORK_INFER)) ||
        params_allocate(t->params, true) ||
        params_initialize(t->params, (unsigned long)setting(t, "train.seed")) ||
        network_prepare(t->network) || optimizer_new(&t->optimizer, t->params))
        return -1;
    if (!validate)
        return 0;
    return network_prepare(t->validation) || evaluator_new(&t->evaluator, t->validation, t->mixer)
               ? -1
               : 0;
}

static int make_loss_buffers(trainer *t)
{
    device *d = t->device;
    t->gather_losses = kernel_get(d, "losses", "", "gather_losses");
    if (!t->gather_losses || buffer_new(d, SOURCES * sizeof(float), "losses", &t->losses) ||
        buffer_new(d, sizeof(cl_int), "status", &t->status))
        return -1;
    return buffer_fill(d, t->status, 0, 0, sizeof(cl_int));
}

int trainer_new(trainer **out, device *d, const settings *s, const char *run_directory)
{
    trainer *t = allocate(1, sizeof *t);
    if (!t)
        return -1;
    t->device = d;
    t->settings = s;
    t->model_path = path_join(run_directory, "model.safetensors");
    t->run_directory = copy_text(run_directory);
    if (!t->model_path || !t->run_directory || mixer_open(&t->mixer, d, s, false) ||
        build_networks(t) || make_loss_buffers(t)) {
        trainer_free(t);
        return -1;
    }
    *out = t;
    return 0;
}

void trainer_free(trainer *t)
{
    if (!t)
        return;
    for (int i = 0; i < STEPS_AHEAD; i++)
        event_wait(t->device, &t->flight[i].done);
    buffer_free(t->device, &t->losses);
    buffer_free(t->device, &t->status);
    optimizer_free(t->optimizer);
    evaluator_free(t->evaluator);
    network_free(t->validation);
    network_free(t->network);
    params_free(t->params);
    mixer_close(t->mixer);
    history_release(&t->history);
    free(t->model_path);
    free(t->run_directory);
    free(t);
}

const history *trainer_history(const trainer *t)
{
    return &t->history;
}

/* Hands one step to the device; its losses will arrive in *flight. */
static int start_step(trainer *t, step_in_flight *flight)
{
    network *n = t->network;
    unsigned long position = (unsigned long)t->step * (unsigned long)n->batch;
    flight->step = ++t->step;
    n->plan->run.seed = (unsigned long)setting(t, "train.seed");
    n->plan->run.step = (unsigned long)flight->step;
    if (mixer_batch(t->mixer, SPLIT_TRAIN, (unsigned long)setting(t, "train.seed"), STREAM_TRAIN,
                    position, n->batch, n->mixture->data, n->truths[0]->data, n->truths[1]->data) ||
        plan_forward(n->plan) ||
        LAUNCH(t->device, t->gather_losses, range_single(1, 1, 1), ARG(n->losses[0]->data),
               ARG(n->losses[1]->data), ARG(t->losses), ARG(t->status), ARG((int)flight->step)) ||
        plan_backward(n->plan) ||
        optimizer_step(t->optimizer, settings_real(t->settings, "train.learning_rate"), t->status))
        return -1;
    return buffer_read_later(t->device, t->losses, 0, flight->losses, sizeof flight->losses,
                             &flight->done);
}

/* Waits for a step and adds its losses to the epoch's sums. */
static int finish_step(trainer *t, step_in_flight *flight, epoch_record *epoch)
{
    if (!flight->done)
        return 0;
    if (event_wait(t->device, &flight->done))
        return -1;
    for (int i = 0; i < SOURCES; i++) {
        if (!isfinite(flight->losses[i]))
            return fail(STATUS_DIVERGED,
                        "the loss of source %c is not finite at step %ld on %s (learning rate %g); "
                        "training stops, the files of the epoch before stay. A lower "
                        "train.learning_rate may help",
                        'A' + i, flight->step, t->device->info.name, epoch->learning_rate);
        epoch->loss[i] += flight->losses[i];
    }
    epoch->steps++;
    return 0;
}

static bool out_of_time(const trainer *t)
{
    long limit = setting(t, "train.time_limit");
    return limit && clock_seconds() - t->started >= limit;
}

static void show_progress(const trainer *t, const epoch_record *e, double elapsed, double *shown)
{
    double now = clock_seconds();
    if (!log_is_live() || now - *shown < 0.2 || !e->steps)
        return;
    *shown = now;
    long all = setting(t, "train.steps_per_epoch"), epochs = setting(t, "train.epochs");
    double rate = e->steps / elapsed, left = (all - e->steps + (epochs - e->epoch) * all) / rate;
    long limit = setting(t, "train.time_limit");
    if (limit && left > limit - (now - t->started))
        left = limit - (now - t->started);
    char eta[32];
    log_live("epoch %ld/%ld  step %ld/%ld  %.0f images/s  %s left  loss %.5f (%s %.5f, %s %.5f)",
             e->epoch, epochs, e->steps, all, rate * t->network->batch,
             clock_text(left, eta, sizeof eta), (e->loss[0] + e->loss[1]) / e->steps,
             settings_text(t->settings, "data.name_a"), e->loss[0] / e->steps,
             settings_text(t->settings, "data.name_b"), e->loss[1] / e->steps);
}

static int run_steps(trainer *t, long steps, epoch_record *epoch)
{
    double begun = clock_seconds(), shown = 0;
    for (long i = 0; i < steps && !out_of_time(t); i++) {
        step_in_flight *flight = &t->flight[i % STEPS_AHEAD];
        if (finish_step(t, flight, epoch) || start_step(t, flight))
            return -1;
        show_progress(t, epoch, clock_seconds() - begun, &shown);
    }
    for (int i = 0; i < STEPS_AHEAD; i++)
        if (finish_step(t, &t->flight[i], epoch))
            return -1;
    epoch->seconds = clock_seconds() - begun;
    epoch->images_per_second = epoch->steps * t->network->batch / epoch->seconds;
    for (int i = 0; i < SOURCES; i++)
        epoch->loss[i] /= epoch->steps ? epoch->steps : 1;
    return 0;
}

int trainer_time_steps(trainer *t, long steps, double *seconds)
{
    epoch_record epoch = {.epoch = 1};
    if (!t->started)
        t->started = clock_seconds();
    if (run_steps(t, steps, &epoch) || device_finish(t->device))
        return -1;
    *seconds = epoch.seconds;
    return 0;
}

/* The same held-out pairs after every epoch. */
static int validate(trainer *t, epoch_record *epoch)
{
    long samples = setting(t, "train.validation_steps") * t->network->batch;
    epoch->val_loss[0] = epoch->val_loss[1] = NAN;
    if (!t->evaluator)
        return 0;
    log_live("epoch %ld: validating on %ld pairs", epoch->epoch, samples);
    return evaluator_run(t->evaluator, SPLIT_VALIDATION, (unsigned long)setting(t, "train.seed"),
                         STREAM_VALIDATION, 0, samples, epoch->val_loss);
}

static void report_epoch(const trainer *t, const epoch_record *e)
{
    char validation[64] = "";
    if (isfinite(e->val_loss[0]))
        snprintf(validation, sizeof validation, "  val_loss %.6f", e->val_loss[0] + e->val_loss[1]);
    log_info("epoch %ld/%ld  %ld steps  %.1f s  %.0f images/s  loss %.6f%s", e->epoch,
             setting(t, "train.epochs"), e->steps, e->seconds, e->images_per_second,
             e->loss[0] + e->loss[1], validation);
}

int trainer_run(trainer *t)
{
    t->started = clock_seconds();
    for (long number = 1; number <= setting(t, "train.epochs"); number++) {
        epoch_record epoch = {.epoch = number,
                              .learning_rate = settings_real(t->settings, "train.learning_rate")};
        if (run_steps(t, setting(t, "train.steps_per_epoch"), &epoch) || validate(t, &epoch) ||
            history_add(&t->history, &epoch) || model_save(t->model_path, t->params, t->settings) ||
            history_write(&t->history, t->settings, t->run_directory))
            return -1;
        report_epoch(t, &epoch);
        if (out_of_time(t)) {
            log_info("train.time_limit of %ld s is reached", setting(t, "train.time_limit"));
            break;
        }
    }
    return 0;
}
