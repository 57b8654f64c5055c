/*
 * A worklist: which pictures of a folder are separated, where the results go, and how each one fared.
 * It also protects the output folder: before anything is computed it makes sure that no file will be
 * overwritten except results of the same pictures.
 *
 *     worklist *w;
 *     if (worklist_new(&w, "mixtures", "separated", &what)) ...
 *     for (every w->items[i]) worklist_read(), separate, worklist_write(); or worklist_fail()
 *     worklist_free(w);
 *
 * A worklist as JSON is what manifest.json holds beside the facts about the run:
 *     {"input": "/whole/path", "output": "separated", "complete": true, "files": [
 *         {"input": "cat.png", "status": "done", "width": 28, "height": 28,
 *          "outputs": {"mnist": "cat.mnist.png", "fashion": "cat.fashion.png"}},
 *         {"input": "dog.png", "status": "failed", "error": "..."}],
 *      "not_pictures": ["notes.txt"],
 *      "earlier": [{"folder": "/whole/path", "input": "owl.png", "output": "owl.mnist.png"}]}
 * Unless "complete", there are pictures of the status "pending", which are not separated yet. "earlier"
 * are results of earlier runs that are still there; a picture that fails takes its own with it.
 */
#ifndef SEPARATE_WORKLIST_H
#define SEPARATE_WORKLIST_H

#include "base/json.h"
#include "data/folder.h"
#include "image/format.h"
#include "image/image.h"

enum work_status { WORK_PENDING, WORK_DONE, WORK_FAILED };

/* A picture. */
typedef struct work_item {
    char *name;                 /* in the input folder */
    char *outputs[SOURCES_MAX]; /* names in the output folder: NAME.SOURCE.png */
    bool ours[SOURCES_MAX];     /* such a result of this picture is there */
    enum work_status status;
    int width, height; /* once it was read */
    char *error;       /* WORK_FAILED */
} work_item;

typedef struct worklist {
    mixture mixture;   /* which pictures the model takes, and what the sources are called */
    char *input;       /* the folder as it was given */
    char *whole_input; /* the same without links and dots */
    char *output;      /* the folder of the results; may be missing yet */
    work_item *items;
    size_t count;
    name_list others; /* files in the input folder that are no pictures */
    json_t *earlier;  /* results of earlier runs (earlier.h) */
} worklist;

/*
 * Lists the pictures of the folder input. Refused, before anything is written: an output folder
 * that is the input folder, two pictures with the same result names, and results that would replace
 * files which output/manifest.json does not list as results of these pictures.
 */
int worklist_new(worklist **out, const char *input, const char *output, const mixture *m);
void worklist_free(worklist *w);

/* The picture; of a size that the model takes, else STATUS_DATA. */
int worklist_read(const worklist *w, work_item *item, struct image *picture);

/* Writes the results, (height, width, channels) bytes each, and marks the picture as done. STATUS_DATA
 * if the folder takes files but not one of that name. */
int worklist_write(const worklist *w, work_item *item, void *const sources[SOURCES_MAX]);

/* Marks the picture as failed for the reason that is recorded, and removes results that it had: they
 * are of another picture, or of half a run. */
int worklist_fail(const worklist *w, work_item *item);
size_t worklist_count(const worklist *w, enum work_status status);

/* See above; NULL if memory ran out. */
json_t *worklist_as_json(const worklist *w);

#endif
