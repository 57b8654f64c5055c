/* unblend search SPACE.ini, or --resume RUN: trains the trials of a space and leaves their record
 * and the winner's config in the run directory. */
#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "base/memory.h"
#include "check/network_check.h"
#include "cli/cli.h"
#include "compute/open_device.h"
#include "data/batches.h"
#include "search/search.h"
#include "train/run_directory.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What is searched: a space into a new run directory, or an old run's own space again. */
typedef struct job {
    char *space, *run;
    bool resume;
} job;

/* runs/NAME for a space called NAME.ini */
static char *default_run(const char *path)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    const char *dot = strrchr(name, '.');
    int length = dot && dot != name ? (int)(dot - name) : (int)strlen(name);
    return format_text("runs/%.*s", length, name);
}

static int choose_job(const options *given, job *j)
{
    *j = (job){.resume = given->resume};
    if (given->resume && (given->argument_count || given->run || given->force || given->set_count ||
                          given->seed >= 0))
        return fail(STATUS_USAGE,
                    "search: --resume RUN takes the run's own space; SPACE, --run, --set, --seed "
                    "and --force do not go with it (see `unblend search --help`)");
    if (!given->resume && !given->argument_count)
        return fail(STATUS_USAGE,
                    "search: SPACE or --resume RUN is missing (see `unblend search --help`)");
    if (given->resume) {
        j->run = copy_text(given->resume);
        j->space = path_join(given->resume, "search.ini");
    } else {
        j->space = copy_text(given->arguments[0]);
        j->run = given->run ? copy_text(given->run) : default_run(given->arguments[0]);
    }
    return j->run && j->space ? 0 : -1;
}

/* Also with --force no search goes into another's directory: it would take the trials there for its
 * own. */
static int check_run_directory(const job *j, bool force)
{
    char *space = path_join(j->run, "search.ini");
    bool searched, there, filled;
    int result = space && !directory_look(j->run, STATUS_USAGE, &there) &&
                         !directory_look_inside(j->run, STATUS_USAGE, &filled) &&
                         !file_look(space, STATUS_USAGE, &searched)
                     ? 0
                     : -1;
    free(space);
    if (result)
        return -1;
    if (j->resume && !there)
        return fail(STATUS_USAGE, "%s: there is no such run to resume", j->run);
    if (j->resume || !filled)
        return 0;
    if (searched || !force)
        return fail(STATUS_USAGE,
                    "%s is not empty; --resume %s goes on with a search, or choose another --run%s",
                    j->run, j->run, searched ? "" : "; --force uses it all the same");
    return 0;
}

static int write_space(const space *s, const char *run)
{
    char *path = path_join(run, "search.ini"), *text = space_ini(s);
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
static int enter_run(const job *j, run_lock **lock)
{
    char *space = path_join(j->run, "search.ini");
    int result = space ? run_lock_take(lock, j->run) : -1;
    if (!result && !j->resume && file_exists(space))
        result =
            fail(STATUS_USAGE, "%s: another unblend has begun a search there meanwhile", j->run);
    free(space);
    return result;
}

static int search(device *d, const space *s, const job *j, const options *given)
{
    run_lock *lock = NULL;
    int result = -1;
    if ((s->base->device.selftest && network_check_quick(d, s->base)) || enter_run(j, &lock) ||
        (given->force && clear_run(s, j->run)) || write_space(s, j->run))
        goto done;
    log_info("seed %d, at most %d trials, run directory %s", s->base->train.seed, s->trials,
             j->run);
    if (search_run(d, s, j->run) || (given->train_best && search_train_best(d, j->run)))
        goto done;
    printf("%s/%s\n", j->run, given->train_best ? "best/" MODEL_NAME : "best.ini");
    result = 0;
done:
    run_lock_release(lock);
    return result;
}

int command_search(const options *given)
{
    space *s = NULL;
    device *d = NULL;
    job j;
    int result = -1;
    if (!choose_job(given, &j) && !check_run_directory(&j, given->force) &&
        !options_space(given, j.space, &s) && !open_device(&d, &s->base->device))
        result = search(d, s, &j, given);
    device_close(d);
    space_free(s);
    free(j.space);
    free(j.run);
    return result;
}
