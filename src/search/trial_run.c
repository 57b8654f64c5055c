#include "search/trial_run.h"

#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "train/checkpoint.h"
#include "train/early_stopping.h"
#include "train/run_directory.h"
#include "train/trainer.h"
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

int write_text(const char *directory, const char *name, const char *text)
{
    char *path = path_join(directory, name);
    int result = path ? file_write_atomic(path, text, strlen(text)) : -1;
    free(path);
    return result;
}

/*
 * What a training comes to after its first `epochs` epochs: there may be more, of a later rung that
 * the record has lost. The best one is judged as the trainer does, whose model file it is.
 */
static void summarize(const trainer *t, const settings *config, trial *entry)
{
    const history *h = trainer_history(t);
    long epochs = config->train.minutes > 0 ? LONG_MAX : config->train.epochs;
    early_stopping best = early_stopping_new(&config->train);
    for (size_t i = 0; i < h->count && (long)i < epochs; i++) {
        const epoch_record *e = &h->epochs[i];
        entry->epochs++;
        entry->steps += e->steps;
        entry->seconds += e->seconds;
        if (early_stopping_epoch_end(&best, e->epoch, trainer_monitored(t, e))) {
            entry->best_epoch = e->epoch;
            entry->loss = e->total;
            entry->val_loss = e->val_total;
        }
    }
}

static int train(device *d, const settings *config, const char *directory, trial *entry)
{
    trainer *t = NULL;
    run_lock *lock = NULL;
    bool begun;
    int result = -1;
    if (!run_lock_take(&lock, directory) && !checkpoint_look(directory, &begun) &&
        !trainer_new(&t, d, config, directory, begun)) {
        result = trainer_run(t);
        if (entry)
            summarize(t, config, entry);
    }
    trainer_free(t);
    run_lock_release(lock);
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
    checkpoint_remove(directory);
}
