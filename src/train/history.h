/*
 * What training recorded, an entry an epoch: RUN/history.json, and the same in RUN/history.csv for
 * spreadsheets.
 *
 *     {"sources": ["mnist", "fashion"],
 *      "epochs": [{"epoch": 1, "steps": 1500, "loss": {"total": 0.02, "mnist": 0.01, ...},
 *                  "val_loss": {...}, "learning_rate": 0.001, "seconds": 9.5,
 *                  "images_per_second": 5052.6, "trainable": 516930}, ...]}
 *
 * Where there is no finite value JSON has null and CSV an empty cell. JSON keeps every bit of a
 * number, CSV nine digits.
 */
#ifndef TRAIN_HISTORY_H
#define TRAIN_HISTORY_H

#include "image/format.h"
#include "train/run_directory.h"

typedef struct epoch_record {
    long epoch;               /* from 1, without gaps */
    long steps;               /* of this epoch; fewer than asked for if time ran out */
    double total, val_total;  /* what training minimises: the sources' losses by their weights */
    double loss[SOURCES_MAX]; /* mean of the training batches' errors, per source */
    double val_loss[SOURCES_MAX]; /* on held-out pairs; like val_total NaN without validation */
    double learning_rate;
    double seconds, images_per_second; /* of the training steps, validation left out */
    long trainable;                    /* parameters that were not frozen; 0: not recorded */
} epoch_record;

typedef struct history {
    int sources;
    char names[SOURCES_MAX][SOURCE_NAME_MAX + 1];
    epoch_record *epochs;
    size_t count, capacity;
} history;

/* Empty, for the sources of a mixture. */
history history_new(const mixture *m);
int history_add(history *h, const epoch_record *record);
void history_release(history *h); /* leaves an empty history */

/* The epoch of the lowest val_total, or of the lowest total if no epoch has a val_total; the first of
 * equals. NULL if there is none. */
const epoch_record *history_best(const history *h);

/* run_directory/history.json and history.csv, each atomically. */
int history_write(const history *h, const char *run_directory);

/* What history_write() put into path, a history.json; STATUS_DATA with the file's name for anything
 * else. *out is empty on failure. */
int history_read(const char *path, history *out);

#endif
