/*
 * Separating a folder: all pictures of a worklist, a batch at a time, and the manifest in the output
 * folder.
 *
 *     struct folder_options how = {.model = "unet.safetensors"};
 *     if (worklist_new(&w, "mixtures", "separated", separator_mixture(s)) ||
 *         separate_folder(s, w, &how)) ...
 *     worklist_count(w, WORK_FAILED)
 *
 * A picture that cannot be read, is of another size, or whose results cannot be written fails alone:
 * its item of the worklist says why. What is wrong with the disk, the device or the memory ends the run.
 */
#ifndef SEPARATE_FOLDER_H
#define SEPARATE_FOLDER_H

#include "separate/separator.h"
#include "separate/worklist.h"

struct folder_options {
    const char *model; /* its path, for the manifest */
    bool strict;       /* stop at the first picture that fails */
    /* Called after each batch, may be NULL: so many of the pictures were looked at. Anything but 0
     * stops; what is not separated yet stays WORK_PENDING. */
    int (*progress)(void *context, size_t seen, size_t total);
    void *context;
};

/* The manifest is written before the first picture as well: then a run that is cut off leaves results
 * that the next one knows, and a folder that cannot be written to is found before anything is
 * computed. */
int separate_folder(separator *s, worklist *w, const struct folder_options *how);

/* What manifest.json holds now; NULL if memory ran out. */
json_t *folder_manifest(const separator *s, const worklist *w, const struct folder_options *how);

#endif
