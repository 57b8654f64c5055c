/*
 * Separating pictures with a trained model: device, parameters and plan in one.
 *
 *     separator *s;
 *     if (separator_open(&s, "unet.safetensors", &file, 32)) ...
 *     separation item = {.width = 28, .height = 28, .mixture = pixels, .sources = {a, b}};
 *     if (separator_run(s, &item, 1)) ...
 *     separator_close(s);
 *
 * A picture is (height, width, channels) without gaps, rows from the top, of a size that the model
 * takes (sizes.h).
 */
#ifndef SEPARATE_SEPARATOR_H
#define SEPARATE_SEPARATOR_H

#include "models/model_file.h"

typedef struct separator separator;

enum pixel_type {
    PIXELS_BYTES, /* 0 to 255. Results are clipped to that, and rounded half up. */
    PIXELS_FLOATS /* black is 0, white is 1. Results are what the network gives, not clipped. */
};

/* One picture, and where its sources go: arrays of its own size and type. All the caller's. */
typedef struct separation {
    int width, height;
    enum pixel_type type;
    const void *mixture;
    void *sources[SOURCES_MAX]; /* as many as the model has */
    bool overflowed; /* set by separator_run(): there are no such sources, see separator_check() */
} separation;

/*
 * Opens the device that file's settings name and puts the model on it; path is for messages. At
 * most `batch` pictures are computed at a time. The kernels are compiled, and have run once, when
 * this returns. file stays the caller's, and is not needed afterwards.
 */
int separator_open(separator **out, const char *path, const model_file *file, int batch);
void separator_close(separator *s);

/* What it takes, where it runs, the largest batch; valid until separator_close(). */
const mixture *separator_mixture(const separator *s);
const char *separator_device_name(const separator *s);
int separator_batch(const separator *s);

/* Any number of pictures; their sizes may differ. A picture whose results are not numbers
 * affects no other: its `overflowed` says so, and that is no failure. */
int separator_run(separator *s, separation *items, size_t count);

/* STATUS_DATA, naming model and picture, if a result of that picture is not a number. */
int separator_check(const separator *s, const separation *item, const char *picture);

#endif
