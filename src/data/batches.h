/*
 * Batches of blends and the sources they were made of, on the device. Each source is a data set; every
 * blend takes one random picture of each, with replacement, and is their average, weighted by the mixture's
 * weights. A share of training blends (mix.clean) is a single source; the others are black. Pictures smaller than
 * the format lie in the middle of a border of zeros; bytes 0..255 become 0..1. Training blends may be
 * varied: pictures moved by up to data.shift pixels, what leaves the format being cut off, and mirrored
 * (data.flip).
 *
 *     batches *b;
 *     if (batches_open(&b, d, &config->data, seed, false)) ...
 *     if (batches_next(b, SPLIT_TRAIN, seed, STREAM_TRAIN, step * batch, batch, blend, truth)) ...
 *     batches_close(b);
 *
 * Blend number `position` of a sequence (split, seed, stream) is always the same one: there is no state
 * to save, and any batch can be made again.
 *
 * A kind (batches_kind) says how pictures reach the device. The only one today is resident: all are
 * uploaded at once.
 */
#ifndef DATA_BATCHES_H
#define DATA_BATCHES_H

#include "config/config.h"
#include "data/dataset.h"
#include "opencl/kernel.h"
#include <stdint.h>

/* Training sets are shuffled by the seed once; the last share of each is held out. */
enum split { SPLIT_TRAIN, SPLIT_VALIDATION, SPLIT_TEST };

typedef struct batches batches;

/* Opens what the config names: training sets for SPLIT_TRAIN and SPLIT_VALIDATION, or test sets for
 * SPLIT_TEST; the two are never in one. STATUS_DATA if pictures do not fit the config's format. */
int batches_open(batches **out, device *d, const struct data_config *c, uint64_t seed, bool test);

/* The same from opened training sets, one for each of c's sources; they stay the caller's. */
int batches_open_sets(batches **out, device *d, const struct data_config *c, uint64_t seed,
                      dataset *const sets[]);
void batches_close(batches *b);

/* The config's mixture; inner is the largest picture of any source. */
const mixture *batches_mixture(const batches *b);

/* Pictures of a source (from 0) in a split. */
int batches_count(const batches *b, enum split split, int source);

/* The fewest of any source: 0 if nothing can be drawn. */
int batches_least(const batches *b, enum split split);

/*
 * Blends number position .. position + batch - 1 of the sequence (split, seed, stream).
 *
 *   blend  (batch, height, width, channels)
 *   truth  (batch, height, width, sources * channels), see image/format.h
 */
int batches_next(batches *b, enum split split, uint64_t seed, unsigned stream, uint64_t position,
                 int batch, cl_mem blend, cl_mem truth);

/* Which pictures of sets of so many blend number `position` is made of, to make the same one on the
 * host. */
void batches_draw(const int counts[], int sources, uint64_t seed, unsigned stream,
                  uint64_t position, int numbers[]);

/* Opens the data set of one source. STATUS_DATA if its pictures do not fit the config's format. */
int source_open(dataset **out, const struct data_config *c, int source, enum dataset_part part);

/* ---- For kinds ---- */

typedef struct batches_source {
    const dataset *set; /* NULL once its pictures are not needed any more */
    uint32_t *order;    /* (set->count): picture i of the splits is the set's number order[i] */
    int count;
    int training; /* the first so many; the others are held out */
    bool flip;    /* half of what is trained on is mirrored */
} batches_source;

typedef struct batches_kind {
    int (*open)(batches *b); /* the sources are set; makes the state */
    int (*next)(batches *b, enum split split, uint64_t seed, unsigned stream, uint64_t position,
                int batch, cl_mem blend, cl_mem truth);
    void (*close)(batches *b); /* NULL state is allowed */
} batches_kind;

extern const batches_kind resident_kind;

struct batches {
    device *device;
    const batches_kind *kind;
    mixture mixture;
    bool test;
    int shift;   /* of what is trained on, in pixels each way */
    float clean; /* share of what is trained on that is one source alone */
    batches_source sources[SOURCES_MAX];
    void *state; /* the kind's own */
};

#endif
