/*
 * From a picture to the tiles of its layout, and from their results to its sources.
 *
 *     canvas_put(&item, plane, &l, row, column, m, values);   values: (tile height, tile width, channels)
 *     ... results: (tile height, tile width, sources * channels) ...
 *     canvas_add(c, &item, plane, &l, row, column, results);  row by row, each from its first column on
 *
 * A canvas keeps the sums of only so many rows of a picture as a tile has; what no tile changes any more goes to the
 * picture's sources.
 *
 * A gray model separates the channels of a colour picture one by one, each a plane of the picture. A colour model
 * sees a gray picture in three equal channels, and of its results gray is their luma.
 */
#ifndef SEPARATE_CANVAS_H
#define SEPARATE_CANVAS_H

#include "image/pixels.h"
#include "separate/layout.h"

/* One picture (height, width, channels), and where its sources go: arrays of its own size. All the caller's. */
typedef struct separation {
    int width, height;
    int channels; /* 1 or 3, whatever the model has; 0: the model's */
    enum pixel_type type, result_type;
    const void *mixture;
    void *sources[SOURCES_MAX]; /* as many as the model has */
    bool overflowed; /* set by separator_run(): there are no such sources, see separator_check() */
} separation;

typedef struct canvas canvas;

/* m: what the model takes; it stays the caller's. */
int canvas_new(canvas **out, const mixture *m);
void canvas_free(canvas *c);

/* How often a picture's tiles are computed, each time for another plane. */
int canvas_planes(const separation *item, const mixture *m);

/* The tile of a plane as the network sees it. */
void canvas_put(const separation *item, int plane, const layout *l, int row, int column,
                const mixture *m, float *values);

/* Adds up the results of one tile. With a plane's last tile all of its sources are written; item->overflowed is set
 * where they are no numbers. -1 if memory runs out. */
int canvas_add(canvas *c, separation *item, int plane, const layout *l, int row, int column,
               const float *results);

#endif
