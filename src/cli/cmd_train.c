/* unblend train CONFIG.ini, or --resume RUN: trains, and leaves the model, history, checkpoints and
 * the effective config in the run directory. */
#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "base/memory.h"
#include "check/network_check.h"
#include "cli/cli.h"
#include "cli/run_choice.h"
#include "compute/open_device.h"
#include "plot/pictures.h"
#include "train/run_directory.h"
#include "train/trainer.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Where a training begins cannot change once it has; the run's config would tell of another. */
static int check_sets(const options *given)
{
    static const char begins[] = "train.start_";
    for (size_t i = 0; i < given->set_count; i++)
        if (!strncmp(given->sets[i], begins, sizeof begins - 1))
            return fail(STATUS_USAGE, "--set %.60s: says where a training begins; %s has begun",
                        given->sets[i], given->resume);
    return 0;
}

static int choose_run(const options *given, run_choice *c)
{
    static const struct run_file config = {"train", "CONFIG", CONFIG_NAME};
    if (given->resume && (given->argument_count || given->run || given->force))
        return fail(STATUS_USAGE,
                    "train: --resume RUN takes the run's own config; CONFIG, --run and "
                    "--force do not go with it (see `unblend train --help`)");
    if (given->resume && check_sets(given))
        return -1;
    return run_choice_make(c, given, &config);
}

static int check_run_directory(const run_choice *c, bool force)
{
    bool filled;
    if (run_choice_look(c, &filled))
        return -1;
    if (!c->resume && !force && filled)
        return fail(
            STATUS_USAGE,
            "%s is not empty; --resume %s goes on with it, --force writes over it, or choose "
            "another --run",
            c->run, c->run);
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
static int enter_run(const run_choice *c, bool force, run_lock **lock)
{
    char *config = path_join(c->run, CONFIG_NAME);
    int result = config ? run_lock_take(lock, c->run) : -1;
    if (!result && !c->resume && !force && file_exists(config))
        result = fail(STATUS_USAGE, "%s: another unblend has begun a run there meanwhile", c->run);
    free(config);
    return result;
}

/* An old run is locked before its checkpoint is read; a new one's directory is made last, so that a
 * run that cannot start leaves none behind. */
static int train(device *d, const settings *s, const run_choice *c, bool force)
{
    trainer *t = NULL;
    run_lock *lock = NULL;
    int result = -1;
    if ((s->device.selftest && network_check_quick(d, s)) ||
        (c->resume && enter_run(c, force, &lock)) || trainer_new(&t, d, s, c->run, c->resume) ||
        (!c->resume && enter_run(c, force, &lock)))
        goto done;
    log_info("seed %d, %d steps of %d blends an epoch, run directory %s", s->train.seed,
             s->train.steps_per_epoch, s->train.batch, c->run);
    result = trainer_run(t);
    if (!result) {
        draw_pictures(d, s, c->run);
        printf("%s/" MODEL_NAME "\n", c->run);
    }
done:
    trainer_free(t);
    run_lock_release(lock);
    return result;
}

static int run_train(const options *given)
{
    settings *s = NULL;
    device *d = NULL;
    run_choice c = {0};
    int result = -1;
    if (!choose_run(given, &c) && !check_run_directory(&c, given->force) &&
        !options_settings(given, c.file, &s) && !open_device(&d, &s->device))
        result = train(d, s, &c, given->force);
    device_close(d);
    settings_free(s);
    run_choice_release(&c);
    return result;
}

const command train_command = {
    .name = "train",
    .summary = "Train a model as a config file says",
    .arguments = "[CONFIG]",
    .description =
        "Trains the model that CONFIG, an INI file, describes, or resumes a run that was\n"
        "stopped (--resume). `unblend help config` prints every key with its default.\n",
    .examples = "  unblend train configs/unet.ini --run runs/first\n"
                "  unblend train --resume runs/first --set train.epochs=200\n"
                "  unblend train configs/unet.ini --run runs/small --set model.filters=32\n",
    .options =
        OPTIONS_COMPUTE | OPTION_RUN | OPTION_RESUME | OPTION_SET | OPTION_SEED | OPTION_FORCE,
    .least = 0,
    .most = 1,
    .run = run_train,
};
