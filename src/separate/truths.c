#include "separate/truths.h"

#include "base/error.h"
#include "base/files.h"
#include "base/memory.h"
#include "image/scores.h"
#include <stdlib.h>

/* ---- Which there are ---- */

static int has_truths(const char *folder, const worklist *w, const work_item *item, bool *all)
{
    *all = true;
    for (int k = 0; k < w->mixture.sources && *all; k++) {
        char *path = path_join(folder, item->outputs[k]);
        if (!path)
            return -1;
        *all = file_exists(path);
        free(path);
    }
    return 0;
}

int truths_look(const char *folder, const worklist *w)
{
    bool there;
    if (directory_look(folder, STATUS_DATA, &there))
        return -1;
    if (!there)
        return fail(STATUS_DATA, "%s: no such directory", folder);
    if (file_is_same(folder, w->output))
        return fail(STATUS_USAGE,
                    "%s: truths and output are the same folder, where results would be compared "
                    "with themselves; choose another output folder",
                    folder);
    for (size_t i = 0; i < w->count; i++) {
        bool all;
        if (has_truths(folder, w, &w->items[i], &all))
            return -1;
        if (all)
            return 0;
    }
    return w->count ? fail(STATUS_DATA,
                           "%s: holds the truths of none of the pictures in %s; those of %s would "
                           "be called %s and so on",
                           folder, w->input, w->items[0].name, w->items[0].outputs[0])
                    : 0;
}

/* ---- Scores ---- */

/* STATUS_DATA for what cannot be compared. */
static int read_truth(const char *path, const struct image *like, struct image *truth)
{
    struct image_request wanted = {.channels = like->channels, .deep = true};
    if (image_read_as(path, &wanted, truth))
        return -1;
    if (truth->width == like->width && truth->height == like->height)
        return 0;
    int result = fail(STATUS_DATA, "%s: %d x %d pixels, where the picture has %d x %d", path,
                      truth->width, truth->height, like->width, like->height);
    image_release(truth);
    return result;
}

static int read_truths(const char *folder, const worklist *w, const work_item *item,
                       const struct image sources[], struct image truths[])
{
    for (int k = 0; k < w->mixture.sources; k++) {
        char *path = path_join(folder, item->outputs[k]);
        int result = path ? read_truth(path, &sources[k], &truths[k]) : -1;
        free(path);
        if (result)
            return -1;
    }
    return 0;
}

/* Of all orders of sources the one with the smallest sum of errors, of equal ones the first. order[k] is the truth of
 * source k. */
static void best_order(int sources, double errors[SOURCES_MAX][SOURCES_MAX], int k, unsigned taken,
                       double sum, int order[SOURCES_MAX], int best[SOURCES_MAX], double *least)
{
    if (k == sources) {
        if (sum < *least) {
            *least = sum;
            for (int i = 0; i < sources; i++)
                best[i] = order[i];
        }
        return;
    }
    for (int t = 0; t < sources; t++) {
        if (taken >> t & 1)
            continue;
        order[k] = t;
        best_order(sources, errors, k + 1, taken | 1u << t, sum + errors[k][t], order, best, least);
    }
}

static void find_order(int sources, const struct image found[], const struct image truths[],
                       int order[SOURCES_MAX])
{
    double errors[SOURCES_MAX][SOURCES_MAX], least = 1e300;
    int tried[SOURCES_MAX];
    for (int k = 0; k < sources; k++)
        for (int t = 0; t < sources; t++)
            errors[k][t] = image_mse(&found[k], &truths[t]);
    best_order(sources, errors, 0, 0, 0, tried, order, &least);
}

static int compare(const worklist *w, work_item *item, const struct image sources[],
                   const struct image truths[], bool any_order)
{
    int order[SOURCES_MAX] = {0, 1, 2, 3};
    if (any_order)
        find_order(w->mixture.sources, sources, truths, order);
    for (int k = 0; k < w->mixture.sources; k++) {
        const struct image *truth = &truths[order[k]];
        item->psnr[k] = image_psnr(image_mse(&sources[k], truth));
        if (image_ssim(&sources[k], truth, &item->ssim[k]))
            return -1;
    }
    item->scored = true;
    return 0;
}

int truths_score(const char *folder, const worklist *w, work_item *item,
                 const struct image sources[], bool any_order)
{
    struct image truths[SOURCES_MAX] = {{0}};
    int result = read_truths(folder, w, item, sources, truths);
    if (!result)
        result = compare(w, item, sources, truths, any_order);
    else if (error_status() == STATUS_DATA)
        result = (item->unscored = copy_text(error_message())) ? 0 : -1;
    for (int k = 0; k < w->mixture.sources; k++)
        image_release(&truths[k]);
    return result;
}
