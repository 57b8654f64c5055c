/* Batches of pictures that are on the device, all of them, as bytes: a kernel draws, scales and blends
 * them (cl/mixer.cl). */
#include "base/error.h"
#include "base/memory.h"
#include "data/batches.h"
#include <stdlib.h>
#include <string.h>

enum { UPLOAD_BYTES = 4 << 20 };

typedef struct resident {
    kernel *mix;
    cl_mem pictures[SOURCES_MAX]; /* (count, height, width, channels), in the splits' order */
    cl_mem places; /* (all pictures): picture_place; those of a source are adjacent */
    int first_place[SOURCES_MAX];
    cl_mem descriptions[SPLIT_TEST + 1]; /* of each split: (sources) mixed_source */
} resident;

/* Pictures are gathered so far, that an upload is worth its while. */
typedef struct upload {
    device *device;
    cl_mem to;
    unsigned char *bytes;
    size_t filled, done, total;
} upload;

static int upload_filled(upload *u)
{
    if (buffer_write(u->device, u->to, u->done, u->bytes, u->filled))
        return -1;
    u->done += u->filled;
    u->filled = 0;
    return 0;
}

static int upload_bytes(upload *u, const unsigned char *bytes, size_t length)
{
    while (length) {
        size_t room = UPLOAD_BYTES - u->filled, part = length < room ? length : room;
        memcpy(u->bytes + u->filled, bytes, part);
        u->filled += part;
        bytes += part;
        length -= part;
        if (u->filled == UPLOAD_BYTES && upload_filled(u))
            return -1;
    }
    return 0;
}

/* Pictures of source k in the splits' order, and their places. */
static int upload_all(const batches *b, int k, upload *u, picture_place *places)
{
    const batches_source *s = &b->sources[k];
    size_t channels = (size_t)b->mixture.format.channels, offset = 0;
    for (int i = 0; i < s->count; i++) {
        picture_view v;
        if (dataset_view(s->set, s->order[i], &v))
            return -1;
        places[i] = (picture_place){offset, v.height, v.width};
        size_t bytes = (size_t)v.height * (size_t)v.width * channels;
        offset += bytes;
        int result =
            offset <= s->set->bytes
                ? upload_bytes(u, v.pixels, bytes)
                : fail(STATUS_DATA, "a picture of source %s changed as it was read; try again",
                       b->mixture.names[k]);
        picture_view_release(&v);
        if (result)
            return -1;
    }
    return upload_filled(u);
}

static int upload_pictures(batches *b, int k, picture_place *places)
{
    resident *r = b->state;
    size_t bytes = b->sources[k].set->bytes;
    if (buffer_new(b->device, bytes, "images", &r->pictures[k]))
        return -1;
    upload u = {.device = b->device, .to = r->pictures[k], .bytes = allocate(UPLOAD_BYTES, 1)};
    int result = u.bytes ? upload_all(b, k, &u, places) : -1;
    free(u.bytes);
    return result;
}

static int upload_sources(batches *b)
{
    resident *r = b->state;
    int count = 0, result = 0;
    for (int k = 0; k < b->mixture.sources; k++) {
        r->first_place[k] = count;
        count += b->sources[k].count;
    }
    picture_place *places = allocate((size_t)count, sizeof *places);
    result = places ? 0 : -1;
    for (int k = 0; k < b->mixture.sources && !result; k++)
        result = upload_pictures(b, k, places + r->first_place[k]);
    size_t bytes = (size_t)count * sizeof *places;
    if (!result)
        result = buffer_new(b->device, bytes, "places of images", &r->places) ||
                         buffer_write(b->device, r->places, 0, places, bytes)
                     ? -1
                     : 0;
    free(places);
    return result;
}

static int upload_descriptions(batches *b, enum split split)
{
    resident *r = b->state;
    mixed_source of[SOURCES_MAX] = {{0}};
    for (int k = 0; k < b->mixture.sources; k++) {
        of[k] = batches_describe(b, split, k);
        of[k].place = r->first_place[k];
    }
    return buffer_new(b->device, sizeof of, "sources", &r->descriptions[split]) ||
                   buffer_write(b->device, r->descriptions[split], 0, of, sizeof of)
               ? -1
               : 0;
}

static int resident_open(batches *b)
{
    resident *r = b->state = allocate(1, sizeof *r);
    if (!r || !(r->mix = batches_mixer(b)) || upload_sources(b))
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
    return batches_mix(
        b, &(mixer_input){r->mix, r->pictures, r->places, r->descriptions[split], false}, seed,
        stream, position, batch, blend, truth);
}

static void resident_close(batches *b)
{
    resident *r = b->state;
    if (!r)
        return;
    for (int k = 0; k < SOURCES_MAX; k++)
        buffer_free(b->device, &r->pictures[k]);
    buffer_free(b->device, &r->places);
    for (int split = SPLIT_TRAIN; split <= SPLIT_TEST; split++)
        buffer_free(b->device, &r->descriptions[split]);
    free(r);
}

const batches_kind resident_kind = {resident_open, resident_next, NULL, resident_close};
