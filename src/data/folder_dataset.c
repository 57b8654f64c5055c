/* Data sets in folders of PNG, JPEG, TIFF, WebP, PGM and PPM files, whose parts are as picture_files.h has them. Their
 * pictures are decoded once (picture_store.h), or those that are not stored each time. */
#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/streams.h"
#include "data/dataset.h"
#include "data/fit.h"
#include "data/idx.h"
#include "data/picture_store.h"
#include "image/image.h"
#include <stdlib.h>

#define FINGERPRINT_PRIME 1099511628211u /* of FNV-1a with 64 bits */

typedef struct folder_state {
    char *folder;
    struct data_config config; /* as it was; its texts are not looked at */
    picture_files files;
    picture_store *store;
    uint32_t *numbers; /* of the set's pictures among the files */
} folder_state;

static int folder_find(const char *folder, const struct data_config *c, enum dataset_part part,
                       char **found)
{
    char *idx = NULL;
    *found = NULL;
    if (part == DATASET_TEST && idx_find_images(folder, "train", &idx))
        return -1;
    bool is_idx = idx != NULL; /* what lies beside IDX files is no test set for them */
    free(idx);
    if (is_idx || !picture_files_look(folder, c))
        return 0;
    *found = copy_text(folder);
    return *found ? 0 : -1;
}

static void folder_close(dataset *d)
{
    folder_state *s = d->state;
    if (!s)
        return;
    picture_store_close(s->store);
    picture_files_release(&s->files);
    free(s->numbers);
    free(s->folder);
    free(s);
}

/* Takes the readable pictures of a part, which are adjacent in the files. Returns how many. */
static size_t take_part(dataset *d, enum picture_part part)
{
    folder_state *s = d->state;
    size_t taken = 0;
    for (size_t i = 0; i < s->files.count; i++) {
        if (s->files.files[i].part != part || s->store->items[i].state == STORED_UNREADABLE)
            continue;
        const stored_item *item = &s->store->items[i];
        if (item->state == STORED_NO)
            d->bytes = UINT64_MAX;
        else if (d->bytes != UINT64_MAX)
            d->bytes +=
                (uint64_t)item->height * (uint64_t)item->width * (uint64_t)d->format.channels;
        s->numbers[d->count++] = (uint32_t)i;
        d->fingerprint = FINGERPRINT_PRIME * d->fingerprint +
                         stream_of_name(STREAM_PARTS, s->files.files[i].name);
        taken++;
    }
    return taken;
}

/* Pictures with a border are as large as they are. */
static void find_largest(dataset *d)
{
    const folder_state *s = d->state;
    struct image_format largest = {0, 0, d->format.channels};
    for (size_t i = 0; i < d->count; i++) {
        const stored_item *item = &s->store->items[s->numbers[i]];
        largest.height = item->height > largest.height ? item->height : largest.height;
        largest.width = item->width > largest.width ? item->width : largest.width;
    }
    d->format = largest;
}

static int take_parts(dataset *d, enum dataset_part part)
{
    folder_state *s = d->state;
    if (part == DATASET_TEST) {
        take_part(d, PART_TEST);
        return d->count
                   ? 0
                   : fail(STATUS_DATA,
                          "%s: none of its %zu pictures is for the test; put some into %s/test, "
                          "or raise data.test",
                          s->folder, s->files.count, s->folder);
    }
    if (s->files.unused)
        log_warning(
            "%s: %zu pictures beside %s/train are not used; move them into train/, validation/ "
            "or test/",
            s->folder, s->files.unused, s->folder);
    if (!take_part(d, PART_TRAIN))
        return fail(STATUS_DATA, "%s: none of the pictures to train on can be read", s->folder);
    d->held_out = (long)take_part(d, PART_VALIDATION);
    if (!d->held_out && (s->config.validation > 0 || s->files.parts[PART_VALIDATION]))
        log_warning("%s: none of its %zu pictures is held out for validation; put some into "
                    "%s/validation, or raise data.validation",
                    s->folder, s->files.count, s->folder);
    return 0;
}

static int folder_open(dataset *d, const char *path, const struct data_config *c,
                       enum dataset_part part)
{
    folder_state *s = d->state = allocate(1, sizeof *s);
    if (!s)
        return -1;
    s->config = *c;
    d->format = c->mixture.format;
    d->crops = c->fit == FIT_CROP;
    d->various = c->fit != FIT_RESIZE;
    if (!(s->folder = copy_text(path)) || picture_files_list(path, c, &s->files) ||
        picture_store_open(&s->store, path, &s->files, c) ||
        !(s->numbers = allocate(s->files.count, sizeof *s->numbers)) || take_parts(d, part)) {
        folder_close(d);
        return -1;
    }
    if (c->fit == FIT_PAD)
        find_largest(d);
    return 0;
}

static int folder_view(const dataset *d, size_t number, picture_view *v)
{
    const folder_state *s = d->state;
    const uint32_t file = s->numbers[number];
    const stored_item *item = &s->store->items[file];
    const unsigned char *pixels = picture_store_pixels(s->store, file);
    struct image picture;
    if (pixels) {
        *v = (picture_view){item->height, item->width, pixels, NULL};
        return 0;
    }
    if (picture_decode(s->folder, s->files.files[file].name, &s->config, &picture))
        return -1;
    *v = (picture_view){picture.height, picture.width, picture.pixels, picture.pixels};
    return 0;
}

const dataset_kind folder_kind = {folder_find, folder_open, folder_view, folder_close};
