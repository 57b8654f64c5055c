/*
 * The gallery: a page, index.html, that shows the results of a folder beside what they were separated
 * from. It is one file without a network or libraries; src/separate/gallery.html is its template.
 *
 *     gallery_write("separated/index.html", manifest)
 */
#ifndef SEPARATE_GALLERY_H
#define SEPARATE_GALLERY_H

#include <jansson.h>

/*
 * Writes the page to path, atomically, from what manifest.json holds: besides what worklist.h lists,
 * a file may have
 *     "extras": {"input": "cat.input.png", "residual": "cat.residual.png"},
 *     "residual": {"mse": 0.0001, "psnr": 40.0},      (psnr is null if mse is 0)
 *     "warning": "unlike what the model was trained on: ...",
 *     "scores": {"mnist": {"psnr": 30.1, "ssim": 0.91}, ...}
 * and the manifest "sources", in their order, and "scores" of all files. The page looks for pictures
 * in its own folder, by the names in the manifest, and needs nothing else. The same manifest gives the
 * same bytes. NULL for a manifest fails: jansson gives it when memory ran out.
 */
int gallery_write(const char *path, const json_t *manifest);

#endif
