/*
 * Separating pictures with a trained model: device, parameters and plan in one.
 *
 *     separator *s;
 *     if (separator_open(&s, "unet.safetensors", &file, (struct separator_options){.batch = 32})) ...
 *     separation item = {.width = 1365, .height = 2048, .mixture = pixels, .sources = {a, b}};
 *     if (separator_run(s, &item, 1)) ...
 *     separator_close(s);
 *
 * A picture is (height, width, channels) without gaps, rows from the top, of any size (layout.h). What does not fit
 * into the memory that the separator may take is computed in tiles.
 */
#ifndef SEPARATE_SEPARATOR_H
#define SEPARATE_SEPARATOR_H

#include "models/model_file.h"
#include "separate/canvas.h"

typedef struct separator separator;

struct separator_options {
    int batch; /* pictures of the model's size, or tiles, that are computed at a time, at most */
    size_t memory;      /* bytes on the device, at most what it has; 0: 1 GiB, or half of that */
    size_t tile_pixels; /* of a tile, at most; 0: as the memory allows */
};

/*
 * Opens the device that file's settings name and puts the model on it; path is for messages. The kernels are
 * compiled, and have run once, when this returns. file stays the caller's, and is not needed afterwards. STATUS_USAGE
 * if not even the smallest tile fits into that memory.
 */
int separator_open(separator **out, const char *path, const model_file *file,
                   struct separator_options options);
void separator_close(separator *s);

/* What it takes, where it runs, the largest batch, and the most device memory that it has taken; valid until
 * separator_close(). */
const mixture *separator_mixture(const separator *s);
const char *separator_device_name(const separator *s);
int separator_batch(const separator *s);
size_t separator_peak(const separator *s);

/* Called after each batch of tiles, with how many of separator_run()'s are done. What it returns -1 for after fail(),
 * separator_run() fails for. NULL: nobody watches. */
typedef int separator_progress(void *context, size_t done, size_t total);
void separator_watch(separator *s, separator_progress *progress, void *context);

/* Any number of pictures; their sizes and types may differ, and those of one size are best one after another. A
 * picture whose results are not numbers affects no other: its `overflowed` says so, and that is no failure. */
int separator_run(separator *s, separation *items, size_t count);

/* STATUS_DATA, naming model and picture, if a result of that picture is not a number. */
int separator_check(const separator *s, const separation *item, const char *picture);

#endif
