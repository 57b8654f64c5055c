/* unblend mix OUTPUT: blended pictures to try `separate` on, and their truths in OUTPUT/truth under
 * the names that `separate` gives its results. Made on the host: needs no device. */
#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/streams.h"
#include "cli/cli.h"
#include "data/mixer.h"
#include "image/image.h"
#include "models/network.h"
#include <stdlib.h>
#include <string.h>

enum { PIXELS = IMAGE_SIZE * IMAGE_SIZE };

static int write_picture(const char *directory, const char *name, const unsigned char *pixels)
{
    char *path = path_join(directory, name);
    int result = path ? image_write_png(path, IMAGE_SIZE, IMAGE_SIZE, 1, pixels) : -1;
    free(path);
    return result;
}

/* The image of a set in the middle of (32, 32) black pixels. */
static void pad(const struct image_set *set, int number, unsigned char *padded)
{
    int border = (IMAGE_SIZE - set->width) / 2;
    const unsigned char *image = set->pixels + (size_t)number * set->height * set->width;
    memset(padded, 0, PIXELS);
    for (int y = 0; y < set->height; y++)
        memcpy(padded + (y + border) * IMAGE_SIZE + border, image + y * set->width,
               (size_t)set->width);
}

static void blend(unsigned char sources[SOURCES][PIXELS], unsigned char *mixture)
{
    for (int i = 0; i < PIXELS; i++)
        mixture[i] = (unsigned char)((sources[0][i] + sources[1][i] + 1) / 2); /* half goes up */
}

/* Pictures are numbered from 1. */
static int make_pair(const struct image_set sets[SOURCES], const settings *s,
                     unsigned long position, const char *output, const char *truth)
{
    const int counts[SOURCES] = {(int)sets[0].count, (int)sets[1].count};
    unsigned char sources[SOURCES][PIXELS], mixture[PIXELS];
    int images[SOURCES];
    char name[64];
    mixer_pair(counts, (unsigned long)s->train.seed, STREAM_MIX, position, images);
    for (int k = 0; k < SOURCES; k++) {
        pad(&sets[k], images[k], sources[k]);
        snprintf(name, sizeof name, "%04lu.%s.png", position + 1, s->data.mixture.names[k]);
        if (write_picture(truth, name, sources[k]))
            return -1;
    }
    blend(sources, mixture);
    snprintf(name, sizeof name, "%04lu.png", position + 1);
    return write_picture(output, name, mixture);
}

static int make_all(const struct image_set sets[SOURCES], const settings *s, const options *given)
{
    const char *output = given->arguments[0];
    char *truth = path_join(output, "truth");
    int result = truth && !directory_make(output) && !directory_make(truth) ? 0 : -1;
    for (long i = 0; i < given->count && !result; i++) {
        result = make_pair(sets, s, (unsigned long)i, output, truth);
        log_live("%ld of %ld pictures", i + 1, given->count);
    }
    log_live_end();
    if (!result)
        log_info("%ld blended pictures in %s, their truths in %s", given->count, output, truth);
    free(truth);
    return result;
}

int command_mix(const options *given)
{
    const char *output = given->arguments[0];
    struct image_set sets[SOURCES] = {{0}};
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
    if (!options_settings(given, NULL, &s) && !source_read(s, 0, true, &sets[0]) &&
        !source_read(s, 1, true, &sets[1]))
        result = make_all(sets, s, given);
    for (int k = 0; k < SOURCES; k++)
        image_set_release(&sets[k]);
    settings_free(s);
    return result;
}
