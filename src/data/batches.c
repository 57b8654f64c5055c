#include "data/batches.h"

#include "../cl/philox.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/rng.h"
#include "base/streams.h"
#include <limits.h>
#include <stdlib.h>

static const enum stream split_streams[SOURCES_MAX] = {STREAM_SPLIT_1, STREAM_SPLIT_2,
                                                       STREAM_SPLIT_3, STREAM_SPLIT_4};

/* ---- Sources ---- */

static int check_format(const dataset *set, const char *name, const struct image_format *wanted)
{
    const struct image_format *f = &set->format;
    if (f->channels != wanted->channels)
        return fail(STATUS_DATA, "data set %s: its pictures have %d channel%s, data.channels is %d",
                    name, f->channels, f->channels == 1 ? "" : "s", wanted->channels);
    if (f->height > wanted->height || f->width > wanted->width)
        return fail(STATUS_DATA, "data set %s: pictures of %d x %d do not fit data.size, %d x %d",
                    name, f->height, f->width, wanted->height, wanted->width);
    if ((wanted->height - f->height) % 2 || (wanted->width - f->width) % 2)
        return fail(STATUS_DATA,
                    "data set %s: pictures of %d x %d cannot lie in the middle of %d x %d; give "
                    "data.size even borders",
                    name, f->height, f->width, wanted->height, wanted->width);
    return set->count <= INT_MAX
               ? 0
               : fail(STATUS_DATA, "data set %s: %zu pictures are too many", name, set->count);
}

int source_open(dataset **out, const struct data_config *c, int source, enum dataset_part part)
{
    const char *name = c->directories[source];
    if (dataset_open(out, c->directory, name, part))
        return -1;
    if (!check_format(*out, name, &c->mixture.format))
        return 0;
    dataset_close(*out);
    *out = NULL;
    return -1;
}

/* A share above zero holds out at least one picture, and leaves at least one. */
static int hold_out(batches_source *of, double share, const char *name)
{
    int held_out = (int)(of->count * share);
    if (share > 0 && held_out == 0)
        held_out = 1;
    of->training = of->count - held_out;
    return of->training ? 0
                        : fail(STATUS_DATA,
                               "source %s has 1 image, which data.validation = %g holds out: none "
                               "is left to train on; take more images, or data.validation = 0",
                               name, share);
}

/* Training sets come in an order drawn from the seed, so that a held-out share is a random one. */
static int set_up_source(batches *b, int k, const struct data_config *c, uint64_t seed,
                         const dataset *set)
{
    batches_source *s = &b->sources[k];
    *s = (batches_source){.set = set, .count = (int)set->count, .training = (int)set->count};
    s->flip = k < c->flip_count && c->flip[k];
    if (set->format.height > b->mixture.inner_height)
        b->mixture.inner_height = set->format.height;
    if (set->format.width > b->mixture.inner_width)
        b->mixture.inner_width = set->format.width;
    if (!b->test && hold_out(s, c->validation, b->mixture.names[k]))
        return -1;
    s->order = allocate(set->count, sizeof *s->order);
    if (!s->order)
        return -1;
    for (size_t i = 0; i < set->count; i++)
        s->order[i] = (uint32_t)i;
    if (!b->test) {
        rng random = rng_start(seed, split_streams[k]);
        rng_permutation(&random, s->order, set->count);
    }
    return 0;
}

static int open_over(batches **out, device *d, const struct data_config *c, uint64_t seed,
                     bool test, dataset *const sets[])
{
    batches *b = allocate(1, sizeof *b);
    if (!b)
        return -1;
    *b = (batches){.device = d,
                   .kind = &resident_kind,
                   .mixture = c->mixture,
                   .test = test,
                   .shift = c->shift,
                   .clean = (float)c->mix.clean};
    b->mixture.inner_height = b->mixture.inner_width = 0;
    for (int k = 0; k < b->mixture.sources; k++)
        if (set_up_source(b, k, c, seed, sets[k]))
            goto failed;
    if (b->kind->open(b))
        goto failed;
    *out = b;
    return 0;
failed:
    batches_close(b);
    return -1;
}

int batches_open_sets(batches **out, device *d, const struct data_config *c, uint64_t seed,
                      dataset *const sets[])
{
    for (int k = 0; k < c->mixture.sources; k++)
        if (check_format(sets[k], c->directories[k], &c->mixture.format))
            return -1;
    return open_over(out, d, c, seed, false, sets);
}

int batches_open(batches **out, device *d, const struct data_config *c, uint64_t seed, bool test)
{
    dataset *sets[SOURCES_MAX] = {NULL};
    int result = 0;
    for (int k = 0; k < c->mixture.sources && !result; k++)
        result = source_open(&sets[k], c, k, test ? DATASET_TEST : DATASET_TRAINING);
    if (!result)
        result = open_over(out, d, c, seed, test, sets);
    for (int k = 0; k < c->mixture.sources; k++) {
        if (!result)
            (*out)->sources[k].set = NULL; /* resident pictures are on the device by now */
        dataset_close(sets[k]);
    }
    return result;
}

void batches_close(batches *b)
{
    if (!b)
        return;
    b->kind->close(b);
    for (int k = 0; k < SOURCES_MAX; k++)
        free(b->sources[k].order);
    free(b);
}

/* ---- Batches ---- */

const mixture *batches_mixture(const batches *b)
{
    return &b->mixture;
}

int batches_count(const batches *b, enum split split, int source)
{
    const batches_source *s = &b->sources[source];
    if ((split == SPLIT_TEST) != b->test)
        return 0;
    return split == SPLIT_VALIDATION ? s->count - s->training : s->training;
}

int batches_least(const batches *b, enum split split)
{
    int least = INT_MAX;
    for (int k = 0; k < b->mixture.sources; k++)
        if (batches_count(b, split, k) < least)
            least = batches_count(b, split, k);
    return least;
}

int batches_next(batches *b, enum split split, uint64_t seed, unsigned stream, uint64_t position,
                 int batch, cl_mem blend, cl_mem truth)
{
    for (int k = 0; k < b->mixture.sources; k++)
        if (batches_count(b, split, k) < 1)
            return fail(STATUS_DATA, "source %s has no images to draw from (data.validation?)",
                        b->mixture.names[k]);
    return b->kind->next(b, split, seed, stream, position, batch, blend, truth);
}

void batches_draw(const int counts[], int sources, uint64_t seed, unsigned stream,
                  uint64_t position, int numbers[])
{
    philox_word counter[4] = {(philox_word)position, (philox_word)(position >> 32), 0, 0};
    philox_word key[2] = {(philox_word)seed, stream}, words[4] = {0};
    philox(counter, key, words);
    for (int k = 0; k < sources; k++)
        numbers[k] = (int)philox_below(words[k], (philox_word)counts[k]);
}
