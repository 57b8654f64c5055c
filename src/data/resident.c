/* Batches of pictures that are on the device, all of them, as bytes: a kernel draws, scales and blends
 * them (cl/mixer.cl). */
#include "../cl/mixed_source.h"
#include "base/error.h"
#include "base/memory.h"
#include "data/batches.h"
#include <stdio.h>
#include <stdlib.h>

enum { ROWS = 32 }; /* of a work-group: one size, whatever the pictures' */

typedef struct resident {
    kernel *mix;
    cl_mem pictures[SOURCES_MAX]; /* (count, height, width, channels), in the splits' order */
    cl_mem descriptions[SPLIT_TEST + 1]; /* of each split: (sources) mixed_source */
} resident;

static int upload_pictures(batches *b, int k)
{
    resident *r = b->state;
    const batches_source *s = &b->sources[k];
    size_t bytes = image_values(s->set->format), total = (size_t)s->count * bytes;
    unsigned char *pixels = allocate(total, 1);
    int result = pixels ? 0 : -1;
    for (int i = 0; i < s->count && !result; i++)
        result = dataset_read(s->set, s->order[i], pixels + (size_t)i * bytes);
    if (!result)
        result = buffer_new(b->device, total, "images", &r->pictures[k]) ||
                         buffer_write(b->device, r->pictures[k], 0, pixels, total)
                     ? -1
                     : 0;
    free(pixels);
    return result;
}

static int upload_descriptions(batches *b, enum split split)
{
    resident *r = b->state;
    mixed_source of[SOURCES_MAX] = {{0}};
    for (int k = 0; k < b->mixture.sources; k++) {
        const batches_source *s = &b->sources[k];
        of[k] = (mixed_source){.height = s->set->format.height,
                               .width = s->set->format.width,
                               .first = split == SPLIT_VALIDATION ? s->training : 0,
                               .count = batches_count(b, split, k),
                               .shift = split == SPLIT_TRAIN ? b->shift : 0,
                               .flip = split == SPLIT_TRAIN && s->flip,
                               .weight = mixture_weight(&b->mixture, k)};
        of[k].clean = split == SPLIT_TRAIN ? b->clean * of[k].weight : 0;
    }
    return buffer_new(b->device, sizeof of, "sources", &r->descriptions[split]) ||
                   buffer_write(b->device, r->descriptions[split], 0, of, sizeof of)
               ? -1
               : 0;
}

static int resident_open(batches *b)
{
    char options[48];
    resident *r = b->state = allocate(1, sizeof *r);
    if (!r)
        return -1;
    snprintf(options, sizeof options, "-DSOURCES=%d -DCHANNELS=%d", b->mixture.sources,
             b->mixture.format.channels);
    r->mix = kernel_get(b->device, "mixer", options, "mix_sources");
    if (!r->mix)
        return -1;
    for (int k = 0; k < b->mixture.sources; k++)
        if (upload_pictures(b, k))
            return -1;
    for (enum split split = SPLIT_TRAIN; split <= SPLIT_TEST; split++)
        if (upload_descriptions(b, split))
            return -1;
    return 0;
}

static int resident_next(batches *b, enum split split, uint64_t seed, unsigned stream,
                         uint64_t position, int batch, cl_mem blend, cl_mem truth)
{
    const resident *r = b->state;
    struct image_format f = b->mixture.format;
    cl_mem pictures[SOURCES_MAX];
    for (int k = 0; k < SOURCES_MAX; k++)
        pictures[k] = r->pictures[k < b->mixture.sources ? k : 0];
    return LAUNCH(b->device, r->mix, range_groups((size_t)f.height, (size_t)batch, 1, ROWS, 1, 1),
                  ARG(pictures[0]), ARG(pictures[1]), ARG(pictures[2]), ARG(pictures[3]),
                  ARG(r->descriptions[split]), ARG((unsigned)seed), ARG(stream), ARG(position),
                  ARG(f.height), ARG(f.width), ARG(blend), ARG(truth));
}

static void resident_close(batches *b)
{
    resident *r = b->state;
    if (!r)
        return;
    for (int k = 0; k < SOURCES_MAX; k++)
        buffer_free(b->device, &r->pictures[k]);
    for (int split = SPLIT_TRAIN; split <= SPLIT_TEST; split++)
        buffer_free(b->device, &r->descriptions[split]);
    free(r);
}

const batches_kind resident_kind = {resident_open, resident_next, resident_close};
