#define _XOPEN_SOURCE 700 /* realpath */
#include "separate/worklist.h"

#include "base/error.h"
#include "base/files.h"
#include "base/memory.h"
#include "separate/earlier.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- Which pictures ---- */

static int list_pictures(worklist *w, const char *folder)
{
    struct folder found;
    if (!(w->input = copy_text(folder)) || folder_list(folder, &found))
        return -1;
    if (!(w->items = allocate(found.pictures.count, sizeof *w->items))) {
        folder_release(&found);
        return -1;
    }
    for (size_t i = 0; i < found.pictures.count; i++)
        w->items[i].name = found.pictures.names[i];
    w->count = found.pictures.count;
    w->others = found.others;
    free(found.pictures.names); /* not what it held */
    w->whole_input = realpath(folder, NULL);
    return w->whole_input ? 0 : fail(STATUS_DATA, "%s: %s", folder, strerror(errno));
}

/* ---- Where the results go ---- */

/* NAME.WHAT.png, where NAME is the picture's without its ending. */
static char *name_of(const work_item *item, const char *what)
{
    const char *dot = strrchr(item->name, '.');
    int length = (int)(dot && dot != item->name ? (size_t)(dot - item->name) : strlen(item->name));
    return format_text("%.*s.%s.png", length, item->name, what);
}

static const char *const extras[OUTPUTS] = {
    [OUTPUT_INPUT] = "input", [OUTPUT_RESIDUAL] = "residual"};

static bool writes(const worklist *w, int output)
{
    return w->options.gallery || (output == OUTPUT_RESIDUAL && w->options.residual);
}

static int refuse_source_names(const worklist *w)
{
    for (int i = SOURCES_MAX; i < OUTPUTS; i++)
        for (int k = 0; k < w->mixture.sources; k++)
            if (writes(w, i) && !strcmp(w->mixture.names[k], extras[i]))
                return fail(STATUS_USAGE,
                            "a source of this model is called %s, and so would be what %s writes; "
                            "separate without it",
                            extras[i], w->options.gallery ? "--gallery" : "--residual");
    return 0;
}

static int name_outputs(worklist *w)
{
    for (size_t i = 0; i < w->count; i++) {
        work_item *item = &w->items[i];
        for (int k = 0; k < w->mixture.sources; k++)
            if (!(item->outputs[k] = name_of(item, w->mixture.names[k])))
                return -1;
        for (int k = SOURCES_MAX; k < OUTPUTS; k++)
            if (writes(w, k) && !(item->outputs[k] = name_of(item, extras[k])))
                return -1;
    }
    return refuse_source_names(w);
}

static int compare_outputs(const void *left, const void *right)
{
    const work_item *const *a = left, *const *b = right;
    return strcmp((*a)->outputs[0], (*b)->outputs[0]);
}

/* cat.png and cat.jpg would both become cat.mnist.png. A source's name holds no dot, so results are
 * equal only for the same source. */
static int refuse_equal_outputs(const worklist *w)
{
    const work_item **sorted = allocate(w->count, sizeof *sorted);
    int result = 0;
    if (!sorted)
        return -1;
    for (size_t i = 0; i < w->count; i++)
        sorted[i] = &w->items[i];
    qsort(sorted, w->count, sizeof *sorted, compare_outputs);
    for (size_t i = 1; i < w->count && !result; i++)
        if (!compare_outputs(&sorted[i - 1], &sorted[i]))
            result = fail(STATUS_DATA,
                          "%s: %s and %s would both give %s; rename one of them, nothing was done",
                          w->input, sorted[i - 1]->name, sorted[i]->name, sorted[i]->outputs[0]);
    free(sorted);
    return result;
}

static int refuse_output(const worklist *w)
{
    struct stat input, output;
    if (!stat(w->output, &output) && !S_ISDIR(output.st_mode))
        return fail(STATUS_USAGE, "%s: not a directory; choose another output folder", w->output);
    if (stat(w->input, &input) || stat(w->output, &output) || input.st_dev != output.st_dev ||
        input.st_ino != output.st_ino)
        return 0;
    return fail(STATUS_USAGE,
                "%s: input and output are the same folder, where results would become the next "
                "run's input; choose another output folder",
                w->output);
}

int worklist_new(worklist **out, const char *input, const char *output, const mixture *m,
                 struct worklist_options options)
{
    worklist *w = allocate(1, sizeof *w);
    if (!w)
        return -1;
    w->mixture = *m;
    w->options = options;
    if (!(w->output = copy_text(output)) || list_pictures(w, input) || name_outputs(w) ||
        refuse_equal_outputs(w) || refuse_output(w) || earlier_read(w))
        goto failed;
    *out = w;
    return 0;
failed:
    worklist_free(w);
    return -1;
}

void worklist_free(worklist *w)
{
    if (!w)
        return;
    for (size_t i = 0; i < w->count; i++) {
        free(w->items[i].name);
        free(w->items[i].error);
        free(w->items[i].warning);
        free(w->items[i].unscored);
        for (int k = 0; k < OUTPUTS; k++)
            free(w->items[i].outputs[k]);
    }
    free(w->items);
    name_list_release(&w->others);
    json_decref(w->earlier);
    free(w->input);
    free(w->whole_input);
    free(w->output);
    free(w);
}

/* ---- One picture ---- */

int worklist_write(const worklist *w, work_item *item, int output, const struct image *picture)
{
    unsigned char *png = NULL;
    size_t length;
    char *path = path_join(w->output, item->outputs[output]);
    int result = path ? image_pack(path, picture, &png, &length) : -1;
    if (!result) {
        result = file_write_named(path, png, length, STATUS_DATA);
        free(png);
    }
    item->ours[output] |= !result;
    free(path);
    return result;
}

static int remove_result(const worklist *w, work_item *item, int source)
{
    char *path = path_join(w->output, item->outputs[source]);
    int result = path ? 0 : -1;
    if (path && unlink(path) && errno != ENOENT)
        result = fail(STATUS_RUNTIME, "%s: cannot be removed: %s", path, strerror(errno));
    item->ours[source] = false;
    free(path);
    return result;
}

int worklist_fail(const worklist *w, work_item *item)
{
    item->status = WORK_FAILED;
    item->error = copy_text(error_message());
    int result = item->error ? 0 : -1;
    for (int k = 0; k < OUTPUTS; k++)
        if (item->ours[k] && remove_result(w, item, k))
            result = -1;
    return result;
}

size_t worklist_count(const worklist *w, enum work_status status)
{
    size_t count = 0;
    for (size_t i = 0; i < w->count; i++)
        count += w->items[i].status == status;
    return count;
}
