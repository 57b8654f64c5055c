/*
 * A panel of what a network made of blends: a row for each; the columns are the blend, then of all
 * sources the truths, the results, and the errors, which are magnified. Needs neither network nor
 * device.
 *
 *     results r = {.mixture = &m, .count = 10, .blends = x, .truths = y, .outputs = z,
 *                  .model = path};
 *     if (result_panel_write("panel.png", &r)) ...
 */
#ifndef PLOT_RESULT_PANEL_H
#define PLOT_RESULT_PANEL_H

#include "image/format.h"

/* Everything is the caller's. Values are 0..1; outputs may lie outside, and are clipped. */
typedef struct results {
    const mixture *mixture;
    int count;
    const float *blends;  /* (count, height, width, channels) */
    const float *truths;  /* (count, height, width, sources * channels) */
    const float *outputs; /* as truths */
    const char *model;    /* that made the outputs; for messages */
} results;

/* Atomically. STATUS_DATA if an output is not a number. */
int result_panel_write(const char *path, const results *r);

#endif
