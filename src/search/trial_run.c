#include "search/trial_run.h"

#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "train/early_stopping.h"
#include "train/trainer.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* See train/checkpoint.h. */
static const char checkpoint_name[] = "checkpoint.safetensors";
static const char previous_name[] = "checkpoint.previous.safetensors";

int write_text(const char *directory, const char *name, const char *text)
{
    char *path = path_join(directory, name);
    int result = path ? file_write_atomic(path, text, strlen(text)) : -1;
    free(path);
    return result;
}

static int write_config(const char *directory, const settings *config)
{
    char *text = settings_ini(config);
    int result = text ? write_text(directory, "config.ini", text) : -1;
    free(text);
    return result;
}

static int open_trainer(trainer **out, device *d, const settings *config, const char *directory)
{
    char *checkpoint = path_join(directory, checkpoint_name);
    bool begun;
    int result = checkpoint && !file_look(checkpoint, STATUS_RUNTIME, &begun)
                     ? trainer_new(out, d, config, directory, begun)
                     : -1;
    free(checkpoint);
    return result;
}

/*
 * What a training comes to after its first `epochs` epochs: there may be more, of a later rung that
 * the record has lost. The best one is judged as the trainer does, whose model file it is.
 */
static void summarize(const history *h, const settings *config, trial *entry)
{
    bool validated = !strcmp(settings_text(config, "train.monitor"), "val_loss") &&
                     settings_int(config, "train.validation_steps") > 0 &&
                     settings_real(config, "data.validation") > 0;
    long epochs = settings_int(config, "train.epochs");
    early_stopping best = early_stopping_new(config);
    for (size_t i = 0; i < h->count && (long)i < epochs; i++) {
        const epoch_record *e = &h->epochs[i];
        double loss = e->loss[0] + e->loss[1], val_loss = e->val_loss[0] + e->val_loss[1];
        entry->epochs++;
        entry->steps += e->steps;
        entry->seconds += e->seconds;
        if (early_stopping_epoch_end(&best, e->epoch, validated ? val_loss : loss)) {
            entry->best_epoch = e->epoch;
            entry->loss = loss;
            entry->val_loss = val_loss;
        }
    }
}

static int train(device *d, const settings *config, const char *directory, trial *entry)
{
    trainer *t;
    if (directory_make(directory) || write_config(directory, config) ||
        open_trainer(&t, d, config, directory))
        return -1;
    int result = trainer_run(t);
    if (entry)
        summarize(trainer_history(t), config, entry);
    trainer_free(t);
    return result;
}

/* What a failed training is recorded as, or TRIAL_STATUSES if it is no matter of the trial's. */
static enum trial_status judge(enum status failure)
{
    return failure == STATUS_DIVERGED ? TRIAL_DIVERGED
           : failure == STATUS_MEMORY ? TRIAL_MEMORY
           : failure == STATUS_USAGE  ? TRIAL_FAILED
                                      : TRIAL_STATUSES;
}

int trial_run(device *d, const settings *config, const char *directory, trial *entry)
{
    entry->loss = entry->val_loss = NAN;
    entry->status = TRIAL_DONE;
    if (train(d, config, directory, entry)) {
        entry->status = judge(error_status());
        if (entry->status == TRIAL_STATUSES)
            return -1;
        log_warning("%s", error_message());
        error_clear();
    } else if (!entry->best_epoch) {
        entry->status = TRIAL_DIVERGED; /* no epoch had a monitored loss that was a number */
    }
    return 0;
}

int trial_run_only(device *d, const settings *config, const char *directory)
{
    return train(d, config, directory, NULL);
}

void trial_end(const char *directory)
{
    char *checkpoint = path_join(directory, checkpoint_name);
    char *previous = path_join(directory, previous_name);
    if (checkpoint && previous) {
        unlink(checkpoint);
        unlink(previous);
    }
    free(checkpoint);
    free(previous);
}
