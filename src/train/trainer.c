#include "train/trainer.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/signals.h"
#include "base/streams.h"
#include "data/batches.h"
#include "evaluate/evaluate.h"
#include "models/freezing.h"
#include "models/model_file.h"
#include "models/objective.h"
#include "nn/summary.h"
#include "train/checkpoint.h"
#include "train/progress.h"
#include "train/run_directory.h"
#include "train/start.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct trainer {
    device *device;
    const settings *settings;
    char *run, *model_path;
    batches *batches;
    params *params;
    network *network, *validation; /* validation: NULL without validation steps */
    evaluator *evaluator;
    stepper *stepper;
    schedule schedule;
    early_stopping stopping;
    history history;
    train_state state; /* of the epoch under way */
    progress progress;
    long frozen_as;       /* since which epoch the networks are as they are (models/freezing.h) */
    double checkpoint_at; /* when the next one is due within an epoch */
    double elapsed;       /* seconds of training before this process */
};

/* ---- Setting up ---- */

/* For the freezing of that epoch; a training that is resumed will have values of its own. */
static int build_networks(trainer *t, long epoch, bool resume)
{
    int batch = t->settings->train.batch;
    bool validate =
        t->settings->train.validation_steps > 0 && batches_least(t->batches, SPLIT_VALIDATION) > 0;
    t->frozen_as = freezing_since(t->settings, epoch);
    if (freezing_params(&t->params, t->device, t->settings, epoch) ||
        network_new(&t->network, t->params, t->settings, batch, NETWORK_TRAIN) ||
        (validate && network_new(&t->validation, t->params, t->settings, batch, NETWORK_INFER)) ||
        freezing_check(t->settings, t->params) || params_allocate(t->params, true) ||
        (!resume && start_values(t->params, t->settings)) || network_prepare(t->network) ||
        stepper_new(&t->stepper, t->batches, t->network, &t->settings->train))
        return -1;
    if (!validate)
        return 0;
    return network_prepare(t->validation) || evaluator_new(&t->evaluator, t->validation, t->batches)
               ? -1
               : 0;
}

/* The epochs up to the checkpoint; later ones are trained again. */
static int resume_history(trainer *t)
{
    if (!t->state.history)
        return 0;
    char *path = path_join(t->run, HISTORY_JSON);
    int result = path ? history_read(path, &t->history) : -1;
    if (!result && t->history.sources != t->settings->data.mixture.sources)
        result = fail(STATUS_DATA, "%s: of %d sources, but the settings have %d", path,
                      t->history.sources, t->settings->data.mixture.sources);
    if (!result && t->history.count < (size_t)t->state.history)
        result = fail(STATUS_DATA, "%s: %zu epochs, but the checkpoint counts %ld", path,
                      t->history.count, t->state.history);
    free(path);
    if (result)
        return -1;
    /* the sources may have got other names */
    memcpy(t->history.names, t->settings->data.mixture.names, sizeof t->history.names);
    t->history.count = (size_t)t->state.history;
    return 0;
}

static int resume_run(trainer *t)
{
    if (checkpoint_read(t->run, t->stepper, t->settings, &t->state) || resume_history(t))
        return -1;
    t->elapsed = t->state.elapsed;
    t->schedule.state = t->state.schedule;
    t->stopping.state = t->state.stopping;
    log_info("resumed in epoch %ld, after %ld of its steps", t->state.epoch, t->state.sums.steps);
    return 0;
}

static void free_networks(trainer *t)
{
    stepper_free(t->stepper);
    evaluator_free(t->evaluator);
    network_free(t->validation);
    network_free(t->network);
    params_free(t->params);
    t->stepper = NULL;
    t->evaluator = NULL;
    t->validation = t->network = NULL;
    t->params = NULL;
}

int trainer_new(trainer **out, device *d, const settings *s, const char *run_directory, bool resume)
{
    trainer *t = allocate(1, sizeof *t);
    if (!t)
        return -1;
    t->device = d;
    t->settings = s;
    t->run = copy_text(run_directory);
    t->model_path = path_join(run_directory, MODEL_NAME);
    t->schedule = schedule_new(&s->train);
    t->stopping = early_stopping_new(&s->train);
    t->history = history_new(&s->data.mixture);
    t->state.epoch = 1;
    long epoch = 1;
    t->progress =
        (progress){.config = &s->train, .mixture = &s->data.mixture, .started = clock_seconds()};
    if (!t->run || !t->model_path ||
        batches_open(&t->batches, d, &s->data, (uint64_t)s->train.seed, false) ||
        (resume && checkpoint_epoch(run_directory, &epoch)) || build_networks(t, epoch, resume) ||
        (resume && resume_run(t))) {
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
    free_networks(t);
    batches_close(t->batches);
    history_release(&t->history);
    free(t->model_path);
    free(t->run);
    free(t);
}

const history *trainer_history(const trainer *t)
{
    return &t->history;
}

double trainer_best(const trainer *t, long *epoch)
{
    *epoch = t->stopping.state.best_epoch;
    return t->stopping.state.best;
}

/* ---- Within an epoch ---- */

/* Seconds that this process has been training. */
static double seconds_here(const trainer *t)
{
    return clock_seconds() - t->progress.started;
}

/* Before the next step. */
static training_point point_of(const trainer *t)
{
    return (training_point){t->stepper->step, t->elapsed + seconds_here(t)};
}

/* train.time_limit is for this process, train.minutes for the training. */
static bool out_of_time(const trainer *t)
{
    const struct train_config *c = &t->settings->train;
    return (c->time_limit && seconds_here(t) >= (double)c->time_limit) ||
           (c->minutes > 0 && point_of(t).seconds >= c->minutes * 60);
}

static int write_checkpoint(trainer *t)
{
    t->state.schedule = t->schedule.state;
    t->state.stopping = t->stopping.state;
    t->state.history = (long)t->history.count;
    t->state.frozen_as = t->frozen_as;
    t->state.pictures = batches_fingerprint(t->batches);
    /* else two runs of the same seed would differ */
    t->state.elapsed = t->settings->train.minutes > 0 ? point_of(t).seconds : 0;
    t->checkpoint_at = clock_seconds() + (double)t->settings->train.checkpoint_seconds;
    return checkpoint_write(t->run, t->stepper, &t->state);
}

/* Brings the epoch's sums and time up to the last step that was handed to the device. */
static int catch_up(trainer *t)
{
    if (stepper_drain(t->stepper, &t->state.sums))
        return -1;
    double now = clock_seconds();
    t->state.seconds += now - t->progress.begun;
    t->progress.begun = now;
    t->progress.batches_at_begin = t->state.sums.batches;
    return 0;
}

/* 0, or a failure if a signal came; everything is saved. */
static int check_signals(const trainer *t)
{
    int number = signals_caught();
    return number
               ? fail((enum status)(128 + number),
                      "interrupted in epoch %ld, step %ld; go on with: unblend train --resume %s",
                      t->state.epoch, t->state.sums.steps, t->run)
               : 0;
}

/* Saves where the training is when it is time to, or a signal asks for it. */
static int save_if_due(trainer *t)
{
    if (!signals_caught() && clock_seconds() < t->checkpoint_at)
        return 0;
    return catch_up(t) || write_checkpoint(t) || check_signals(t) ? -1 : 0;
}

/* At least one step, however little time is left: an epoch without any would have a loss of nothing. */
static int train_epoch(trainer *t)
{
    long steps = t->settings->train.steps_per_epoch, first = t->state.first_step;
    t->progress.begun = clock_seconds();
    t->progress.batches_at_begin = t->state.sums.batches;
    while (t->stepper->step - first < steps && (t->stepper->step == first || !out_of_time(t))) {
        training_point at = point_of(t);
        double rate = schedule_rate(&t->schedule, at);
        if (stepper_step(t->stepper, rate, schedule_batches(&t->schedule, at), &t->state.sums))
            return -1;
        progress_step(&t->progress, t->state.epoch, &t->state.sums, at.seconds, rate);
        if (save_if_due(t))
            return -1;
    }
    return catch_up(t);
}

/* ---- Between epochs ---- */

/* The same held-out pairs after every epoch. A signal ends it. */
static int validate(trainer *t, epoch_record *epoch)
{
    long samples = (long)t->settings->train.validation_steps * t->network->batch;
    int sources = t->network->mixture.sources;
    for (int k = 0; k < sources; k++)
        epoch->val_loss[k] = NAN;
    epoch->val_total = NAN;
    if (!t->evaluator)
        return 0;
    log_live("epoch %ld: validating on %ld blends", epoch->epoch, samples);
    if (evaluator_run(t->evaluator, SPLIT_VALIDATION, (uint64_t)t->settings->train.seed,
                      STREAM_VALIDATION, 0, samples, epoch->val_loss))
        return -1;
    epoch->val_total = objective_total(&t->settings->train, sources, epoch->val_loss);
    return 0;
}

static epoch_record record_epoch(const trainer *t)
{
    const step_sums *sums = &t->state.sums;
    double batches = sums->batches ? (double)sums->batches : 1;
    training_point last = point_of(t);
    last.step--;
    int sources = t->network->mixture.sources;
    epoch_record epoch = {
        .epoch = t->state.epoch,
        .steps = sums->steps,
        .learning_rate = schedule_rate(&t->schedule, last),
        .trainable = (long)params_trainable(t->params),
        .seconds = t->state.seconds,
        .images_per_second = (double)(sums->batches * t->network->batch) / t->state.seconds,
    };
    for (int k = 0; k < sources; k++)
        epoch.loss[k] = sums->loss[k] / batches;
    epoch.total = objective_total(&t->settings->train, sources, epoch.loss);
    return epoch;
}

double trainer_monitored(const trainer *t, const epoch_record *epoch)
{
    bool validation = t->evaluator && t->settings->train.monitor == MONITOR_VAL_LOSS;
    return validation ? epoch->val_total : epoch->total;
}

/* Validation broke off. If a signal did it, the training is saved as it was before validation, which
 * will be done again. */
static int stop_validating(trainer *t)
{
    bool by_signal = signals_caught() && (int)error_status() == 128 + signals_caught();
    if (by_signal && !optimizer_swap_average(t->stepper->optimizer) && !write_checkpoint(t))
        check_signals(t); /* says how to resume */
    return -1;
}

/* With what validation's blends are like, where there is validation. */
static int save_model(trainer *t)
{
    enum { BLENDS_MOST = 256 };
    const struct train_config *c = &t->settings->train;
    long blends = (long)c->validation_steps * t->network->batch;
    typical seen = {0};
    if (t->evaluator &&
        evaluator_typical(t->evaluator, &t->settings->data.mix, SPLIT_VALIDATION, (uint64_t)c->seed,
                          STREAM_VALIDATION, blends < BLENDS_MOST ? blends : BLENDS_MOST, &seen))
        return -1;
    return model_save(t->model_path, t->params, t->settings, batches_mixture(t->batches), &seen);
}

/* Validates and keeps the model with the averaged parameters, if there are such. */
static int judge_epoch(trainer *t, epoch_record *epoch, bool *is_best)
{
    bool keep_last = t->settings->train.keep == KEEP_LAST;
    if (optimizer_swap_average(t->stepper->optimizer))
        return -1;
    if (validate(t, epoch))
        return stop_validating(t);
    *is_best = early_stopping_epoch_end(&t->stopping, epoch->epoch, trainer_monitored(t, epoch));
    if ((*is_best || keep_last) && save_model(t))
        return -1;
    return optimizer_swap_average(t->stepper->optimizer);
}

static int end_epoch(trainer *t)
{
    epoch_record epoch = record_epoch(t);
    bool is_best;
    if (judge_epoch(t, &epoch, &is_best) || history_add(&t->history, &epoch))
        return -1;
    progress_epoch(&t->progress, &epoch, is_best);
    if (schedule_epoch_end(&t->schedule, trainer_monitored(t, &epoch)))
        log_info("learning rate reduced to %g", t->schedule.state.rate);
    t->state = (train_state){.epoch = epoch.epoch + 1, .first_step = t->stepper->step};
    return history_write(&t->history, t->run) || write_checkpoint(t) ? -1 : 0;
}

/* Nothing where nothing is ever frozen but what layers keep. */
static void tell_freezing(const trainer *t)
{
    char trained[32], all[32];
    size_t weights = 0, trainable = params_trainable(t->params);
    for (size_t i = 0; i < t->params->count; i++) {
        const param *item = t->params->items[i];
        weights += item->kind == PARAM_WEIGHT && !item->fixed ? item->count : 0;
    }
    if (trainable < weights || freezing_next(t->settings, 1))
        log_info("epoch %ld: training %s of %s parameters", t->state.epoch,
                 summary_count(trainable, trained, sizeof trained),
                 summary_count(weights, all, sizeof all));
}

/*
 * Before an epoch with another freezing the networks are built anew, and the training goes on from the
 * checkpoint that the epoch before has left: to the bit what a resumed run does.
 */
static int follow_freezing(trainer *t)
{
    long epoch = t->state.epoch;
    bool same;
    if (freezing_since(t->settings, epoch) == t->frozen_as)
        return 0;
    if (freezing_is_same(t->settings, t->params, epoch, &same))
        return -1;
    if (same) {
        t->frozen_as = freezing_since(t->settings, epoch);
        return 0;
    }
    free_networks(t);
    if (build_networks(t, epoch, true) ||
        checkpoint_read(t->run, t->stepper, t->settings, &t->state))
        return -1;
    tell_freezing(t);
    return 0;
}

static bool is_finished(const trainer *t)
{
    const struct train_config *c = &t->settings->train;
    if (c->minutes <= 0 && t->state.epoch > c->epochs)
        return true;
    if (early_stopping_is_due(&t->stopping)) {
        log_info(early_stopping_is_enough(&t->stopping) ? "train.stop_loss is reached in epoch %ld"
                                                        : "early stopping: epoch %ld was the best",
                 t->stopping.state.best_epoch);
        return true;
    }
    bool between = t->stepper->step == t->state.first_step; /* an epoch under way is judged first */
    if (t->history.count && between && out_of_time(t)) {    /* there is a model by then */
        if (c->minutes > 0 && point_of(t).seconds >= c->minutes * 60)
            log_info("train.minutes = %g are over", c->minutes);
        else
            log_info("train.time_limit of %d s is reached", c->time_limit);
        return true;
    }
    return false;
}

/* Before the first step: what must be written later is tried, as far as it can be; and a new training
 * takes the place of an old one. */
static int begin(trainer *t)
{
    directory_sweep(t->run);
    if (model_check(t->model_path, t->params, t->settings, batches_mixture(t->batches)) ||
        run_check(t->run, checkpoint_bytes(t->stepper), t->params->value_floats * sizeof(float)) ||
        (t->stepper->step == 0 && run_clear(t->run)))
        return -1;
    return run_write_config(t->run, t->settings);
}

int trainer_run(trainer *t)
{
    signals_catch();
    int result = begin(t);
    t->progress.started = clock_seconds();
    t->checkpoint_at = t->progress.started + (double)t->settings->train.checkpoint_seconds;
    for (bool first = true; !result && !is_finished(t); first = false) {
        if (first)
            tell_freezing(t);
        result = follow_freezing(t) || train_epoch(t) || end_epoch(t) ? -1 : 0;
    }
    if (!result)
        result = check_signals(t); /* one that came as the last epoch ended */
    signals_release();
    log_live_end();
    return result;
}

int trainer_time_steps(trainer *t, long steps, bool bare, double *seconds)
{
    double begun = clock_seconds();
    t->progress.begun = begun;
    t->checkpoint_at = INFINITY;
    for (long i = 0; i < steps; i++) {
        training_point at = point_of(t);
        double rate = bare ? t->schedule.base : schedule_rate(&t->schedule, at);
        if (stepper_step(t->stepper, rate, 1, &t->state.sums))
            return -1;
        if (bare)
            continue;
        progress_step(&t->progress, t->state.epoch, &t->state.sums, at.seconds, rate);
        if (save_if_due(t))
            return -1;
    }
    if (stepper_drain(t->stepper, &t->state.sums) || device_finish(t->device))
        return -1;
    *seconds = clock_seconds() - begun;
    return 0;
}
