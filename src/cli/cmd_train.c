/* unblend train CONFIG.ini: trains, and leaves the model, history and effective config in the run
 * directory. */
#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "base/memory.h"
#include "check/network_check.h"
#include "cli/cli.h"
#include "models/open_device.h"
#include "train/trainer.h"
#include <stdlib.h>
#include <string.h>

/* runs/NAME for a config called NAME.ini */
static char *default_run(const char *config)
{
    const char *slash = strrchr(config, '/'), *name = slash ? slash + 1 : config;
    const char *dot = strrchr(name, '.');
    int length = dot && dot != name ? (int)(dot - name) : (int)strlen(name);
    return format_text("runs/%.*s", length, name);
}

static int check_run_directory(const char *run, bool force)
{
    if (directory_exists(run) && !directory_is_empty(run) && !force)
        return fail(STATUS_USAGE,
                    "%s is not empty; choose another --run, or --force to write over the run there",
                    run);
    return 0;
}

static int write_config(const settings *s, const char *run)
{
    char *path = path_join(run, "config.ini"), *text = settings_ini(s);
    int result = path && text ? file_write_atomic(path, text, strlen(text)) : -1;
    free(path);
    free(text);
    return result;
}

/* The run directory is made last, so that a run that cannot start leaves none behind. */
static int train(device *d, const settings *s, const char *run)
{
    trainer *t;
    if ((settings_flag(s, "device.selftest") && network_check_quick(d, s)) ||
        trainer_new(&t, d, s, run))
        return -1;
    int result = -1;
    if (!directory_make(run) && !write_config(s, run)) {
        log_info("seed %ld, %ld steps of %ld pairs an epoch, run directory %s",
                 settings_int(s, "train.seed"), settings_int(s, "train.steps_per_epoch"),
                 settings_int(s, "train.batch"), run);
        result = trainer_run(t);
    }
    trainer_free(t);
    if (!result)
        printf("%s/model.safetensors\n", run);
    return result;
}

int command_train(const options *given)
{
    settings *s = NULL;
    device *d = NULL;
    int result = -1;
    char *run = given->run ? copy_text(given->run) : default_run(given->arguments[0]);
    if (run && !options_settings(given, given->arguments[0], &s) &&
        !check_run_directory(run, given->force) && !open_device(&d, s))
        result = train(d, s, run);
    device_close(d);
    settings_free(s);
    free(run);
    return result;
}
