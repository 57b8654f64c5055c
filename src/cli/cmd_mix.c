/* unblend mix OUTPUT [MODEL|CONFIG]: blended pictures to try `separate` on, and their truths in OUTPUT/truth
 * under the names that `separate` gives its results. Made on the host: needs no device. */
#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/streams.h"
#include "cli/cli.h"
#include "cli/subject.h"
#include "data/batches.h"
#include "image/image.h"
#include "image/pixels.h"
#include <inttypes.h>
#include <stdlib.h>

/* The test sets, and room for one blend and its sources, each a picture of the mixture's format. */
typedef struct mixing {
    const mixture *mixture;
    uint64_t seed;
    bool plain; /* blends are averages, with equal weights and nothing else */
    batches *batches;
    float *blend_values, *truth_values; /* (h, w, c), (h, w, sources * c) */
    unsigned char *sources[SOURCES_MAX], *blend;
} mixing;

static void mixing_close(mixing *m)
{
    batches_close(m->batches);
    free(m->blend_values);
    free(m->truth_values);
    for (int k = 0; k < SOURCES_MAX; k++)
        free(m->sources[k]);
    free(m->blend);
}

static bool is_plain(const struct mix_config *c)
{
    return mix_is_average(c) && !c->weight_count && c->noise == 0;
}

static int mixing_open(mixing *m, const struct data_config *c, uint64_t seed)
{
    size_t values = image_values(c->mixture.format), sources = (size_t)c->mixture.sources;
    *m = (mixing){.mixture = &c->mixture, .seed = seed, .plain = is_plain(&c->mix)};
    for (size_t k = 0; k < sources; k++)
        if (!(m->sources[k] = allocate(values, 1)))
            return -1;
    m->blend = allocate(values, 1);
    m->blend_values = allocate(values, sizeof(float));
    m->truth_values = allocate(values * sources, sizeof(float));
    return m->blend && m->blend_values && m->truth_values &&
                   !batches_open(&m->batches, NULL, c, seed, true)
               ? 0
               : -1;
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

/* The average of the sources, from their bytes, which is exact; half goes up. */
static void average(mixing *m)
{
    int sources = m->mixture->sources;
    for (size_t i = 0; i < image_values(m->mixture->format); i++) {
        int sum = 0;
        for (int k = 0; k < sources; k++)
            sum += m->sources[k][i];
        m->blend[i] = (unsigned char)((2 * sum + sources) / (2 * sources));
    }
}

static int blend(mixing *m, uint64_t position)
{
    struct image_format f = m->mixture->format;
    int sources = m->mixture->sources;
    if (batches_blend(m->batches, SPLIT_TEST, m->seed, STREAM_MIX, position, m->blend_values,
                      m->truth_values))
        return -1;
    for (int k = 0; k < sources; k++)
        values_to_pixels(m->truth_values + k * f.channels, f, sources * f.channels, m->sources[k]);
    if (m->plain)
        average(m);
    else
        values_to_pixels(m->blend_values, f, f.channels, m->blend);
    return 0;
}

/* Pictures are numbered from 1. */
static int make_one(mixing *m, uint64_t position, const char *output, const char *truth)
{
    char name[64];
    if (blend(m, position))
        return -1;
    for (int k = 0; k < m->mixture->sources; k++) {
        snprintf(name, sizeof name, "%04" PRIu64 ".%s.png", position + 1, m->mixture->names[k]);
        if (write_picture(m, truth, name, m->sources[k]))
            return -1;
    }
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
    model_file subject = {0};
    bool filled;
    if (directory_look_inside(output, STATUS_RUNTIME, &filled))
        return -1;
    if (filled && !given->force)
        return fail(STATUS_USAGE,
                    "%s: is not empty; choose another folder, or --force to write "
                    "over what has the same names there",
                    output);
    int result = -1;
    if (!subject_open(given, 1, &subject) &&
        !mixing_open(&m, &subject.settings->data, (uint64_t)subject.settings->train.seed))
        result = make_all(&m, given);
    mixing_close(&m);
    model_close(&subject);
    return result;
}

const command mix_command = {
    .name = "mix",
    .summary = "Make blended images to try a model on",
    .arguments = "OUTPUT [MODEL|CONFIG]",
    .description =
        "Blends random test pictures of the sources of MODEL or CONFIG, as its [mix] says; by\n"
        "default of those that `unblend help config` names (MNIST and Fashion-MNIST). Writes\n"
        "the blends to the directory OUTPUT, as 0001.png and so on, and what they are made of\n"
        "to OUTPUT/truth, named as `separate` names its results.\n",
    .examples = "  unblend mix mixtures/ --count 20\n"
                "  unblend mix mixtures/ unblend.ini\n",
    .options = OPTION_COUNT | OPTION_SEED | OPTION_DATA | OPTION_FORCE | OPTION_SET,
    .least = 1,
    .most = 2,
    .run = run_mix,
};
