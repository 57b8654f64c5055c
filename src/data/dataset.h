/*
 * Sets of pictures: how many there are, their format, and each by its number. A kind says where they
 * come from; it is one file beside this one and one row in dataset.c.
 *
 *     dataset *d;
 *     picture_view v;
 *     if (dataset_open(&d, &config->data, 0, DATASET_TRAINING)) ...
 *     if (dataset_view(d, 17, &v)) ...
 *     picture_view_release(&v);
 *     dataset_close(d);
 */
#ifndef DATA_DATASET_H
#define DATA_DATASET_H

#include "config/config.h"
#include <stdint.h>

/* The pictures to train and validate on, and those that only evaluation sees. */
enum dataset_part { DATASET_TRAINING, DATASET_TEST };

typedef struct dataset dataset;

/* A picture as it is. */
typedef struct picture_view {
    int height, width;
    const unsigned char *pixels; /* (height, width, channels of the set) */
    unsigned char *owned;        /* where they were decoded for this view; else NULL */
} picture_view;

typedef struct dataset_kind {
    /* *found: where this folder has the part in this kind's form, for open(); released with free().
     * NULL if it does not have it. Fails only where that cannot be told. */
    int (*find)(const char *folder, const struct data_config *c, enum dataset_part part,
                char **found);
    /* Sets the members below kind. */
    int (*open)(dataset *d, const char *path, const struct data_config *c, enum dataset_part part);
    /* May be called by several threads at once. */
    int (*view)(const dataset *d, size_t number, picture_view *v);
    void (*close)(dataset *d); /* releases the state */
} dataset_kind;

struct dataset {
    const dataset_kind *kind;
    size_t count;               /* at least 1 */
    struct image_format format; /* of every picture; where they differ the largest */
    bool various;               /* they differ */
    bool crops;    /* what is larger than data.size, which is the format then, is cropped */
    long held_out; /* the last so many of a training set are for validation; -1: the seed chooses */
    uint64_t bytes; /* of all pictures together; UINT64_MAX where some are decoded each time */
    uint64_t fingerprint; /* of which pictures there are, in which order: not of their contents */
    uint64_t home;        /* another number for each folder; 0: not in one */
    void *state;          /* the kind's own */
};

/* The pictures of c's source, in c->directory. A relative directory is looked for here, then beside and above
 * the executable. STATUS_DATA if there are none, saying what was looked for. */
int dataset_open(dataset **out, const struct data_config *c, int source, enum dataset_part part);
void dataset_close(dataset *d);

/* Picture `number` < count. STATUS_DATA if it is a file that cannot be read any more. */
int dataset_view(const dataset *d, size_t number, picture_view *v);
void picture_view_release(picture_view *v);

/* Over pictures in memory, which stay the caller's. */
struct image_set;
int dataset_of_memory(dataset **out, const struct image_set *pictures);

#endif
