/*
 * A worklist: which pictures of a folder are separated, where the results go, and how each one fared.
 * It also protects the output folder: before anything is computed it makes sure that no file will be
 * overwritten except results of the same pictures.
 *
 *     worklist *w;
 *     if (worklist_new(&w, "mixtures", "separated", &what, (struct worklist_options){0})) ...
 *     for (every w->items[i]) read it, separate it, worklist_write(), worklist_done(); or worklist_fail()
 *     worklist_free(w);
 *
 * A worklist as JSON is what manifest.json holds beside the facts about the run:
 *     {"input": "/whole/path", "output": "separated", "complete": true, "sources": ["mnist", "fashion"],
 *      "files": [
 *         {"input": "cat.png", "status": "done", "width": 28, "height": 28,
 *          "outputs": {"mnist": "cat.mnist.png", "fashion": "cat.fashion.png"},
 *          "extras": {"input": "cat.input.png", "residual": "cat.residual.png"},
 *          "residual": {"mse": 1e-06, "psnr": 60},
 *          "warning": "unlike what the model was trained on: ...",
 *          "scores": {"mnist": {"psnr": 35.1, "ssim": 0.99}, ...}},
 *         {"input": "dog.png", "status": "failed", "error": "..."}],
 *      "scores": {"mnist": {"psnr": 35.1, "ssim": 0.99}, ...},
 *      "not_pictures": ["notes.txt"],
 *      "gallery": "index.html",
 *      "earlier": [{"folder": "/whole/path", "input": "owl.png", "output": "owl.mnist.png"}]}
 * Unless "complete", there are pictures of the status "pending", which are not separated yet. "earlier"
 * are results of earlier runs that are still there; a picture that fails takes its own with it. The scores are
 * there where there are truths, and at the end are the means of the pictures'.
 */
#ifndef SEPARATE_WORKLIST_H
#define SEPARATE_WORKLIST_H

#include "base/json.h"
#include "data/folder.h"
#include "image/format.h"
#include "image/image.h"

enum work_status { WORK_PENDING, WORK_DONE, WORK_FAILED };

/* What is written of a picture: its sources, and what was asked for beside them. */
enum { OUTPUT_INPUT = SOURCES_MAX, OUTPUT_RESIDUAL, OUTPUTS };

/* A picture. */
typedef struct work_item {
    char *name;             /* in the input folder */
    char *outputs[OUTPUTS]; /* names in the output folder: NAME.SOURCE.png; NULL: not written */
    bool ours[OUTPUTS];     /* such a result of this picture is there */
    enum work_status status;
    int width, height; /* once it was read */
    char *error;       /* WORK_FAILED */
    /* WORK_DONE: */
    double residual; /* mean squared */
    char *warning;   /* NULL: it is like what the model was trained on */
    bool scored;     /* there were truths: */
    double psnr[SOURCES_MAX], ssim[SOURCES_MAX];
    char *unscored; /* why there are no scores although truths were given */
} work_item;

/* What is written beside the sources. */
struct worklist_options {
    bool residual; /* NAME.residual.png */
    bool gallery;  /* index.html, and for it NAME.residual.png and NAME.input.png */
};

typedef struct worklist {
    mixture mixture;   /* which pictures the model takes, and what the sources are called */
    char *input;       /* the folder as it was given */
    char *whole_input; /* the same without links and dots */
    char *output;      /* the folder of the results; may be missing yet */
    work_item *items;
    size_t count;
    name_list others; /* files in the input folder that are no pictures */
    json_t *earlier;  /* results of earlier runs (earlier.h) */
    struct worklist_options options;
    bool has_gallery; /* the output folder: an earlier run made one, or this one will */
} worklist;

/*
 * Lists the pictures of the folder input. Refused, before anything is written: an output folder
 * that is no folder or the input folder, two pictures with the same result names, and results that would replace
 * files which output/manifest.json does not list as results of these pictures.
 */
int worklist_new(worklist **out, const char *input, const char *output, const mixture *m,
                 struct worklist_options options);
void worklist_free(worklist *w);

/* Writes one of the picture's outputs. STATUS_DATA if the folder takes files but not one of that name. */
int worklist_write(const worklist *w, work_item *item, int output, const struct image *picture);

/* Marks the picture as failed for the reason that is recorded, and removes results that it had: they
 * are of another picture, or of half a run. */
int worklist_fail(const worklist *w, work_item *item);
size_t worklist_count(const worklist *w, enum work_status status);

/* The means over the pictures that have scores; returns how many these are. SSIM is that of those that are large
 * enough, NaN if none is. */
size_t worklist_mean_scores(const worklist *w, double psnr[], double ssim[]);

/* See above; NULL if memory ran out. */
json_t *worklist_as_json(const worklist *w);

#endif
