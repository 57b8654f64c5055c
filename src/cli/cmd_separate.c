/* unblend separate MODEL INPUT OUTPUT: every picture of a folder into its sources, and a manifest that
 * says how each one fared. */
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/signals.h"
#include "cli/cli.h"
#include "separate/earlier.h"
#include "separate/folder.h"
#include "separate/truths.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The files that were passed over, by name while they are few. */
static void tell_of_others(const worklist *w)
{
    enum { NAMED = 3 };
    char names[256] = "";
    size_t count = w->others.count, used = 0;
    for (size_t i = 0; i < count && i < NAMED; i++)
        used += (size_t)snprintf(names + used, sizeof names - used, "%s%.60s", i ? ", " : "",
                                 w->others.names[i]);
    if (count)
        log_info("%zu file%s in %s %s no picture%s and left out: %s%s", count, count > 1 ? "s" : "",
                 w->input, count > 1 ? "are" : "is", count > 1 ? "s" : "", names,
                 count > NAMED ? ", ..." : "");
}

/* A signal ends the run between two batches. */
static int show_progress(void *context, const struct folder_progress *p)
{
    const double *start = context;
    if (p->tiles_total)
        log_live("%zu of %zu images, tile %zu of %zu", p->seen, p->total, p->tiles, p->tiles_total);
    else
        log_live("%zu of %zu images, %.1f images/s", p->seen, p->total,
                 (double)p->seen / (clock_seconds() - *start));
    return signals_caught();
}

static void tell_of_results(const separator *s, const worklist *w, double seconds)
{
    size_t done = worklist_count(w, WORK_DONE);
    log_info("%zu of %zu images separated in %.1f s (%.1f images/s), results in %s", done, w->count,
             seconds, (double)done / seconds, w->output);
    log_detail("at most %.0f MiB of device memory were used", (double)separator_peak(s) / 1048576);
}

/* What is worth knowing about single pictures although they are done: a few, unless more were asked for. */
static void tell_of_pictures(const worklist *w, bool all)
{
    enum { NAMED = 5 };
    size_t told = 0;
    for (size_t i = 0; i < w->count; i++) {
        const work_item *item = &w->items[i];
        const char *texts[] = {item->warning, item->unscored};
        for (int t = 0; t < 2; t++)
            if (item->status == WORK_DONE && texts[t] && (all || told < NAMED))
                log_warning("%s/%s: %s", w->input, item->name, texts[t]);
        told += item->status == WORK_DONE && (item->warning || item->unscored);
    }
    if (!all && told > NAMED)
        log_warning("and %zu more such pictures: %s/" MANIFEST_NAME " has them all", told - NAMED,
                    w->output);
}

static void print_scores(const worklist *w)
{
    double psnr[SOURCES_MAX], ssim[SOURCES_MAX];
    size_t scored = worklist_mean_scores(w, psnr, ssim);
    if (!scored)
        return;
    printf("%-12s  %10s  %10s\n", "", "psnr", "ssim");
    for (int k = 0; k < w->mixture.sources; k++) {
        printf("%-12s  %10.4f  ", w->mixture.names[k], psnr[k]);
        if (isnan(ssim[k]))
            printf("%10s\n", "-"); /* for pictures that are too small */
        else
            printf("%10.6f\n", ssim[k]);
    }
    printf("means of %zu image%s\n", scored, scored > 1 ? "s" : "");
}

/* The failed pictures, and what they make of the whole. */
static int verdict(const worklist *w, const options *given)
{
    size_t failed = worklist_count(w, WORK_FAILED), unscored = 0;
    for (size_t i = 0; i < w->count; i++) {
        unscored += w->items[i].status == WORK_DONE && w->items[i].unscored;
        if (w->items[i].status != WORK_FAILED)
            continue;
        if (given->strict)
            return fail(STATUS_DATA, "%s; stopped there (--strict), %zu of %zu images are done",
                        w->items[i].error, worklist_count(w, WORK_DONE), w->count);
        log_warning("%s", w->items[i].error);
    }
    if (failed)
        return fail(STATUS_PARTIAL,
                    "%zu of %zu images failed and were skipped (listed above); the others' "
                    "results are in %s",
                    failed, w->count, w->output);
    return unscored ? fail(STATUS_PARTIAL,
                           "%zu of %zu images were separated but could not be compared with "
                           "truths (listed above)",
                           unscored, w->count)
                    : 0;
}

static int check_signals(const worklist *w)
{
    int signal = signals_caught();
    return signal ? fail((enum status)(128 + signal),
                         "interrupted; %zu of %zu images are done, results in %s",
                         worklist_count(w, WORK_DONE), w->count, w->output)
                  : 0;
}

static int separate(separator *s, worklist *w, const options *given, const model_file *model)
{
    double start = clock_seconds();
    struct folder_options how = folder_options_of(given->arguments[0], model);
    how.channels = given->colour && !strcmp(given->colour, "channels");
    how.depth = given->depth ? atoi(given->depth) : 0;
    how.truths = given->truth;
    how.strict = given->strict;
    how.progress = show_progress;
    how.context = &start;
    tell_of_others(w);
    signals_catch();
    int result = separate_folder(s, w, &how);
    if (!result)
        result = check_signals(w);
    signals_release();
    log_live_end();
    if (result)
        return -1;
    tell_of_results(s, w, clock_seconds() - start);
    tell_of_pictures(w, given->verbose);
    if (given->json && print_json(folder_manifest(s, w, &how)))
        return -1;
    if (!given->json)
        print_scores(w);
    return verdict(w, given);
}

/* What is wrong with the folders is said before a device is opened. */
static int run_separate(const options *given)
{
    const char *model = given->arguments[0];
    struct worklist_options extras = {given->residual, given->gallery};
    struct separator_options limits = {
        .batch = (int)given->batch, .memory = given->memory > 0 ? (size_t)given->memory << 20 : 0};
    model_file file = {0};
    separator *s = NULL;
    worklist *w = NULL;
    int result = -1;
    if (options_model(given, model, &file))
        return -1;
    if (!worklist_new(&w, given->arguments[1], given->arguments[2], &file.mixture, extras) &&
        !(given->truth && truths_look(given->truth, w)) &&
        !separator_open(&s, model, &file, limits))
        result = separate(s, w, given, &file);
    worklist_free(w);
    separator_close(s);
    model_close(&file);
    return result;
}

const command separate_command = {
    .name = "separate",
    .summary = "Separate blended images into their sources",
    .arguments = "MODEL INPUT OUTPUT",
    .description =
        "Separates every image (PNG, JPEG, TIFF, WebP, PGM, PPM) in the directory INPUT\n"
        "with the trained MODEL. Images may have any size; what the device's memory does\n"
        "not hold is computed in tiles. The sources of cat.jpg are written to the\n"
        "directory OUTPUT as cat.SOURCE.png, in colour or gray and with 8 or 16 bits as\n"
        "cat.jpg is, with its resolution and colour profile. OUTPUT/manifest.json says how\n"
        "each image fared, and how far the blend of its sources is from it. A bad image is\n"
        "skipped and counted: the exit code is then 8.\n",
    .examples = "  unblend separate models/unet.safetensors mixtures/ separated/\n"
                "  unblend separate digits-fashion scans/ out/ --depth 16 --gallery\n",
    .options = OPTIONS_COMPUTE | OPTION_STRICT | OPTION_BATCH | OPTION_JSON | OPTIONS_PICTURES,
    .least = 3,
    .most = 3,
    .run = run_separate,
};
