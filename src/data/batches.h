/*
 * Batches of blends and the sources they were made of, on the device. Each source is a data set; every
 * blend takes one random picture of each, with replacement, and is made of them as [mix] says. A share of
 * training blends (mix.clean) is a single source; the others are black (white where sources are multiplied).
 * Pictures smaller than the format lie in the middle of a border of zeros, of larger ones a window is cropped;
 * bytes 0..255 become 0..1. Training blends may be varied: pictures moved by up to data.shift pixels, what leaves
 * the format being cut off, mirrored (data.flip) and turned (data.rotate).
 *
 *     batches *b;
 *     if (batches_open(&b, d, &config->data, seed, false)) ...
 *     if (batches_next(b, SPLIT_TRAIN, seed, STREAM_TRAIN, step * batch, batch, blend, truth)) ...
 *     batches_close(b);
 *
 * Blend number `position` of a sequence (split, seed, stream) is always the same one: there is no state
 * to save, and any batch can be made again. What is drawn for it is in cl/blending.h.
 *
 * A kind (batches_kind) says how pictures reach the device: resident (all are uploaded at once) or, where they
 * need more than data.memory allows, streamed (threads cut windows out of them ahead of the device). Both give
 * the same bits.
 */
#ifndef DATA_BATCHES_H
#define DATA_BATCHES_H

#include "../cl/blending.h"
#include "config/config.h"
#include "data/dataset.h"
#include "opencl/kernel.h"
#include <stdint.h>

/* Training sets are shuffled by the seed once; the last share of each is held out. */
enum split { SPLIT_TRAIN, SPLIT_VALIDATION, SPLIT_TEST };

typedef struct batches batches;

/* Opens what the config names: training sets for SPLIT_TRAIN and SPLIT_VALIDATION, or test sets for
 * SPLIT_TEST; the two are never in one. STATUS_DATA if pictures do not fit the config's format. Without a device
 * (d is NULL) blends are made on the host only, by batches_blend(). */
int batches_open(batches **out, device *d, const struct data_config *c, uint64_t seed, bool test);

/* The same from opened training sets, one for each of c's sources; they stay the caller's, and must live as long as
 * the batches do. */
int batches_open_sets(batches **out, device *d, const struct data_config *c, uint64_t seed,
                      dataset *const sets[]);
void batches_close(batches *b);

/* The config's mixture; inner is the largest picture of any source. */
const mixture *batches_mixture(const batches *b);

/* Of which pictures can be drawn: another number where any were added, removed or renamed. Never 0. */
uint64_t batches_fingerprint(const batches *b);

/* Pictures of a source (from 0) in a split. */
int batches_count(const batches *b, enum split split, int source);

/* The fewest of any source: 0 if nothing can be drawn. */
int batches_least(const batches *b, enum split split);

/* That batches of this size can be made, before the first is asked for. STATUS_MEMORY: data.memory is too small. */
int batches_prepare(batches *b, int batch);

/*
 * Blends number position .. position + batch - 1 of the sequence (split, seed, stream).
 *
 *   blend  (batch, height, width, channels)
 *   truth  (batch, height, width, sources * channels), see image/format.h
 */
int batches_next(batches *b, enum split split, uint64_t seed, unsigned stream, uint64_t position,
                 int batch, cl_mem blend, cl_mem truth);

/*
 * The same on the host, one blend: to rounding what batches_next() gives, and the truths are the same bits.
 *
 *   blend  (height, width, channels)
 *   truth  (height, width, sources * channels)
 */
int batches_blend(const batches *b, enum split split, uint64_t seed, unsigned stream,
                  uint64_t position, float *blend, float *truth);

/* Which source is alone in a blend; -1: none. */
int batches_lone_source(const batches *b, enum split split, uint64_t seed, unsigned stream,
                        uint64_t position);

/* Opens the data set of one source. STATUS_DATA if its pictures do not fit the config's format. */
int source_open(dataset **out, const struct data_config *c, int source, enum dataset_part part);

/* ---- For kinds ---- */

typedef struct batches_source {
    dataset *set;    /* NULL once its pictures are not needed any more */
    uint32_t *order; /* (set->count): picture i of the splits is the set's number order[i] */
    int group, same; /* the first source with the same pictures; how many such come before this */
    uint64_t fingerprint; /* the set's */
    int count;
    int training;    /* the first so many; the others are held out */
    bool crops;      /* its pictures may be larger than the format */
    bool flip, turn; /* what is trained on is mirrored and turned at random */
} batches_source;

typedef struct batches_kind {
    int (*open)(batches *b); /* the sources are set; makes the state */
    int (*next)(batches *b, enum split split, uint64_t seed, unsigned stream, uint64_t position,
                int batch, cl_mem blend, cl_mem truth);
    int (*prepare)(batches *b, int batch); /* NULL: there is nothing to do */
    void (*close)(batches *b);             /* NULL state is allowed */
} batches_kind;

extern const batches_kind resident_kind, streamed_kind;

struct batches {
    device *device; /* NULL: blends are made on the host */
    const batches_kind *kind;
    mixture mixture;
    bool test;
    int shift;       /* of what is trained on, in pixels each way */
    float clean;     /* share of what is trained on that is one source alone */
    bool only_clean; /* all else is, too */
    blend_rule rule;
    uint64_t memory; /* bytes of pictures that may be on the device */
    batches_source sources[SOURCES_MAX];
    bool owns_sets;
    void *state; /* the kind's own */
};

/* How [mix] has it. */
blend_rule blend_rule_of(const struct mix_config *m);

/* A source as the mixer sees it in a split; its `place` is the kind's. */
mixed_source batches_describe(const batches *b, enum split split, int source);

/* What is drawn for one blend, but its noise. */
typedef struct blend_draw {
    mixed_source of[SOURCES_MAX];
    int numbers[SOURCES_MAX]; /* of the pictures, from 0 in the split */
    int alone;                /* batches_lone_source() */
    float weights[SOURCES_MAX];
    philox_word place[4], crop[4], turn[4];
} blend_draw;
void batches_draw_blend(const batches *b, enum split split, uint64_t seed, unsigned stream,
                        uint64_t position, blend_draw *out);

/* The picture of a source that was drawn, and the window of it that the blend shows. For one that cannot be read any
 * more, the next of its source is taken; *replaced goes up each time, and fail() has said why. */
int batches_view(const batches *b, const blend_draw *drawn, int source, picture_view *v,
                 placement *at, long *replaced);

/* The kernel for these sources; NULL after fail(). */
kernel *batches_mixer(const batches *b);

/* What it reads. */
typedef struct mixer_input {
    kernel *mixer;
    const cl_mem *pictures; /* (SOURCES_MAX); NULL behind the sources */
    cl_mem places;          /* picture_place of each picture */
    cl_mem descriptions;    /* (SOURCES_MAX) mixed_source */
    int streamed;           /* 1: only the batch's own windows are there */
} mixer_input;

int batches_mix(const batches *b, const mixer_input *from, uint64_t seed, unsigned stream,
                uint64_t position, int batch, cl_mem blend, cl_mem truth);

#endif
