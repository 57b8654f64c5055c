/* Data sets in IDX files: train-images-idx3-ubyte and t10k-images-idx3-ubyte in the set's folder, or
 * with a point before idx3, each plain or .gz. A set is held in memory whole. */
#include "base/memory.h"
#include "data/dataset.h"
#include "data/idx.h"
#include <stdlib.h>

static int idx_find(const char *folder, const struct data_config *c, enum dataset_part part,
                    char **found)
{
    (void)c;
    return idx_find_images(folder, part == DATASET_TEST ? "t10k" : "train", found);
}

static void describe(dataset *d, const struct image_set *set)
{
    d->count = set->count;
    d->format = set->format;
    d->held_out = -1;
    d->bytes = set->count * image_values(set->format);
    d->fingerprint = set->count;
    d->state = (void *)set;
}

static int idx_open(dataset *d, const char *path, const struct data_config *c,
                    enum dataset_part part)
{
    (void)c, (void)part; /* the path is of the part */
    struct image_set *set = allocate(1, sizeof *set);
    if (!set || idx_read_images(path, set)) {
        free(set);
        return -1;
    }
    describe(d, set);
    return 0;
}

static int set_view(const dataset *d, size_t number, picture_view *v)
{
    const struct image_set *set = d->state;
    *v = (picture_view){.height = d->format.height,
                        .width = d->format.width,
                        .pixels = set->pixels + number * image_values(d->format)};
    return 0;
}

static void idx_close(dataset *d)
{
    image_set_release(d->state);
    free(d->state);
}

const dataset_kind idx_kind = {idx_find, idx_open, set_view, idx_close};

/* ---- The same from memory ---- */

static void memory_close(dataset *d)
{
    (void)d; /* the pictures are the caller's */
}

int dataset_of_memory(dataset **out, const struct image_set *pictures)
{
    static const dataset_kind memory_kind = {.view = set_view, .close = memory_close};
    dataset *d = allocate(1, sizeof *d);
    if (!d)
        return -1;
    d->kind = &memory_kind;
    describe(d, pictures);
    *out = d;
    return 0;
}
