/* unblend separate MODEL INPUT OUTPUT: every picture of a folder into its two sources, and a
 * manifest that says how each one fared. */
#include "base/clock.h"
#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "base/memory.h"
#include "cli/cli.h"
#include "separate/earlier.h"
#include "separate/separator.h"
#include <stdlib.h>

enum { PIXELS = IMAGE_SIZE * IMAGE_SIZE };

/* The pictures that are computed at a time. */
typedef struct batch {
    size_t capacity, count;
    job_file **files;
    struct image *pictures;
    separation *items;
    unsigned char *pixels; /* (capacity, SOURCES, 32 * 32): where the items' sources are */
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
    free(b->files);
    free(b->pictures);
    free(b->items);
    free(b->pixels);
}

static int make_batch(batch *b, size_t capacity)
{
    *b = (batch){.capacity = capacity};
    b->files = allocate(capacity, sizeof *b->files);
    b->pictures = allocate(capacity, sizeof *b->pictures);
    b->items = allocate(capacity, sizeof *b->items);
    b->pixels = allocate(capacity, SOURCES * PIXELS);
    if (b->files && b->pictures && b->items && b->pixels)
        return 0;
    release_batch(b);
    return -1;
}

static void add_to_batch(batch *b, job_file *file, const struct image *picture)
{
    size_t i = b->count++;
    b->files[i] = file;
    b->pictures[i] = *picture;
    b->items[i] =
        (separation){.width = picture->width, .height = picture->height, .mixture = picture->gray};
    for (size_t k = 0; k < SOURCES; k++)
        b->items[i].sources[k] = b->pixels + (i * SOURCES + k) * PIXELS;
}

/* What is wrong with one picture is no reason to leave the others; what is wrong with the disk, the
 * device or the memory is. */
static int fail_one(const job *j, job_file *file)
{
    return error_status() == STATUS_DATA ? job_fail(j, file) : -1;
}

/* Reads pictures from number *next on, until the batch is full or, if strict, one is bad. */
static int fill_batch(batch *b, job *j, size_t *next, bool strict)
{
    while (b->count < b->capacity && *next < j->count) {
        job_file *file = &j->files[(*next)++];
        struct image picture;
        if (!job_read(j, file, &picture)) {
            add_to_batch(b, file, &picture);
            continue;
        }
        if (fail_one(j, file))
            return -1;
        if (strict)
            break;
    }
    return 0;
}

static int write_one(const separator *s, const job *j, const separation *item, job_file *file)
{
    char *path = path_join(j->input, file->name);
    int result = path && !separator_check(s, item, path) ? job_write(j, file, item->sources) : -1;
    free(path);
    return result;
}

static int separate_batch(separator *s, job *j, batch *b, bool strict)
{
    if (separator_run(s, b->items, b->count))
        return -1;
    for (size_t i = 0; i < b->count; i++) {
        if (!write_one(s, j, &b->items[i], b->files[i]))
            continue;
        if (fail_one(j, b->files[i]))
            return -1;
        if (strict)
            break;
    }
    empty_batch(b);
    return 0;
}

static int separate_all(separator *s, job *j, const options *given)
{
    batch b;
    if (make_batch(&b, (size_t)given->batch))
        return -1;
    double start = clock_seconds();
    int result = 0;
    bool stopped = false;
    for (size_t next = 0; next < j->count && !result && !stopped;) {
        result = fill_batch(&b, j, &next, given->strict) || separate_batch(s, j, &b, given->strict)
                     ? -1
                     : 0;
        stopped = given->strict && job_count(j, JOB_FAILED);
        log_live("%zu of %zu images, %.1f images/s", next, j->count,
                 (double)next / (clock_seconds() - start));
    }
    double seconds = clock_seconds() - start;
    log_live_end();
    release_batch(&b);
    if (!result)
        log_info("%zu of %zu images separated in %.1f s (%.1f images/s), results in %s",
                 job_count(j, JOB_DONE), j->count, seconds, job_count(j, JOB_DONE) / seconds,
                 j->output);
    return result;
}

static json_t *manifest(const job *j, const separator *s, const options *given, bool complete)
{
    json_t *about = json_pack("{s:s, s:o, s:o}", "unblend", UNBLEND_VERSION, "model",
                              text_as_json(given->arguments[0]), "device",
                              text_as_json(separator_device_name(s)));
    json_t *what = job_as_json(j, complete);
    bool broken = !about || !what || json_object_update(about, what);
    json_decref(what);
    if (broken)
        json_decref(about);
    return broken ? NULL : about;
}

static int write_manifest(const job *j, const separator *s, const options *given, bool complete)
{
    char *path = path_join(j->output, MANIFEST_NAME);
    int result = path ? write_json(path, manifest(j, s, given, complete)) : -1;
    free(path);
    return result;
}

/* The failed pictures, and what they make of the whole. */
static int verdict(const job *j, const options *given)
{
    size_t failed = job_count(j, JOB_FAILED);
    for (size_t i = 0; i < j->count; i++) {
        if (j->files[i].status != JOB_FAILED)
            continue;
        if (given->strict)
            return fail(STATUS_DATA, "%s; stopped there (--strict), %zu of %zu images are done",
                        j->files[i].error, job_count(j, JOB_DONE), j->count);
        log_warning("%s", j->files[i].error);
    }
    return failed ? fail(STATUS_PARTIAL,
                         "%zu of %zu images failed and were skipped (listed above); the others' "
                         "results are in %s",
                         failed, j->count, j->output)
                  : 0;
}

/* The files that were passed over, by name while they are few. */
static void tell_of_others(const job *j)
{
    enum { NAMED = 3 };
    char names[256] = "";
    size_t count = j->others.count, used = 0;
    for (size_t i = 0; i < count && i < NAMED; i++)
        used += (size_t)snprintf(names + used, sizeof names - used, "%s%.60s", i ? ", " : "",
                                 j->others.names[i]);
    if (count)
        log_info("%zu file%s in %s %s no picture%s and left out: %s%s", count, count > 1 ? "s" : "",
                 j->input, count > 1 ? "are" : "is", count > 1 ? "s" : "", names,
                 count > NAMED ? ", ..." : "");
}

/* The manifest is written first as well: then a run that is cut off leaves results that the next
 * run knows, and a folder that cannot be written to is found before anything is computed. */
static int run_job(separator *s, job *j, const options *given)
{
    tell_of_others(j);
    if (directory_make(j->output) || write_manifest(j, s, given, false) ||
        separate_all(s, j, given))
        return -1;
    bool complete = !job_count(j, JOB_PENDING);
    if (write_manifest(j, s, given, complete) ||
        (given->json && print_json(manifest(j, s, given, complete))))
        return -1;
    return verdict(j, given);
}

int command_separate(const options *given)
{
    const char *model = given->arguments[0];
    model_file file = {0};
    separator *s = NULL;
    job *j = NULL;
    int result = -1;
    if (options_model(given, model, &file))
        return -1;
    const char *names[SOURCES] = {file.settings->data.mixture.names[0],
                                  file.settings->data.mixture.names[1]};
    if (!job_new(&j, given->arguments[1], given->arguments[2], names) &&
        !separator_open(&s, model, &file, (int)given->batch))
        result = run_job(s, j, given);
    job_free(j);
    separator_close(s);
    model_close(&file);
    return result;
}
