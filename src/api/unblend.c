/* What include/unblend.h declares: each call checks its arguments, hands them on, and is silent. */
#include "unblend.h"

#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "separate/folder.h"
#include <stdio.h>
#include <stdlib.h>

enum { BATCH = 32 };

struct ub_model {
    separator *separator;
    char *path; /* for manifests */
    typical typical;
    struct folder_options folder; /* what every folder's have */
};

const char *ub_version(void)
{
    return UB_VERSION;
}

const char *ub_error(void)
{
    return error_message();
}

/* ---- A model ---- */

/* The model with the caller's choice of device over its settings. */
static int open_file(const char *path, const ub_open_options *options, model_file *out)
{
    const char *overrides[2];
    size_t count = 0;
    char *platform = NULL, *device = NULL;
    int result = -1;
    if (options->platform && !(platform = format_text("device.platform=%s", options->platform)))
        goto done;
    if (options->device && !(device = format_text("device.device=%s", options->device)))
        goto done;
    if (platform)
        overrides[count++] = platform;
    if (device)
        overrides[count++] = device;
    result = model_open(path, overrides, count, out);
done:
    free(platform);
    free(device);
    return result;
}

ub_model *ub_open(const char *path, const ub_open_options *options)
{
    static const ub_open_options none;
    const ub_open_options *how = options ? options : &none;
    log_set_level(LOG_SILENT);
    error_clear();
    if (!path || how->batch < 0) {
        fail(STATUS_USAGE, "ub_open: path is NULL, or batch is negative");
        return NULL;
    }
    struct separator_options limits = {.batch = how->batch ? how->batch : BATCH,
                                       .memory = how->memory};
    model_file file = {0};
    ub_model *model = allocate(1, sizeof *model);
    if (!model || !(model->path = copy_text(path)) || open_file(path, how, &file) ||
        separator_open(&model->separator, path, &file, limits)) {
        ub_close(model);
        model = NULL;
    } else {
        model->typical = file.typical;
        model->folder = folder_options_of(model->path, &file);
        model->folder.typical = &model->typical;
    }
    model_close(&file);
    return model;
}

void ub_close(ub_model *model)
{
    if (!model)
        return;
    separator_close(model->separator);
    free(model->path);
    free(model);
}

static const mixture *mixture_of(const ub_model *model)
{
    return separator_mixture(model->separator);
}

int ub_sources(const ub_model *model)
{
    return mixture_of(model)->sources;
}

const char *ub_source_name(const ub_model *model, int source)
{
    return source >= 0 && source < ub_sources(model) ? mixture_of(model)->names[source] : NULL;
}

int ub_width(const ub_model *model)
{
    return mixture_of(model)->format.width;
}

int ub_height(const ub_model *model)
{
    return mixture_of(model)->format.height;
}

int ub_channels(const ub_model *model)
{
    return mixture_of(model)->format.channels;
}

int ub_takes(const ub_model *model, int width, int height)
{
    (void)model;
    return width > 0 && height > 0;
}

const char *ub_device_name(const ub_model *model)
{
    return separator_device_name(model->separator);
}

/* ---- Pictures in memory ---- */

/* n pictures like that one, value_size being that of its type; -1 also for results that are no numbers. */
static int separate(ub_model *model, int n, separation like, size_t value_size, void *results)
{
    error_clear();
    if (!model || !like.mixture || !results || n < 0)
        return fail(STATUS_USAGE, "separating pictures: an argument is NULL, or n is negative");
    if (like.width < 1 || like.height < 1)
        return fail(STATUS_USAGE, "separating pictures: %d x %d pixels", like.width, like.height);
    struct image_format format = {like.height, like.width, ub_channels(model)};
    size_t count = (size_t)n, size = image_values(format) * value_size;
    separation *items = allocate(count, sizeof *items);
    if (!items)
        return -1;
    for (size_t i = 0; i < count; i++) {
        items[i] = like;
        items[i].mixture = (const char *)like.mixture + i * size;
        for (size_t k = 0; k < (size_t)ub_sources(model); k++)
            items[i].sources[k] = (char *)results + (k * count + i) * size;
    }
    int result = separator_run(model->separator, items, count);
    for (size_t i = 0; i < count && !result; i++) {
        char name[64];
        snprintf(name, sizeof name, "picture %zu of %zu", i + 1, count);
        result = separator_check(model->separator, &items[i], name);
    }
    free(items);
    return result;
}

int ub_separate_bytes(ub_model *model, int n, int height, int width, const unsigned char *pixels,
                      unsigned char *results)
{
    separation like = {.width = width,
                       .height = height,
                       .type = PIXELS_BYTES,
                       .result_type = PIXELS_BYTES,
                       .mixture = pixels};
    return separate(model, n, like, sizeof *pixels, results);
}

int ub_separate_float(ub_model *model, int n, int height, int width, const float *pixels,
                      float *results)
{
    separation like = {.width = width,
                       .height = height,
                       .type = PIXELS_FLOATS,
                       .result_type = PIXELS_FLOATS,
                       .mixture = pixels};
    return separate(model, n, like, sizeof *pixels, results);
}

/* ---- A folder of pictures ---- */

static void tell_failed(const worklist *w, const ub_folder_options *options)
{
    for (size_t i = 0; i < w->count && options->failed; i++)
        if (w->items[i].status == WORK_FAILED)
            options->failed(options->context, w->items[i].name, w->items[i].error);
}

static int pass_progress(void *context, const struct folder_progress *p)
{
    const ub_folder_options *how = context;
    return how->progress ? how->progress(how->context, p->seen, p->total) : 0;
}

int ub_separate_folder(ub_model *model, const char *input, const char *output,
                       const ub_folder_options *options, ub_folder_counts *counts)
{
    static const ub_folder_options none;
    const ub_folder_options *how = options ? options : &none;
    worklist *w;
    error_clear();
    if (!model || !input || !output)
        return fail(STATUS_USAGE, "ub_separate_folder: an argument is NULL");
    if (worklist_new(&w, input, output, mixture_of(model), (struct worklist_options){0}))
        return -1;
    struct folder_options run = model->folder;
    run.progress = pass_progress;
    run.context = (void *)how;
    int result = separate_folder(model->separator, w, &run);
    if (!result) {
        tell_failed(w, how);
        error_clear(); /* of single pictures */
    }
    if (!result && counts)
        *counts = (ub_folder_counts){.pictures = w->count,
                                     .separated = worklist_count(w, WORK_DONE),
                                     .failed = worklist_count(w, WORK_FAILED),
                                     .left = worklist_count(w, WORK_PENDING),
                                     .others = w->others.count};
    worklist_free(w);
    return result;
}
