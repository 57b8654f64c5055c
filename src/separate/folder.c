#include "separate/folder.h"

#include "base/error.h"
#include "base/files.h"
#include "base/memory.h"
#include "separate/earlier.h"
#include "unblend.h"
#include <stdlib.h>

/* ---- A batch ---- */

/* The pictures that are computed at a time. */
typedef struct batch {
    size_t capacity, count;
    work_item **from;
    struct image *pictures;
    separation *items;
    unsigned char *pixels; /* (capacity, sources, picture): where the items' sources are */
} batch;

static void empty_batch(batch *b)
{
    for (size_t i = 0; i < b->count; i++)
        image_release(&b->pictures[i]);
    b->count = 0;
}

static void release_batch(batch *b)
{
    empty_batch(b);
    free(b->from);
    free(b->pictures);
    free(b->items);
    free(b->pixels);
}

static int make_batch(batch *b, const mixture *m, size_t capacity)
{
    size_t size = image_values(m->format), sources = (size_t)m->sources;
    *b = (batch){.capacity = capacity};
    b->from = allocate(capacity, sizeof *b->from);
    b->pictures = allocate(capacity, sizeof *b->pictures);
    b->items = allocate(capacity, sizeof *b->items);
    b->pixels = allocate(capacity, sources * size);
    if (!b->from || !b->pictures || !b->items || !b->pixels) {
        release_batch(b);
        return -1;
    }
    for (size_t i = 0; i < capacity; i++)
        for (size_t k = 0; k < sources; k++)
            b->items[i].sources[k] = b->pixels + (i * sources + k) * size;
    return 0;
}

static void add_to_batch(batch *b, work_item *from, const struct image *picture)
{
    size_t i = b->count++;
    b->from[i] = from;
    b->pictures[i] = *picture;
    b->items[i].width = picture->width;
    b->items[i].height = picture->height;
    b->items[i].mixture = picture->pixels;
}

/* What is wrong with one picture is no reason to leave the others; what is wrong with the disk, the
 * device or the memory is. */
static int fail_one(const worklist *w, work_item *item)
{
    return error_status() == STATUS_DATA ? worklist_fail(w, item) : -1;
}

/* Reads pictures from number *next on, until the batch is full or, if strict, one is bad. */
static int fill_batch(batch *b, worklist *w, size_t *next, bool strict)
{
    while (b->count < b->capacity && *next < w->count) {
        work_item *item = &w->items[(*next)++];
        struct image picture;
        if (!worklist_read(w, item, &picture)) {
            add_to_batch(b, item, &picture);
            continue;
        }
        if (fail_one(w, item))
            return -1;
        if (strict)
            break;
    }
    return 0;
}

static int write_one(const separator *s, const worklist *w, const separation *result,
                     work_item *item)
{
    char *path = path_join(w->input, item->name);
    int failed =
        !path || separator_check(s, result, path) || worklist_write(w, item, result->sources);
    free(path);
    return failed ? -1 : 0;
}

static int separate_batch(separator *s, const worklist *w, batch *b, bool strict)
{
    if (separator_run(s, b->items, b->count))
        return -1;
    for (size_t i = 0; i < b->count; i++) {
        if (!write_one(s, w, &b->items[i], b->from[i]))
            continue;
        if (fail_one(w, b->from[i]))
            return -1;
        if (strict)
            break;
    }
    empty_batch(b);
    return 0;
}

/* ---- The folder ---- */

static int separate_all(separator *s, worklist *w, const struct folder_options *how)
{
    batch b;
    if (make_batch(&b, &w->mixture, (size_t)separator_batch(s)))
        return -1;
    int result = 0;
    bool stopped = false;
    for (size_t next = 0; next < w->count && !result && !stopped;) {
        if (fill_batch(&b, w, &next, how->strict) || separate_batch(s, w, &b, how->strict))
            result = -1;
        else
            stopped = (how->strict && worklist_count(w, WORK_FAILED)) ||
                      (how->progress && how->progress(how->context, next, w->count));
    }
    release_batch(&b);
    return result;
}

json_t *folder_manifest(const separator *s, const worklist *w, const struct folder_options *how)
{
    json_t *about =
        json_pack("{s:s, s:o, s:o}", "unblend", UB_VERSION, "model", text_as_json(how->model),
                  "device", text_as_json(separator_device_name(s)));
    json_t *what = worklist_as_json(w);
    bool broken = !about || !what || json_object_update(about, what);
    json_decref(what);
    if (broken)
        json_decref(about);
    return broken ? NULL : about;
}

static int write_manifest(const separator *s, const worklist *w, const struct folder_options *how)
{
    char *path = path_join(w->output, MANIFEST_NAME);
    int result = path ? write_json(path, folder_manifest(s, w, how)) : -1;
    free(path);
    return result;
}

int separate_folder(separator *s, worklist *w, const struct folder_options *how)
{
    if (directory_make(w->output) || write_manifest(s, w, how) || separate_all(s, w, how) ||
        write_manifest(s, w, how))
        return -1;
    return 0;
}
