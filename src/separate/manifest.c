/* A worklist as JSON: what worklist.h shows. */
#include "image/scores.h"
#include "separate/earlier.h"
#include "separate/worklist.h"
#include <math.h>

/* Takes value over. */
static int set(json_t *object, const char *key, json_t *value)
{
    return json_object_set_new(object, key, value);
}

static json_t *outputs_as_json(const worklist *w, const work_item *item)
{
    json_t *outputs = json_object();
    for (int k = 0; k < w->mixture.sources; k++)
        if (set(outputs, w->mixture.names[k], text_as_json(item->outputs[k])))
            outputs = (json_decref(outputs), NULL);
    return outputs;
}

static json_t *extras_as_json(const work_item *item)
{
    json_t *extras = json_object();
    int broken = 0;
    if (item->outputs[OUTPUT_INPUT])
        broken |= set(extras, "input", text_as_json(item->outputs[OUTPUT_INPUT]));
    if (item->outputs[OUTPUT_RESIDUAL])
        broken |= set(extras, "residual", text_as_json(item->outputs[OUTPUT_RESIDUAL]));
    if (broken)
        json_decref(extras);
    return broken ? NULL : extras;
}

static json_t *scores_as_json(const worklist *w, const double *psnr, const double *ssim)
{
    json_t *scores = json_object();
    for (int k = 0; k < w->mixture.sources; k++)
        if (set(scores, w->mixture.names[k],
                json_pack("{s:o, s:o}", "psnr", number_as_json(psnr[k]), "ssim",
                          number_as_json(ssim[k]))))
            scores = (json_decref(scores), NULL);
    return scores;
}

static int add_results(const worklist *w, const work_item *item, json_t *entry)
{
    int broken = set(entry, "residual",
                     json_pack("{s:o, s:o}", "mse", number_as_json(item->residual), "psnr",
                               number_as_json(image_psnr(item->residual))));
    if (item->warning)
        broken |= set(entry, "warning", text_as_json(item->warning));
    if (item->scored)
        broken |= set(entry, "scores", scores_as_json(w, item->psnr, item->ssim));
    if (item->unscored)
        broken |= set(entry, "unscored", text_as_json(item->unscored));
    return broken;
}

static json_t *item_as_json(const worklist *w, const work_item *item)
{
    static const char *const statuses[] = {"pending", "done", "failed"};
    json_t *entry = json_pack("{s:o, s:s}", "input", text_as_json(item->name), "status",
                              statuses[item->status]);
    int broken = !entry;
    if (item->width) {
        broken |= set(entry, "width", json_integer(item->width));
        broken |= set(entry, "height", json_integer(item->height));
    }
    if (item->status == WORK_FAILED) {
        broken |= set(entry, "error", text_as_json(item->error));
    } else {
        broken |= set(entry, "outputs", outputs_as_json(w, item));
        if (item->outputs[OUTPUT_RESIDUAL])
            broken |= set(entry, "extras", extras_as_json(item));
    }
    if (item->status == WORK_DONE)
        broken |= add_results(w, item, entry);
    if (broken)
        json_decref(entry);
    return broken ? NULL : entry;
}

size_t worklist_mean_scores(const worklist *w, double psnr[], double ssim[])
{
    size_t scored = 0;
    for (int k = 0; k < w->mixture.sources; k++) {
        size_t large = 0;
        psnr[k] = ssim[k] = 0;
        scored = 0;
        for (size_t i = 0; i < w->count; i++) {
            const work_item *item = &w->items[i];
            bool has_ssim = item->scored && !isnan(item->ssim[k]);
            psnr[k] += item->scored ? item->psnr[k] : 0;
            ssim[k] += has_ssim ? item->ssim[k] : 0;
            scored += item->scored;
            large += has_ssim;
        }
        psnr[k] = scored ? psnr[k] / (double)scored : NAN;
        ssim[k] = large ? ssim[k] / (double)large : NAN;
    }
    return scored;
}

static int add_mean_scores(const worklist *w, json_t *whole)
{
    double psnr[SOURCES_MAX], ssim[SOURCES_MAX];
    return worklist_mean_scores(w, psnr, ssim) ? set(whole, "scores", scores_as_json(w, psnr, ssim))
                                               : 0;
}

static int add_lists(const worklist *w, json_t *whole)
{
    json_t *sources = json_array(), *files = json_array(), *others = json_array();
    int broken = 0;
    for (int k = 0; k < w->mixture.sources; k++)
        broken |= json_array_append_new(sources, json_string(w->mixture.names[k]));
    for (size_t i = 0; i < w->count; i++)
        broken |= json_array_append_new(files, item_as_json(w, &w->items[i]));
    for (size_t i = 0; i < w->others.count; i++)
        broken |= json_array_append_new(others, text_as_json(w->others.names[i]));
    broken |= set(whole, "sources", sources);
    broken |= set(whole, "files", files);
    broken |= set(whole, "not_pictures", others);
    return broken;
}

json_t *worklist_as_json(const worklist *w)
{
    json_t *whole =
        json_pack("{s:o, s:o, s:b}", "input", text_as_json(w->whole_input), "output",
                  text_as_json(w->output), "complete", !worklist_count(w, WORK_PENDING));
    int broken = !whole || add_lists(w, whole) || add_mean_scores(w, whole) ||
                 set(whole, "earlier", earlier_as_json(w)) ||
                 (w->has_gallery && set(whole, "gallery", json_string(GALLERY_NAME)));
    if (broken)
        json_decref(whole);
    return broken ? NULL : whole;
}
