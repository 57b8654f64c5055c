/* unblend train CONFIG.ini, or --resume RUN: trains, and leaves the model, history, checkpoints and
 * the effective config in the run directory. */
#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "base/memory.h"
#include "check/network_check.h"
#include "cli/cli.h"
#include "compute/open_device.h"
#include "plot/pictures.h"
#include "train/run_directory.h"
#include "train/trainer.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What is trained: a config into a new run directory, or an old run's own config again. */
typedef struct job {
    char *config, *run;
    bool resume;
} job;

/* runs/NAME for a config called NAME.ini */
static char *default_run(const char *config)
{
    const char *slash = strrchr(config, '/'), *name = slash ? slash + 1 : config;
    const char *dot = strrchr(name, '.');
    int length = dot && dot != name ? (int)(dot - name) : (int)strlen(name);
    return format_text("runs/%.*s", length, name);
}

static int choose_job(const options *given, job *j)
{
    *j = (job){.resume = given->resume};
    if (given->resume && (given->argument_count || given->run || given->force))
        return fail(STATUS_USAGE,
                    "train: --resume RUN takes the run's own config; CONFIG, --run and "
                    "--force do not go with it (see `unblend train --help`)");
    if (!given->resume && !given->argument_count)
        return fail(STATUS_USAGE,
                    "train: CONFIG or --resume RUN is missing (see `unblend train --help`)");
    if (given->resume) {
        j->run = copy_text(given->resume);
        j->config = path_join(given->resume, CONFIG_NAME);
    } else {
        j->config = copy_text(given->arguments[0]);
        j->run = given->run ? copy_text(given->run) : default_run(given->arguments[0]);
    }
    return j->run && j->config ? 0 : -1;
}

static int check_run_directory(const job *j, bool force)
{
    bool there, filled;
    if (directory_look(j->run, STATUS_USAGE, &there) ||
        directory_look_inside(j->run, STATUS_USAGE, &filled))
        return -1;
    if (j->resume && !there)
        return fail(STATUS_USAGE, "%s: there is no such run to resume", j->run);
    if (!j->resume && !force && filled)
        return fail(
            STATUS_USAGE,
            "%s is not empty; --resume %s goes on with it, --force writes over it, or choose "
            "another --run",
            j->run, j->run);
    return 0;
}

/* Training needs no test sets, but the panel does: a picture that cannot be drawn is no failure. */
static void draw_pictures(device *d, const settings *s, const char *run)
{
    if (pictures_write(d, s, run)) {
        log_warning("%s (`unblend plot %s` tries again)", error_message(), run);
        error_clear();
    }
}

/* Another process may have begun a run there since it was looked at. */
static int enter_run(const job *j, bool force, run_lock **lock)
{
    char *config = path_join(j->run, CONFIG_NAME);
    int result = config ? run_lock_take(lock, j->run) : -1;
    if (!result && !j->resume && !force && file_exists(config))
        result = fail(STATUS_USAGE, "%s: another unblend has begun a run there meanwhile", j->run);
    free(config);
    return result;
}

/* An old run is locked before its checkpoint is read; a new one's directory is made last, so that a
 * run that cannot start leaves none behind. */
static int train(device *d, const settings *s, const job *j, bool force)
{
    trainer *t = NULL;
    run_lock *lock = NULL;
    int result = -1;
    if ((s->device.selftest && network_check_quick(d, s)) ||
        (j->resume && enter_run(j, force, &lock)) || trainer_new(&t, d, s, j->run, j->resume) ||
        (!j->resume && enter_run(j, force, &lock)))
        goto done;
    log_info("seed %d, %d steps of %d pairs an epoch, run directory %s", s->train.seed,
             s->train.steps_per_epoch, s->train.batch, j->run);
    result = trainer_run(t);
    if (!result) {
        draw_pictures(d, s, j->run);
        printf("%s/" MODEL_NAME "\n", j->run);
    }
done:
    trainer_free(t);
    run_lock_release(lock);
    return result;
}

int command_train(const options *given)
{
    settings *s = NULL;
    device *d = NULL;
    job j;
    int result = -1;
    if (!choose_job(given, &j) && !check_run_directory(&j, given->force) &&
        !options_settings(given, j.config, &s) && !open_device(&d, &s->device))
        result = train(d, s, &j, given->force);
    device_close(d);
    settings_free(s);
    free(j.config);
    free(j.run);
    return result;
}
