/*
 * The results of earlier runs in the output folder: which of the files there are ours.
 *
 * The folder's manifest says which file came from which picture of which folder. Every run passes
 * on what it learned from the manifest before it. So unblend recognises its own results even when a
 * picture was damaged or away for a time, or other folders or models were in between.
 */
#ifndef SEPARATE_EARLIER_H
#define SEPARATE_EARLIER_H

#include "separate/worklist.h"

#define MANIFEST_NAME "manifest.json"
#define GALLERY_NAME "index.html"

/*
 * Reads the output folder's manifest. STATUS_USAGE if a result of the worklist would replace a file that
 * it does not list as a result of the same picture, or its manifest one that is not ours. What is
 * there of the worklist's own results is marked as `ours`, the rest is kept for the next manifest.
 */
int earlier_read(worklist *w);

/* The results of earlier runs that are none of this one's and still there:
 * [{"folder": "/whole/path", "input": "dog.png", "output": "dog.mnist.png"}]. */
json_t *earlier_as_json(const worklist *w);

#endif
