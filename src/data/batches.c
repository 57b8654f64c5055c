#include "data/batches.h"

#include "base/error.h"
#include "base/memory.h"
#include "base/rng.h"
#include "base/streams.h"
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    ROWS = 32, /* of the mixer's work-group: one size, whatever the pictures' */
    PICTURES_MOST = INT_MAX / SOURCES_MAX /* of a source: those of all have one table of places */
};

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
    bool even = (wanted->height - f->height) % 2 == 0 && (wanted->width - f->width) % 2 == 0;
    if (!even && !set->various)
        return fail(STATUS_DATA,
                    "data set %s: pictures of %d x %d cannot lie in the middle of %d x %d; give "
                    "data.size even borders",
                    name, f->height, f->width, wanted->height, wanted->width);
    return set->count <= PICTURES_MOST
               ? 0
               : fail(STATUS_DATA, "data set %s: %zu pictures are too many", name, set->count);
}

int source_open(dataset **out, const struct data_config *c, int source, enum dataset_part part)
{
    const char *name = c->directories[source];
    if (dataset_open(out, c, source, part))
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

/* Sources that are one set: blends show different pictures of it, and hold out the same ones. */
static void find_group(batches *b, int k, dataset *const sets[])
{
    batches_source *s = &b->sources[k];
    s->group = k;
    for (int i = k - 1; i >= 0; i--)
        if (sets[i]->home && sets[i]->home == sets[k]->home) {
            s->group = i;
            s->same++;
        }
}

/* Training sets come in an order drawn from the seed, so that a held-out share is a random one; but for those
 * that say themselves which pictures are for validation. */
static int set_up_source(batches *b, int k, const struct data_config *c, uint64_t seed,
                         dataset *const sets[])
{
    dataset *set = sets[k];
    batches_source *s = &b->sources[k];
    *s = (batches_source){.set = set, .count = (int)set->count, .training = (int)set->count};
    find_group(b, k, sets);
    s->crops = set->crops;
    s->fingerprint = set->fingerprint;
    s->flip = k < c->flip_count && c->flip[k];
    s->turn = k < c->rotate_count && c->rotate[k];
    if (set->format.height > b->mixture.inner_height)
        b->mixture.inner_height = set->format.height;
    if (set->format.width > b->mixture.inner_width)
        b->mixture.inner_width = set->format.width;
    bool draws = !b->test && set->held_out < 0;
    if (!b->test && !draws)
        s->training -= (int)set->held_out;
    if (draws && hold_out(s, c->validation, b->mixture.names[k]))
        return -1;
    s->order = allocate(set->count, sizeof *s->order);
    if (!s->order)
        return -1;
    for (size_t i = 0; i < set->count; i++)
        s->order[i] = (uint32_t)i;
    if (draws) {
        rng random = rng_start(seed, split_streams[s->group]);
        rng_permutation(&random, s->order, set->count);
    }
    return 0;
}

blend_rule blend_rule_of(const struct mix_config *m)
{
    static const int kinds[] = {[MIX_AVERAGE] = BLEND_SUM,
                                [MIX_WEIGHTS] = BLEND_SUM,
                                [MIX_SCREEN] = BLEND_SCREEN,
                                [MIX_MULTIPLY] = BLEND_MULTIPLY};
    return (blend_rule){.kind = kinds[m->kind],
                        .draws_weights = mix_draws_weights(m),
                        .weight_low = (float)m->weight.low,
                        .weight_high = (float)m->weight.high,
                        .gamma = (float)m->gamma,
                        .noise = (float)m->noise};
}

/* ---- How pictures reach the device ---- */

static uint64_t memory_limit(const device *d, const struct data_config *c)
{
    return c->memory ? (uint64_t)c->memory << 20 : (uint64_t)d->info.global_memory / 4;
}

static const batches_kind *choose_kind(const batches *b)
{
    uint64_t all = 0;
    for (int k = 0; k < b->mixture.sources; k++) {
        uint64_t bytes = b->sources[k].set->bytes;
        if (bytes > b->memory - all || bytes > b->device->info.max_allocation)
            return &streamed_kind;
        all += bytes;
    }
    return &resident_kind;
}

static int open_over(batches **out, device *d, const struct data_config *c, uint64_t seed,
                     bool test, dataset *const sets[])
{
    batches *b = allocate(1, sizeof *b);
    if (!b)
        return -1;
    *b = (batches){.device = d,
                   .mixture = c->mixture,
                   .test = test,
                   .shift = c->shift,
                   .clean = (float)c->mix.clean,
                   .only_clean = c->mix.only_clean,
                   .rule = blend_rule_of(&c->mix)};
    b->mixture.inner_height = b->mixture.inner_width = 0;
    for (int k = 0; k < b->mixture.sources; k++)
        if (set_up_source(b, k, c, seed, sets))
            goto failed;
    if (d) {
        b->memory = memory_limit(d, c);
        b->kind = choose_kind(b);
        if (b->kind->open(b))
            goto failed;
    }
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
    if (!result && (*out)->kind != &resident_kind) {
        (*out)->owns_sets = true;
        return 0;
    }
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
    if (b->kind)
        b->kind->close(b);
    for (int k = 0; k < SOURCES_MAX; k++) {
        free(b->sources[k].order);
        if (b->owns_sets)
            dataset_close(b->sources[k].set);
    }
    free(b);
}

/* ---- Batches ---- */

const mixture *batches_mixture(const batches *b)
{
    return &b->mixture;
}

uint64_t batches_fingerprint(const batches *b)
{
    enum { PRIME = 16777619 }; /* of FNV-1a */
    uint64_t all = 1;
    for (int k = 0; k < b->mixture.sources; k++)
        all = (all * PRIME + b->sources[k].fingerprint) * PRIME + (uint64_t)b->sources[k].training;
    all &= INT64_MAX; /* as JSON can hold it */
    return all ? all : 1;
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

int batches_prepare(batches *b, int batch)
{
    return b->kind->prepare ? b->kind->prepare(b, batch) : 0;
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

mixed_source batches_describe(const batches *b, enum split split, int source)
{
    const batches_source *s = &b->sources[source];
    const bool varied = split == SPLIT_TRAIN;
    float weight = mixture_weight(&b->mixture, source);
    return (mixed_source){.first = split == SPLIT_VALIDATION ? s->training : 0,
                          .count = batches_count(b, split, source),
                          .group = s->group,
                          .same = s->same,
                          .shift = varied && !s->crops ? b->shift : 0,
                          .flip = varied && s->flip,
                          .turn = varied && s->turn,
                          .crop = !s->crops ? CROP_NONE
                                  : varied  ? CROP_ANYWHERE
                                            : CROP_GRID,
                          .weight = weight,
                          .clean = (varied          ? b->clean
                                    : b->only_clean ? 1.0f
                                                    : 0.0f) *
                                   weight};
}

kernel *batches_mixer(const batches *b)
{
    char options[48];
    snprintf(options, sizeof options, "-DSOURCES=%d -DCHANNELS=%d", b->mixture.sources,
             b->mixture.format.channels);
    return kernel_get(b->device, "mixer", options, "mix_sources");
}

int batches_mix(const batches *b, const mixer_input *from, uint64_t seed, unsigned stream,
                uint64_t position, int batch, cl_mem blend, cl_mem truth)
{
    struct image_format f = b->mixture.format;
    cl_mem pictures[SOURCES_MAX];
    for (int k = 0; k < SOURCES_MAX; k++)
        pictures[k] = from->pictures[k < b->mixture.sources ? k : 0];
    return LAUNCH(b->device, from->mixer,
                  range_groups((size_t)f.height, (size_t)batch, 1, ROWS, 1, 1), ARG(pictures[0]),
                  ARG(pictures[1]), ARG(pictures[2]), ARG(pictures[3]), ARG(from->places),
                  ARG(from->descriptions), STRUCT(blend_rule, b->rule), ARG(from->streamed),
                  ARG((unsigned)seed), ARG(stream), ARG(position), ARG(f.height), ARG(f.width),
                  ARG(blend), ARG(truth));
}
