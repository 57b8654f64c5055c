/* unblend plot RUN: a run's history.svg, then its panel.png, which needs the data and a device. */
#include "base/error.h"
#include "base/files.h"
#include "base/identify.h"
#include "cli/cli.h"
#include "compute/open_device.h"
#include "plot/pictures.h"
#include <stdlib.h>

/* Before anything is written. */
static int check(const options *given, const char *run)
{
    settings *s = NULL;
    const char *kind = file_identify(run).name;
    if (given->count > PANEL_ROWS_MOST)
        return fail(STATUS_USAGE, "plot: --count %ld: a panel has at most %d rows", given->count,
                    PANEL_ROWS_MOST);
    if (file_exists(run))
        return fail(STATUS_USAGE,
                    "%s: %s, and plot takes the directory of a run, as `train` leaves it", run,
                    kind ? kind : "a file");
    int result = options_settings(given, NULL, &s);
    settings_free(s);
    return result;
}

static int plot_panel(const options *given, const char *run)
{
    model_file m = {0};
    device *d = NULL;
    int result = -1;
    char *path = path_join(run, MODEL_NAME);
    if (path && !options_model(given, path, &m) &&
        !open_device_for_inference(&d, &m.settings->device))
        result = picture_panel(d, m.settings, m.tensors, path, run, (int)given->count);
    device_close(d);
    model_close(&m);
    free(path);
    return result;
}

static int run_plot(const options *given)
{
    const char *run = given->arguments[0];
    if (check(given, run))
        return -1;
    directory_sweep(run);
    if (picture_history(run))
        return -1;
    printf("%s/%s\n", run, HISTORY_PICTURE_NAME);
    if (plot_panel(given, run))
        return fail_while("%s/%s is written, %s is not", run, HISTORY_PICTURE_NAME,
                          PANEL_PICTURE_NAME);
    printf("%s/%s\n", run, PANEL_PICTURE_NAME);
    return 0;
}

const command plot_command = {
    .name = "plot",
    .summary = "Draw a run's losses and what its model makes of test images",
    .arguments = "RUN",
    .description =
        "Draws RUN/history.svg from RUN/history.json: the losses of every epoch; and\n"
        "RUN/panel.png with RUN/model.safetensors: blends of the test sets, a row each:\n"
        "input, truths, results, absolute errors.\n",
    .examples = "  unblend plot runs/first\n",
    .options = OPTIONS_COMPUTE | OPTION_COUNT | OPTION_SEED | OPTION_DATA,
    .least = 1,
    .most = 1,
    .run = run_plot,
};
