/* unblend mix OUTPUT: blended pictures to try `separate` on, and their truths in OUTPUT/truth under
 * the names that `separate` gives its results. Made on the host: needs no device. */
#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/streams.h"
#include "cli/cli.h"
#include "data/batches.h"
#include "image/image.h"
#include "image/pixels.h"
#include <inttypes.h>
#include <stdlib.h>

/* The test sets, and room for one blend and its sources, each a picture of the mixture's format. */
typedef struct mixing {
    const mixture *mixture;
    uint64_t seed;
    dataset *sets[SOURCES_MAX];
    int counts[SOURCES_MAX];
    unsigned char *picture; /* as the set has it */
    unsigned char *sources[SOURCES_MAX], *blend;
} mixing;

static void mixing_close(mixing *m)
{
    for (int k = 0; k < SOURCES_MAX; k++) {
        dataset_close(m->sets[k]);
        free(m->sources[k]);
    }
    free(m->picture);
    free(m->blend);
}

static int mixing_open(mixing *m, const struct data_config *c, uint64_t seed)
{
    size_t bytes = image_values(c->mixture.format);
    *m = (mixing){.mixture = &c->mixture, .seed = seed};
    for (int k = 0; k < c->mixture.sources; k++) {
        if (source_open(&m->sets[k], c, k, DATASET_TEST) || !(m->sources[k] = allocate(bytes, 1)))
            return -1;
        m->counts[k] = (int)m->sets[k]->count;
    }
    m->picture = allocate(bytes, 1);
    m->blend = allocate(bytes, 1);
    return m->picture && m->blend ? 0 : -1;
}

static int write_picture(const mixing *m, const char *directory, const char *name,
                         const unsigned char *pixels)
{
    struct image_format f = m->mixture->format;
    char *path = path_join(directory, name);
    int result = path ? image_write_png(path, f.width, f.height, f.channels, pixels) : -1;
    free(path);
    return result;
}

/* A picture of source k's set, in the middle of black. */
static int take_picture(mixing *m, int k, int number)
{
    struct image_format inner = m->sets[k]->format;
    if (dataset_read(m->sets[k], (size_t)number, m->picture))
        return -1;
    pixels_pad(m->picture, inner.height, inner.width, m->sources[k], m->mixture->format);
    return 0;
}

/* The average of the sources; half goes up. */
static void blend(mixing *m)
{
    int sources = m->mixture->sources;
    for (size_t i = 0; i < image_values(m->mixture->format); i++) {
        int sum = 0;
        for (int k = 0; k < sources; k++)
            sum += m->sources[k][i];
        m->blend[i] = (unsigned char)((2 * sum + sources) / (2 * sources));
    }
}

/* Pictures are numbered from 1. */
static int make_one(mixing *m, uint64_t position, const char *output, const char *truth)
{
    int numbers[SOURCES_MAX];
    char name[64];
    batches_draw(m->counts, m->mixture->sources, m->seed, STREAM_MIX, position, numbers);
    for (int k = 0; k < m->mixture->sources; k++) {
        snprintf(name, sizeof name, "%04" PRIu64 ".%s.png", position + 1, m->mixture->names[k]);
        if (take_picture(m, k, numbers[k]) || write_picture(m, truth, name, m->sources[k]))
            return -1;
    }
    blend(m);
    snprintf(name, sizeof name, "%04" PRIu64 ".png", position + 1);
    return write_picture(m, output, name, m->blend);
}

static int make_all(mixing *m, const options *given)
{
    const char *output = given->arguments[0];
    char *truth = path_join(output, "truth");
    int result = truth && !directory_make(output) && !directory_make(truth) ? 0 : -1;
    for (long i = 0; i < given->count && !result; i++) {
        result = make_one(m, (uint64_t)i, output, truth);
        log_live("%ld of %ld pictures", i + 1, given->count);
    }
    log_live_end();
    if (!result)
        log_info("%ld blended pictures in %s, their truths in %s", given->count, output, truth);
    free(truth);
    return result;
}

static int run_mix(const options *given)
{
    const char *output = given->arguments[0];
    mixing m = {0};
    settings *s = NULL;
    bool filled;
    if (directory_look_inside(output, STATUS_RUNTIME, &filled))
        return -1;
    if (filled && !given->force)
        return fail(STATUS_USAGE,
                    "%s: is not empty; choose another folder, or --force to write "
                    "over what has the same names there",
                    output);
    int result = -1;
    if (!options_settings(given, NULL, &s) && !mixing_open(&m, &s->data, (uint64_t)s->train.seed))
        result = make_all(&m, given);
    mixing_close(&m);
    settings_free(s);
    return result;
}

const command mix_command = {
    .name = "mix",
    .summary = "Make blended images to try a model on",
    .arguments = "OUTPUT",
    .description =
        "Blends random pictures of the test sets that `unblend help config` names as the\n"
        "default (MNIST and Fashion-MNIST). Writes the blends to the directory OUTPUT, as\n"
        "0001.png and so on, and what they are made of to OUTPUT/truth, named as\n"
        "`separate` names its results.\n",
    .examples = "  unblend mix mixtures/ --count 20\n",
    .options = OPTION_COUNT | OPTION_SEED | OPTION_DATA | OPTION_FORCE,
    .least = 1,
    .most = 1,
    .run = run_mix,
};
