#include "separate/folder.h"

#include "base/crew.h"
#include "base/error.h"
#include "base/files.h"
#include "base/machine.h"
#include "base/memory.h"
#include "separate/earlier.h"
#include "separate/gallery.h"
#include "separate/job.h"
#include "unblend.h"
#include <stdlib.h>

struct folder_options folder_options_of(const char *path, const model_file *model)
{
    return (struct folder_options){
        .model = path,
        .rule = residual_rule_of(&model->settings->data.mix, &model->mixture),
        .typical = &model->typical,
        .any_order = model->settings->train.objective == OBJECTIVE_PERMUTATION};
}

/* ---- A batch ---- */

/* A batch takes no more pictures once these take so much memory; one that takes even more has it for itself. */
#define BATCH_BYTES ((size_t)64 << 20)
#define ALONE_BYTES ((size_t)512 << 20)

struct pass;

/* Pictures that are read, computed and written together. */
typedef struct batch {
    struct pass *pass;
    job *jobs; /* (capacity) */
    size_t capacity, count;
    size_t first; /* its pictures begin there in the worklist */
    enum { IDLE, READING, WRITING } state;
    crew crew;            /* who reads or writes it */
    pthread_mutex_t lock; /* of what follows */
    size_t bytes;         /* of the jobs that were read */
} batch;

/* One pass over a folder. Three batches take turns, so that one is read, one computed and one written. */
enum { BATCHES = 3, READERS_MOST = 4, WRITERS = 8 };
typedef struct pass {
    separator *separator;
    worklist *list;
    const struct folder_options *how;
    int readers; /* threads; writers are more than processors, for they wait for the disk */
    batch batches[BATCHES];
    size_t next;  /* the first picture whose reading has not begun */
    size_t seen;  /* pictures that were looked at */
    bool stopped; /* no batch is begun any more, */
    bool broken;  /* and the one that is computed is left */
} pass;

/* What is wrong with one picture is no reason to leave the others; what is wrong with the disk, the
 * device or the memory is. */
static int fail_one(const worklist *w, work_item *item)
{
    return error_status() == STATUS_DATA ? worklist_fail(w, item) : -1;
}

static bool has_failed(const batch *b, size_t i)
{
    return b->jobs[i].item->status == WORK_FAILED;
}

/* ---- Reading ---- */

static int read_one(void *context, size_t i)
{
    batch *b = context;
    const pass *r = b->pass;
    work_item *item = &r->list->items[b->first + i];
    if (job_read(&b->jobs[i], r->list, item, r->how) && fail_one(r->list, item))
        return -1;
    pthread_mutex_lock(&b->lock);
    b->bytes += job_bytes(&b->jobs[i], r->list);
    bool full = b->bytes >= BATCH_BYTES;
    pthread_mutex_unlock(&b->lock);
    if (full || (r->how->strict && has_failed(b, i)))
        crew_stop(&b->crew);
    return 0;
}

static void start_reading(pass *r, batch *b)
{
    size_t left = r->list->count - r->next;
    b->first = r->next;
    b->bytes = b->count = 0;
    b->state = READING;
    crew_start(&b->crew, r->readers, left < b->capacity ? left : b->capacity, read_one, b);
}

/* With --strict nothing behind the first picture that failed is looked at. */
static void cut_behind_failure(pass *r, batch *b)
{
    size_t i = 0;
    while (i < b->count && !has_failed(b, i))
        i++;
    if (i == b->count)
        return;
    r->stopped = true;
    while (b->count > i + 1)
        job_release(&b->jobs[--b->count]);
}

static int finish_reading(pass *r, batch *b)
{
    int result = crew_wait(&b->crew);
    b->state = IDLE;
    b->count = crew_begun(&b->crew);
    r->next += b->count;
    if (r->how->strict)
        cut_behind_failure(r, b);
    r->stopped |= result || r->next == r->list->count;
    return result;
}

/* ---- Computing ---- */

static bool wants_to_stop(pass *r, size_t tiles, size_t tiles_total)
{
    struct folder_progress p = {r->seen, r->list->count, tiles, tiles_total};
    return r->how->progress && r->how->progress(r->how->context, &p);
}

/* Within pictures of many tiles. */
static int tell_tiles(void *context, size_t done, size_t total)
{
    pass *r = context;
    if (done == total || !wants_to_stop(r, done, total))
        return 0;
    r->stopped = r->broken = true;
    return fail(STATUS_RUNTIME, "stopped");
}

/* Those that could be read. */
static int compute(pass *r, batch *b)
{
    separation *items = allocate(b->count, sizeof *items);
    size_t count = 0;
    if (!items)
        return -1;
    for (size_t i = 0; i < b->count; i++)
        if (!has_failed(b, i))
            items[count++] = b->jobs[i].separation;
    int result = separator_run(r->separator, items, count);
    for (size_t i = b->count; i-- > 0;)
        if (!has_failed(b, i))
            b->jobs[i].separation = items[--count];
    free(items);
    if (r->broken)
        return 0;
    r->seen += b->count;
    r->stopped |= !result && wants_to_stop(r, 0, 0);
    return result;
}

/* ---- Writing ---- */

static int write_one(void *context, size_t i)
{
    batch *b = context;
    const pass *r = b->pass;
    if (has_failed(b, i)) /* it could not be read */
        return 0;
    if (job_finish(&b->jobs[i], r->separator, r->list, r->how) &&
        fail_one(r->list, b->jobs[i].item))
        return -1;
    if (r->how->strict && has_failed(b, i))
        crew_stop(&b->crew);
    return 0;
}

static void start_writing(batch *b)
{
    b->state = WRITING;
    crew_start(&b->crew, WRITERS, b->count, write_one, b);
}

/* Whatever is being done with it is waited for; then it is empty. */
static int finish(pass *r, batch *b)
{
    int result = b->state == IDLE ? 0 : crew_wait(&b->crew);
    if (b->state == READING)
        b->count = crew_begun(&b->crew);
    for (size_t i = 0; i < b->count; i++) {
        r->stopped |= b->state == WRITING && r->how->strict && has_failed(b, i);
        job_release(&b->jobs[i]);
    }
    b->count = 0;
    b->state = IDLE;
    return result;
}

/* ---- The folder ---- */

/* `current` is being read, `behind` being written. */
static int take_turn(pass *r, batch *current, batch *ahead, batch *behind)
{
    if (finish_reading(r, current))
        return -1;
    bool last = r->stopped, alone = current->bytes > ALONE_BYTES;
    if (!last && !alone)
        start_reading(r, ahead);
    if (compute(r, current) || finish(r, behind))
        return -1;
    if (!r->broken)
        start_writing(current);
    if (!last && alone) {
        if (finish(r, current))
            return -1;
        start_reading(r, ahead);
    }
    return 0;
}

static int separate_all(pass *r)
{
    int result = 0, turn = 0;
    size_t most = (size_t)separator_batch(r->separator), all = r->list->count;
    for (int i = 0; i < BATCHES; i++) {
        batch *b = &r->batches[i];
        *b = (batch){.pass = r, .capacity = most < all ? most : all};
        pthread_mutex_init(&b->lock, NULL);
        if (!(b->jobs = allocate(b->capacity, sizeof *b->jobs)))
            result = -1;
    }
    r->stopped = !r->list->count;
    if (!result && !r->stopped)
        start_reading(r, &r->batches[0]);
    for (; !result && !r->stopped; turn++)
        result = take_turn(r, &r->batches[turn % BATCHES], &r->batches[(turn + 1) % BATCHES],
                           &r->batches[(turn + 2) % BATCHES]);
    for (int i = 0; i < BATCHES; i++) {
        if (finish(r, &r->batches[i]))
            result = -1;
        free(r->batches[i].jobs);
        pthread_mutex_destroy(&r->batches[i].lock);
    }
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

static int write_gallery(const separator *s, const worklist *w, const struct folder_options *how)
{
    char *path = path_join(w->output, GALLERY_NAME);
    json_t *manifest = folder_manifest(s, w, how);
    int result = path && manifest ? gallery_write(path, manifest) : -1;
    json_decref(manifest);
    free(path);
    return result;
}

int separate_folder(separator *s, worklist *w, const struct folder_options *how)
{
    pass r = {.separator = s, .list = w, .how = how, .readers = machine_processors(READERS_MOST)};
    first_failure failure;
    if (directory_make(w->output) || write_manifest(s, w, how))
        return -1;
    first_failure_init(&failure);
    separator_watch(s, tell_tiles, &r);
    if (separate_all(&r))
        first_failure_note(&failure);
    separator_watch(s, NULL, NULL);
    if (write_manifest(s, w, how) || (w->options.gallery && write_gallery(s, w, how)))
        first_failure_note(&failure);
    int result = first_failure_report(&failure);
    first_failure_release(&failure);
    return result;
}
