/*
 * Separating pictures with a trained model: device, parameters and plan in one.
 *
 *     separator *s;
 *     if (separator_open(&s, "unet.safetensors", &file, 32)) ...
 *     separation item = {28, 28, pixels, {a, b}};
 *     if (separator_run(s, &item, 1)) ...
 *     separator_close(s);
 *
 * Pictures are gray, a byte per pixel, rows from the top, without gaps: 32 x 32, or 28 x 28, which
 * is padded with 2 black pixels on each side for the network and cropped again.
 */
#ifndef SEPARATE_SEPARATOR_H
#define SEPARATE_SEPARATOR_H

#include "models/model_file.h"
#include "models/network.h"

typedef struct separator separator;

/* One picture and where its sources go: SOURCES arrays of its own size. All the caller's. */
typedef struct separation {
    int width, height;
    const unsigned char *mixture;
    unsigned char *sources[SOURCES];
    bool overflowed; /* set by separator_run(): there are no such sources, see separator_check() */
} separation;

/*
 * Opens the device that file's settings name and puts the model on it; path is for messages. At
 * most `batch` pictures are computed at a time. The kernels are compiled, and have run once, when
 * this returns. file's settings pass to the separator, also on failure; the caller closes the rest.
 */
int separator_open(separator **out, const char *path, model_file *file, int batch);
void separator_close(separator *s);

/* What the model calls its sources, and where it runs; valid until separator_close(). */
const char *separator_source_name(const separator *s, int source);
const char *separator_device_name(const separator *s);

/* STATUS_DATA unless pictures of that size can be separated. */
int separator_check_size(int width, int height);

/* Any number of pictures; their sizes may differ. What the model makes of one of them concerns none
 * of the others: it is said in that one's `overflowed`, and is no failure. */
int separator_run(separator *s, separation *items, size_t count);

/* STATUS_DATA, naming model and picture, if a result of that picture is not a number. */
int separator_check(const separator *s, const separation *item, const char *picture);

#endif
