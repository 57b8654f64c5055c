#include "search/search.h"

#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/signals.h"
#include "search/rungs.h"
#include "search/trial_run.h"
#include "train/run_directory.h"
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct search {
    device *device;
    const space *space;
    const char *run;
    points points;
    trials trials;
} search;

/* ---- One trial ---- */

static char *trial_directory(const search *s, long number)
{
    return format_text("%s/trials/%03ld", s->run, number);
}

/* Its values over the base; with halving, as many epochs as the rung has. */
static int trial_settings(const search *s, long number, long rung, settings **out)
{
    char epochs[24];
    snprintf(epochs, sizeof epochs, "%ld", rung_epochs(s->space, rung));
    assignment limit = {.key = key_find("train.epochs"), .text = epochs};
    return space_settings(s->space, s->points.items[number - 1].values, &limit,
                          s->space->strategy == STRATEGY_HALVING, out);
}

/* The winner's config, for `train`. */
static int write_best(const search *s)
{
    const trial *best = trials_best(&s->trials);
    settings *config;
    if (!best)
        return 0;
    if (space_settings(s->space, s->points.items[best->number - 1].values, s->space->final,
                       s->space->final_count, &config))
        return -1;
    char *text = settings_ini(config);
    int result = text ? write_text(s->run, BEST_NAME, text) : -1;
    free(text);
    settings_free(config);
    return result;
}

static int record(search *s, const trial *entry)
{
    if (trials_put(&s->trials, entry) || trials_write(&s->trials, s->run) || write_best(s))
        return -1;
    const trial *best = trials_best(&s->trials);
    if (entry->status != TRIAL_DONE)
        log_info("trial %ld: %s", entry->number, trial_status_name(entry->status));
    else
        log_info("trial %ld: loss %.6f, val_loss %.6f; the best so far is trial %ld", entry->number,
                 entry->loss, entry->val_loss, best->number);
    return 0;
}

static void announce(const search *s, long number, long rung)
{
    char *values = trial_values_text(&s->trials, number), where[64] = "";
    if (rungs_last(s->space))
        snprintf(where, sizeof where, " (rung %ld of %ld)", rung + 1, rungs_last(s->space) + 1);
    if (values)
        log_info("trial %ld of %zu%s: %s", number, s->points.count, where, values);
    free(values);
}

/* Puts a failure that ends the search into its words. */
static int stopped(const search *s, long number)
{
    enum status status = error_status();
    if (status != STATUS_SIGINT && status != STATUS_SIGTERM && status != STATUS_SIGHUP)
        return fail_while("trial %ld", number);
    return fail(status, "interrupted in trial %ld; go on with: unblend search --resume %s", number,
                s->run);
}

static int run_trial(search *s, long number, long rung)
{
    settings *config = NULL;
    trial entry = {.number = number, .rung = rung};
    char *directory = trial_directory(s, number);
    int result = -1;
    if (directory && signals_check()) {
        free(directory);
        return stopped(s, number);
    }
    announce(s, number, rung);
    if (directory && !trial_settings(s, number, rung, &config)) {
        bool ended = !trial_run(s->device, config, directory, &entry);
        result = ended ? record(s, &entry) : stopped(s, number);
        if (!result && rung == rungs_last(s->space))
            trial_end(directory);
    }
    settings_free(config);
    free(directory);
    return result;
}

/* ---- All of them ---- */

/* Those that are not in the rung will not be resumed, nor will any after the last. */
static int end_trials(const search *s, long rung)
{
    bool over = rung > rungs_last(s->space);
    for (size_t i = 0; i < s->trials.count; i++) {
        const trial *entry = &s->trials.items[i];
        if (!over && (entry->rung >= rung || rung_awaits(&s->trials, rung, entry->number)))
            continue;
        char *directory = trial_directory(s, entry->number);
        if (!directory)
            return -1;
        trial_end(directory);
        free(directory);
    }
    return 0;
}

static int run_rung(search *s, long rung)
{
    long count = (long)s->points.count;
    for (long number = 1; number <= count; number++)
        if (rung_awaits(&s->trials, rung, number) && run_trial(s, number, rung))
            return -1;
    return end_trials(s, rung + 1);
}

static int prepare(search *s)
{
    s->trials = (trials){.space = s->space, .points = &s->points};
    if (points_draw(&s->points, s->space, s->space->trials) || trials_read(&s->trials, s->run))
        return -1;
    if ((long)s->points.count < s->space->trials)
        log_info("the space has %zu different trials, fewer than the %d asked for", s->points.count,
                 s->space->trials);
    if (s->trials.count)
        log_info("%zu trials are recorded already", s->trials.count);
    return 0;
}

static int report(const search *s)
{
    const trial *best = trials_best(&s->trials);
    if (!best)
        return fail(STATUS_RUNTIME,
                    "none of the %zu trials came to a good end; %s/trials.csv says how each ended",
                    s->trials.count, s->run);
    char *values = trial_values_text(&s->trials, best->number);
    if (values)
        log_info("best: trial %ld, loss %.6f, val_loss %.6f, with %s", best->number, best->loss,
                 best->val_loss, values);
    free(values);
    return 0;
}

static int run_all(search *s)
{
    int result = prepare(s);
    for (long rung = 0; !result && rung <= rungs_last(s->space); rung++)
        result = run_rung(s, rung);
    if (!result) /* written once more: a kill may have come between one file and the next */
        result = trials_write(&s->trials, s->run) || write_best(s) || report(s) ? -1 : 0;
    if (!result && signals_check())
        result =
            fail(error_status(),
                 "interrupted when all trials were over; go on with: unblend search --resume %s",
                 s->run);
    return result;
}

/* Signals are caught all the time, so that none is lost between two trials. */
int search_run(device *d, const space *space, const char *run)
{
    search s = {.device = d, .space = space, .run = run};
    signals_catch();
    int result = run_all(&s);
    signals_release();
    trials_release(&s.trials);
    points_release(&s.points);
    return result;
}

/* ---- What others left ---- */

/* The trainings in the directories of run/trials. */
static int clear_trials(const char *run)
{
    int result = 0;
    char *trials = path_join(run, "trials");
    DIR *directory = trials ? opendir(trials) : NULL;
    for (struct dirent *entry; directory && !result && (entry = readdir(directory));) {
        char *trial = *entry->d_name == '.' ? NULL : path_join(trials, entry->d_name);
        result = trial ? run_clear(trial) : 0;
        free(trial);
    }
    if (directory)
        closedir(directory);
    free(trials);
    return result;
}

int search_clear(const char *run)
{
    static const char *const of_search[] = {"trials.json", "trials.csv", BEST_NAME};
    static const char *const of_training[] = {CONFIG_NAME};
    char *best = path_join(run, "best");
    int result = !best || run_remove(run, of_search, 3) || clear_trials(run) || run_clear(best) ||
                         run_remove(best, of_training, 1) || run_clear(run) ||
                         run_remove(run, of_training, 1)
                     ? -1
                     : 0;
    free(best);
    return result;
}

/* ---- The winner ---- */

static bool same_training(const settings *a, const settings *b)
{
    char *first = settings_ini_without(a, "device"), *second = settings_ini_without(b, "device");
    bool same = first && second && !strcmp(first, second);
    free(first);
    free(second);
    return same;
}

/* Another winner's training is not written over. */
static int check_is_same(const settings *config, const char *directory)
{
    char *path = path_join(directory, CONFIG_NAME);
    settings *earlier = NULL;
    bool there;
    int result = path ? file_look(path, STATUS_RUNTIME, &there) : -1;
    if (!result && there) {
        result = settings_load(&earlier, path, NULL, 0);
        if (!result && !same_training(config, earlier))
            result = fail(STATUS_USAGE,
                          "%s holds the training of an earlier winner; move it away to train the "
                          "present one",
                          directory);
    }
    settings_free(earlier);
    free(path);
    return result;
}

int search_train_best(device *d, const char *run)
{
    char *path = path_join(run, BEST_NAME), *directory = path_join(run, "best");
    settings *config = NULL;
    int result = -1;
    if (path && directory && !settings_load(&config, path, NULL, 0) &&
        !check_is_same(config, directory)) {
        log_info("training the best into %s", directory);
        result = trial_run_only(d, config, directory);
    }
    settings_free(config);
    free(directory);
    free(path);
    return result;
}
