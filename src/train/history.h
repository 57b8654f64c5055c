/* What training recorded, an entry an epoch; RUN/history.json. */
#ifndef TRAIN_HISTORY_H
#define TRAIN_HISTORY_H

#include "config/settings.h"
#include "models/network.h"

typedef struct epoch_record {
    long epoch;               /* from 1 */
    long steps;               /* of this epoch; fewer than asked for if time ran out */
    double loss[SOURCES];     /* mean of the training batches' errors, per source */
    double val_loss[SOURCES]; /* on held-out pairs; NaN without validation */
    double learning_rate;
    double seconds, images_per_second; /* of the training steps, validation left out */
} epoch_record;

typedef struct history {
    epoch_record *epochs;
    size_t count, capacity;
} history;

int history_add(history *h, const epoch_record *record);
void history_release(history *h);

/* {"sources": [...], "epochs": [{"epoch": 1, "loss": {"total": ..., "mnist": ...}, ...}]},
 * atomically. */
int history_write(const history *h, const settings *s, const char *run);
int history_read(const char *path, history *out);
#define HISTORY_JSON "history.json"

#endif
