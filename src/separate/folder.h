/*
 * Separating a folder: all pictures of a worklist, and the manifest in the output folder. While one batch of pictures
 * is computed, threads read the next and write the one before.
 *
 *     struct folder_options how = {.model = "unet.safetensors", .rule = residual_rule_of(...)};
 *     if (worklist_new(&w, "mixtures", "separated", separator_mixture(s), (struct worklist_options){0}) ||
 *         separate_folder(s, w, &how)) ...
 *     worklist_count(w, WORK_FAILED)
 *
 * A picture that cannot be read, or whose results cannot be written, fails alone: its item of the
 * worklist says why. What is wrong with the disk, the device or the memory ends the run.
 */
#ifndef SEPARATE_FOLDER_H
#define SEPARATE_FOLDER_H

#include "evaluate/residual.h"
#include "separate/separator.h"
#include "separate/worklist.h"

/* How far it is. */
struct folder_progress {
    size_t seen, total; /* pictures looked at, of all */
    size_t tiles,
        tiles_total; /* of the pictures that are being computed, where they are in tiles */
};

struct folder_options {
    const char *model;      /* its path, for the manifest */
    residual_rule rule;     /* how the model's sources blend */
    const typical *typical; /* what its blends were like; may be NULL */
    bool any_order;         /* any output may be any source */
    bool
        channels; /* a gray model separates each channel of a colour picture, rather than its luma */
    int depth;    /* of the results: 8, 16, or 0 for each picture's own */
    const char *truths; /* a folder that truths_look() has looked at; may be NULL */
    bool strict;        /* stop at the first picture that fails */
    /* Called after each batch and, in large pictures, after each batch of tiles; may be NULL. Anything but 0 stops;
     * what is not separated yet stays WORK_PENDING. */
    int (*progress)(void *context, const struct folder_progress *p);
    void *context;
};

/* What model and settings say of it; the model stays the caller's. */
struct folder_options folder_options_of(const char *path, const model_file *model);

/* The manifest is written before the first picture as well: then a run that is cut off leaves results
 * that the next one knows, and a folder that cannot be written to is found before anything is
 * computed. What stops a run early does so after the manifest is written again. */
int separate_folder(separator *s, worklist *w, const struct folder_options *how);

/* What manifest.json holds now; NULL if memory ran out. */
json_t *folder_manifest(const separator *s, const worklist *w, const struct folder_options *how);

#endif
