#include "data/mixer.h"

#include "../cl/philox.h"
#include "base/error.h"
#include "base/files.h"
#include "base/memory.h"
#include "base/rng.h"
#include "base/streams.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { PADDED = 32 }; /* side of the images that networks see */

typedef struct source {
    cl_mem pixels;
    int count, size;
    int training; /* the first so many of count; the rest is held out */
} source;

struct mixer {
    device *device;
    bool test;
    source sources[2];
    kernel *mix;
};

/* The forms in which the files are found in the wild; each may be packed. */
static const char *const forms[] = {"%s/%s-images-idx3-ubyte", "%s/%s-images-idx3-ubyte.gz",
                                    "%s/%s-images.idx3-ubyte", "%s/%s-images.idx3-ubyte.gz"};
enum { FORMS = sizeof forms / sizeof *forms };

/* *found is the first form of a split's images that is in the folder, or NULL. Fails if none is, but
 * of one that cannot be told. */
static int find_file(const char *folder, const char *split, char **found)
{
    bool there, failed = false;
    *found = NULL;
    for (int i = 0; i < FORMS; i++) {
        char *path = format_text(forms[i], folder, split);
        if (!path)
            return -1;
        if (file_look(path, STATUS_DATA, &there)) {
            failed = true;
        } else if (there) {
            error_clear();
            *found = path;
            return 0;
        }
        free(path);
    }
    return failed ? -1 : 0;
}

/* A relative data directory is looked for here, then beside the folder that holds cl/. */
static int find_images(const char *directory, const char *name, const char *split, char **found)
{
    bool there;
    char *folder = path_join(directory, name);
    int result = !folder || directory_look(directory, STATUS_DATA, &there) ||
                         directory_look(folder, STATUS_DATA, &there) ||
                         find_file(folder, split, found)
                     ? -1
                     : 0;
    free(folder);
    if (result || *found || directory[0] == '/' || !kernel_directory())
        return result;
    folder = format_text("%s/../%s/%s", kernel_directory(), directory, name);
    result = folder ? find_file(folder, split, found) : -1;
    free(folder);
    return result;
}

static int is_missing(const char *directory, const char *name, const char *split)
{
    struct stat info;
    char *folder = path_join(directory, name);
    if (!folder)
        return -1;
    if (!stat(folder, &info))
        fail(
            STATUS_DATA,
            "%s/%s-images-idx3-ubyte: no such file, nor %s-images.idx3-ubyte, nor one of them with "
            ".gz; `make data` brings it, and --data or data.directory says where it is",
            folder, split, split);
    else if (errno == ENOENT)
        fail(STATUS_DATA,
             "%s: no such folder, which should hold %s-images-idx3-ubyte; `make data` brings it, "
             "and --data or data.directory says where it is",
             folder, split);
    else
        fail(STATUS_DATA, "%s: %s; --data or data.directory says where the data sets are", folder,
             strerror(errno));
    free(folder);
    return -1;
}

int source_read(const settings *s, int index, bool test, struct image_set *out)
{
    const char *directory = s->data.directory;
    const char *name = s->data.directories[index];
    const char *split = test ? "t10k" : "train";
    char *path = NULL;
    if (find_images(directory, name, split, &path))
        return fail_while("data set %s", name);
    if (!path)
        return is_missing(directory, name, split);
    int result = idx_read_images(path, out);
    if (!result && (out->height != out->width || out->width > PADDED || out->width % 2)) {
        result =
            fail(STATUS_DATA, "%s: images of %d x %d; they must be square, even, and at most %d",
                 path, out->width, out->height, PADDED);
        image_set_release(out);
    }
    free(path);
    return result;
}

/* Puts the set into an order drawn from the seed, so that a held-out share is a random one. */
static int shuffle(struct image_set *set, unsigned long seed, enum stream stream)
{
    size_t size = (size_t)set->height * set->width;
    uint32_t *order = allocate(set->count, sizeof *order);
    unsigned char *shuffled = order ? allocate(set->count, size) : NULL;
    if (!shuffled) {
        free(order);
        return -1;
    }
    rng random = rng_start(seed, stream);
    rng_permutation(&random, order, set->count);
    for (size_t i = 0; i < set->count; i++)
        memcpy(shuffled + i * size, set->pixels + order[i] * size, size);
    free(order);
    free(set->pixels);
    set->pixels = shuffled;
    return 0;
}

/* A share above zero holds out at least one image, and leaves at least one. */
static int hold_out(source *of, const settings *s, int index)
{
    double share = s->data.validation;
    int held_out = (int)(of->count * share);
    if (share > 0 && held_out == 0)
        held_out = 1;
    of->training = of->count - held_out;
    return of->training ? 0
                        : fail(STATUS_DATA,
                               "source %c has 1 image, which data.validation = %g holds out: none "
                               "is left to train on; take more images, or data.validation = 0",
                               'A' + index, share);
}

static int upload(mixer *m, int index, const settings *s, struct image_set *set)
{
    static const enum stream streams[] = {STREAM_SPLIT_A, STREAM_SPLIT_B};
    source *to = &m->sources[index];
    size_t bytes = set->count * (size_t)set->height * set->width;
    to->count = (int)set->count;
    to->size = set->width;
    if (!m->test && hold_out(to, s, index))
        return -1;
    if (!m->test && shuffle(set, (unsigned long)s->train.seed, streams[index]))
        return -1;
    return buffer_new(m->device, bytes, "images", &to->pixels) ||
                   buffer_write(m->device, to->pixels, 0, set->pixels, bytes)
               ? -1
               : 0;
}

static int read_and_upload(mixer *m, int index, const settings *s)
{
    struct image_set set;
    if (source_read(s, index, m->test, &set))
        return -1;
    int result = upload(m, index, s, &set);
    image_set_release(&set);
    return result;
}

/* Without images yet. */
static mixer *new_mixer(device *d, bool test)
{
    mixer *m = allocate(1, sizeof *m);
    if (!m)
        return NULL;
    m->device = d;
    m->test = test;
    m->mix = kernel_get(d, "mixer", "", "mix_pairs");
    if (!m->mix) {
        mixer_close(m);
        return NULL;
    }
    return m;
}

int mixer_open(mixer **out, device *d, const settings *s, bool test)
{
    mixer *m = new_mixer(d, test);
    if (!m || read_and_upload(m, 0, s) || read_and_upload(m, 1, s)) {
        mixer_close(m);
        return -1;
    }
    *out = m;
    return 0;
}

int mixer_open_sets(mixer **out, device *d, const settings *s, struct image_set sets[2])
{
    mixer *m = new_mixer(d, false);
    if (!m || upload(m, 0, s, &sets[0]) || upload(m, 1, s, &sets[1])) {
        mixer_close(m);
        return -1;
    }
    *out = m;
    return 0;
}

void mixer_close(mixer *m)
{
    if (!m)
        return;
    for (int i = 0; i < 2; i++)
        buffer_free(m->device, &m->sources[i].pixels);
    free(m);
}

int mixer_count(const mixer *m, enum split split, int index)
{
    const source *s = &m->sources[index];
    if ((split == SPLIT_TEST) != m->test)
        return 0;
    return split == SPLIT_TEST    ? s->count
           : split == SPLIT_TRAIN ? s->training
                                  : s->count - s->training;
}

int mixer_batch(mixer *m, enum split split, unsigned long seed, unsigned stream,
                unsigned long position, int batch, cl_mem mixture, cl_mem a, cl_mem b)
{
    int first[2], count[2];
    for (int i = 0; i < 2; i++) {
        first[i] = split == SPLIT_VALIDATION ? m->sources[i].training : 0;
        count[i] = mixer_count(m, split, i);
        if (count[i] < 1)
            return fail(STATUS_DATA, "source %c has no images to draw from (data.validation?)",
                        'A' + i);
    }
    return LAUNCH(m->device, m->mix, range_groups(PADDED, (size_t)batch, 1, PADDED, 1, 1),
                  ARG(m->sources[0].pixels), ARG(m->sources[1].pixels), ARG(m->sources[0].size),
                  ARG(m->sources[1].size), ARG(first[0]), ARG(first[1]), ARG(count[0]),
                  ARG(count[1]), ARG((unsigned)seed), ARG(stream), ARG(position), ARG((int)PADDED),
                  ARG(mixture), ARG(a), ARG(b));
}

void mixer_pair(const int counts[2], unsigned long seed, unsigned stream, unsigned long position,
                int images[2])
{
    uint64_t pair = position;
    philox_word counter[4] = {(philox_word)pair, (philox_word)(pair >> 32), 0, 0};
    philox_word key[2] = {(philox_word)seed, stream}, words[4] = {0};
    philox(counter, key, words);
    for (int i = 0; i < 2; i++)
        images[i] = (int)philox_below(words[i], (philox_word)counts[i]);
}
