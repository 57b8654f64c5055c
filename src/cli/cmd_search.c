/* unblend search SPACE.ini, or --resume RUN: trains the trials of a space and leaves their record
 * and the winner's config in the run directory. */
#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "base/memory.h"
#include "check/network_check.h"
#include "cli/cli.h"
#include "cli/run_choice.h"
#include "compute/open_device.h"
#include "data/batches.h"
#include "search/search.h"
#include "train/run_directory.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int choose_run(const options *given, run_choice *c)
{
    static const struct run_file space = {"search", "SPACE", SPACE_NAME};
    if (given->resume && (given->argument_count || given->run || given->force || given->set_count ||
                          given->seed >= 0))
        return fail(STATUS_USAGE,
                    "search: --resume RUN takes the run's own space; SPACE, --run, --set, --seed "
                    "and --force do not go with it (see `unblend search --help`)");
    return run_choice_make(c, given, &space);
}

/* Also with --force no search goes into another's directory: it would take the trials there for its
 * own. */
static int check_run_directory(const run_choice *c, bool force)
{
    char *space = path_join(c->run, SPACE_NAME);
    bool searched, filled;
    int result = space && !run_choice_look(c, &filled) && !file_look(space, STATUS_USAGE, &searched)
                     ? 0
                     : -1;
    free(space);
    if (result)
        return -1;
    if (c->resume || !filled)
        return 0;
    if (searched || !force)
        return fail(STATUS_USAGE,
                    "%s is not empty; --resume %s goes on with a search, or choose another --run%s",
                    c->run, c->run, searched ? "" : "; --force uses it all the same");
    return 0;
}

static int write_space(const space *s, const char *run)
{
    char *path = path_join(run, SPACE_NAME), *text = space_ini(s);
    int result = path && text ? file_write_atomic(path, text, strlen(text)) : -1;
    free(path);
    free(text);
    return result;
}

/* What is there is not removed before the sets that the trials need are known to be readable. */
static int clear_run(const space *s, const char *run)
{
    for (int k = 0; k < s->base->data.mixture.sources; k++) {
        dataset *set;
        if (source_open(&set, &s->base->data, k, DATASET_TRAINING))
            return -1;
        dataset_close(set);
    }
    return search_clear(run);
}

/* Another process may have begun a search there since it was looked at. */
static int enter_run(const run_choice *c, run_lock **lock)
{
    char *space = path_join(c->run, SPACE_NAME);
    int result = space ? run_lock_take(lock, c->run) : -1;
    if (!result && !c->resume && file_exists(space))
        result =
            fail(STATUS_USAGE, "%s: another unblend has begun a search there meanwhile", c->run);
    free(space);
    return result;
}

static int search(device *d, const space *s, const run_choice *c, const options *given)
{
    run_lock *lock = NULL;
    int result = -1;
    if ((s->base->device.selftest && network_check_quick(d, s->base)) || enter_run(c, &lock) ||
        (given->force && clear_run(s, c->run)) || write_space(s, c->run))
        goto done;
    log_info("seed %d, at most %d trials, run directory %s", s->base->train.seed, s->trials,
             c->run);
    if (search_run(d, s, c->run) || (given->train_best && search_train_best(d, c->run)))
        goto done;
    printf("%s/%s\n", c->run, given->train_best ? "best/" MODEL_NAME : BEST_NAME);
    result = 0;
done:
    run_lock_release(lock);
    return result;
}

static int run_search(const options *given)
{
    space *s = NULL;
    device *d = NULL;
    run_choice c = {0};
    int result = -1;
    if (!choose_run(given, &c) && !check_run_directory(&c, given->force) &&
        !options_space(given, c.file, &s) && !open_device(&d, &s->base->device))
        result = search(d, s, &c, given);
    device_close(d);
    space_free(s);
    run_choice_release(&c);
    return result;
}

const command search_command = {
    .name = "search",
    .summary = "Search for the settings that train best",
    .arguments = "[SPACE]",
    .description =
        "Trains with different settings and compares. SPACE is a config with [space] and,\n"
        "if you like, [search] and [final] as well. The defaults of [search]:\n"
        "\n"
        "  [search]\n"
        "  strategy = random      random, or halving: every trial gets few epochs, one in\n"
        "                         eta continues with eta times as many, and so on\n"
        "  trials = 50            fewer if the space has fewer\n"
        "  eta = 3                of halving\n"
        "  min_epochs = 1         of halving\n"
        "  [space]\n"
        "  model.filters = 32 | 64 | 128             one of a list\n"
        "  train.learning_rate = 1e-4 .. 1e-2 log    in a range, log or linear\n"
        "  [final]\n"
        "  train.epochs = 100     over the best trial's config, for best.ini\n"
        "\n"
        "The run directory has trials.csv and trials.json, the best trial first, written\n"
        "as each one ends; best.ini, ready for `train`; and each trial's run in trials/.\n"
        "A trial that diverges or needs too much memory is recorded, and the search\n"
        "continues. --resume continues a search that was stopped: no trial is lost or\n"
        "repeated.\n",
    .examples = "  unblend search configs/search-small.ini --run runs/search --train-best\n"
                "  unblend search --resume runs/search\n"
                "  unblend search configs/search.ini --trials 10 --set train.epochs=2\n",
    .options = OPTIONS_COMPUTE | OPTION_RUN | OPTION_RESUME | OPTION_SET | OPTION_SEED |
               OPTION_TRIALS | OPTION_TRAIN_BEST | OPTION_FORCE,
    .least = 0,
    .most = 1,
    .run = run_search,
};
