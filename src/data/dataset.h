/*
 * Sets of pictures: how many there are, their format, and each by its number. A kind says where they
 * come from; it is one file beside this one and one row in dataset.c.
 *
 *     dataset *d;
 *     if (dataset_open(&d, "build/data", "mnist", DATASET_TRAINING)) ...
 *     if (dataset_read(d, 17, pixels)) ...
 *     dataset_close(d);
 */
#ifndef DATA_DATASET_H
#define DATA_DATASET_H

#include "image/format.h"

/* The pictures to train and validate on, and those that only evaluation sees. */
enum dataset_part { DATASET_TRAINING, DATASET_TEST };

typedef struct dataset dataset;

typedef struct dataset_kind {
    /* *found: where this folder has the part in this kind's form, for open(); released with free().
     * NULL if it does not have it. Fails only where that cannot be told. */
    int (*find)(const char *folder, enum dataset_part part, char **found);
    int (*open)(dataset *d, const char *path); /* sets count, format and state */
    int (*read)(const dataset *d, size_t number, unsigned char *pixels);
    void (*close)(dataset *d); /* releases the state */
} dataset_kind;

struct dataset {
    const dataset_kind *kind;
    size_t count;               /* at least 1 */
    struct image_format format; /* of every picture */
    void *state;                /* the kind's own */
};

/* The pictures of `directory/name`. A relative directory is looked for here, then beside and above the
 * executable. STATUS_DATA if there are none, saying what was looked for. */
int dataset_open(dataset **out, const char *directory, const char *name, enum dataset_part part);
void dataset_close(dataset *d);

/* Picture `number` < count into pixels (height, width, channels). */
int dataset_read(const dataset *d, size_t number, unsigned char *pixels);

/* Over pictures in memory, which stay the caller's. */
struct image_set;
int dataset_of_memory(dataset **out, const struct image_set *pictures);

#endif
