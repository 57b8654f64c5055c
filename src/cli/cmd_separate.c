/* unblend separate MODEL INPUT OUTPUT: every picture of a folder into its sources, and a manifest that
 * says how each one fared. */
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "cli/cli.h"
#include "separate/folder.h"

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

static int show_progress(void *context, size_t seen, size_t total)
{
    const double *start = context;
    log_live("%zu of %zu images, %.1f images/s", seen, total,
             (double)seen / (clock_seconds() - *start));
    return 0;
}

static void tell_of_results(const worklist *w, double seconds)
{
    size_t done = worklist_count(w, WORK_DONE);
    log_info("%zu of %zu images separated in %.1f s (%.1f images/s), results in %s", done, w->count,
             seconds, (double)done / seconds, w->output);
}

/* The failed pictures, and what they make of the whole. */
static int verdict(const worklist *w, const options *given)
{
    size_t failed = worklist_count(w, WORK_FAILED);
    for (size_t i = 0; i < w->count; i++) {
        if (w->items[i].status != WORK_FAILED)
            continue;
        if (given->strict)
            return fail(STATUS_DATA, "%s; stopped there (--strict), %zu of %zu images are done",
                        w->items[i].error, worklist_count(w, WORK_DONE), w->count);
        log_warning("%s", w->items[i].error);
    }
    return failed ? fail(STATUS_PARTIAL,
                         "%zu of %zu images failed and were skipped (listed above); the others' "
                         "results are in %s",
                         failed, w->count, w->output)
                  : 0;
}

static int separate(separator *s, worklist *w, const options *given)
{
    double start = clock_seconds();
    struct folder_options how = {.model = given->arguments[0],
                                 .strict = given->strict,
                                 .progress = show_progress,
                                 .context = &start};
    tell_of_others(w);
    int result = separate_folder(s, w, &how);
    log_live_end();
    if (result)
        return -1;
    tell_of_results(w, clock_seconds() - start);
    if (given->json && print_json(folder_manifest(s, w, &how)))
        return -1;
    return verdict(w, given);
}

/* What is wrong with the folders is said before a device is opened. */
static int run_separate(const options *given)
{
    const char *model = given->arguments[0];
    model_file file = {0};
    separator *s = NULL;
    worklist *w = NULL;
    int result = -1;
    if (options_model(given, model, &file))
        return -1;
    if (!worklist_new(&w, given->arguments[1], given->arguments[2], &file.mixture) &&
        !separator_open(&s, model, &file, (int)given->batch))
        result = separate(s, w, given);
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
        "Separates all images (PNG, JPEG, TIFF, WebP, PNM) in directory INPUT with the\n"
        "trained MODEL. An image must have the model's size, or that of its training\n"
        "images; it becomes gray or colour as the model needs. The sources of cat.png are\n"
        "written to the directory OUTPUT as cat.SOURCE.png; OUTPUT/manifest.json says how\n"
        "each image fared. A bad image is skipped and counted: the exit code is then 8.\n",
    .examples = "  unblend separate models/unet.safetensors mixtures/ separated/\n",
    .options = OPTIONS_COMPUTE | OPTION_STRICT | OPTION_BATCH | OPTION_JSON,
    .least = 3,
    .most = 3,
    .run = run_separate,
};
