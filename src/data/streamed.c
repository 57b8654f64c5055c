/*
 * Batches of pictures that are not on the device: threads read the pictures of the next batches, cut out what
 * blends show of them, and lay it into a ring of slots in pinned memory, ahead of the device.
 *
 *     slot   0         1         2         3
 *            written   ready     ready     being filled        position of each: the one before, plus the batch
 *            |         ^ next
 *            filled again once the device has read it
 *
 * Which picture stands where follows from the position alone, whoever fills it and when, so a run can be
 * repeated. A file that has vanished or cannot be read any more is replaced by the next one of its source.
 */
#include "base/error.h"
#include "base/first_failure.h"
#include "base/log.h"
#include "base/machine.h"
#include "base/memory.h"
#include "data/batches.h"
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum { SLOTS_LEAST = 2, SLOTS_MOST = 4, THREADS_MOST = 8, REPORT_GROWTH = 10 };

/* One batch. */
typedef struct slot {
    staging memory;    /* (sources, batch) picture_place, then as many windows */
    cl_event written;  /* the device has read it */
    uint64_t position; /* of its first blend */
    int taken, done;   /* blends that threads have begun, and finished */
} slot;

/* What is streamed, and the position after the last slot's. */
typedef struct sequence {
    bool started;
    enum split split;
    uint64_t seed, next, filled;
    unsigned stream;
} sequence;

typedef struct streamed {
    batches *batches;
    kernel *mix;
    cl_mem pictures[SOURCES_MAX], places, descriptions[SPLIT_TEST + 1];
    int batch, slots, head; /* head: the slot that comes next */
    size_t window;          /* bytes of a picture at most */
    slot ring[SLOTS_MOST];
    pthread_t threads[THREADS_MOST];
    int thread_count;
    pthread_mutex_t lock; /* of what follows, and of the slots' taken and done */
    pthread_cond_t wanted, finished;
    sequence sequence;
    bool paused, ends;
    int active;              /* threads at work */
    bool failed;             /* nothing more is filled; `failure` has a lock of its own */
    long replaced, reported; /* pictures as they were drawn; reported: say so from that many on */
    char *first_replaced;
    first_failure failure;
} streamed;

/* ---- Filling, in threads ---- */

static size_t place_bytes(const streamed *s, int batch)
{
    return (size_t)s->batches->mixture.sources * (size_t)batch * sizeof(picture_place);
}

static picture_place *places_of(const slot *from)
{
    return from->memory.bytes;
}

static unsigned char *windows_of(const streamed *s, const slot *from)
{
    return (unsigned char *)from->memory.bytes + place_bytes(s, s->batch);
}

static void note_replaced(streamed *s, long replaced)
{
    pthread_mutex_lock(&s->lock);
    if (!s->replaced)
        s->first_replaced = copy_text(error_message());
    s->replaced += replaced;
    pthread_mutex_unlock(&s->lock);
}

static void note_failure(streamed *s)
{
    first_failure_note(&s->failure);
    pthread_mutex_lock(&s->lock);
    s->failed = true;
    pthread_cond_broadcast(&s->finished);
    pthread_mutex_unlock(&s->lock);
}

static void copy_window(const picture_view *v, placement at, int channels, unsigned char *to)
{
    size_t row = (size_t)at.width * (size_t)channels;
    for (int y = 0; y < at.height; y++)
        memcpy(to + (size_t)y * row,
               v->pixels +
                   ((size_t)(at.top + y) * (size_t)v->width + (size_t)at.left) * (size_t)channels,
               row);
}

/* Blend n of the slot. */
static int fill_one(streamed *s, const sequence *q, slot *to, int n)
{
    const batches *b = s->batches;
    int sources = b->mixture.sources;
    uint64_t position = to->position + (uint64_t)n;
    blend_draw drawn;
    batches_draw_blend(b, q->split, q->seed, q->stream, position, &drawn);
    for (int k = 0; k < sources; k++) {
        picture_view v;
        placement at;
        long replaced = 0;
        if (batches_view(b, &drawn, k, &v, &at, &replaced))
            return -1;
        if (replaced)
            note_replaced(s, replaced);
        size_t i = (size_t)k * (size_t)s->batch + (size_t)n;
        copy_window(&v, at, b->mixture.format.channels, windows_of(s, to) + i * s->window);
        places_of(to)[i] = (picture_place){(uint64_t)n * s->window, at.height, at.width};
        picture_view_release(&v);
    }
    return 0;
}

/* The earliest slot with something left to do. */
static slot *find_work(streamed *s)
{
    for (int i = 0; !s->paused && !s->failed && i < s->slots; i++) {
        slot *candidate = &s->ring[(s->head + i) % s->slots];
        if (candidate->taken < s->batch)
            return candidate;
    }
    return NULL;
}

static void *run_thread(void *context)
{
    streamed *s = context;
    pthread_mutex_lock(&s->lock);
    while (!s->ends) {
        slot *to = find_work(s);
        if (!to) {
            pthread_cond_wait(&s->wanted, &s->lock);
            continue;
        }
        const sequence q = s->sequence;
        int n = to->taken++;
        s->active++;
        pthread_mutex_unlock(&s->lock);
        if (fill_one(s, &q, to, n))
            note_failure(s);
        pthread_mutex_lock(&s->lock);
        s->active--;
        to->done++;
        if (to->done == s->batch || s->paused)
            pthread_cond_broadcast(&s->finished);
    }
    pthread_mutex_unlock(&s->lock);
    return NULL;
}

/* Signals are for the main thread. */
static int start_threads(streamed *s)
{
    sigset_t all, before;
    int wanted = machine_processors(THREADS_MOST);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    while (s->thread_count < wanted &&
           !pthread_create(&s->threads[s->thread_count], NULL, run_thread, s))
        s->thread_count++;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return s->thread_count ? 0 : fail(STATUS_RUNTIME, "no thread can be started to read pictures");
}

static void stop_threads(streamed *s)
{
    pthread_mutex_lock(&s->lock);
    s->ends = true;
    pthread_cond_broadcast(&s->wanted);
    pthread_mutex_unlock(&s->lock);
    for (int i = 0; i < s->thread_count; i++)
        pthread_join(s->threads[i], NULL);
}

/* ---- The ring ---- */

static void free_ring(streamed *s)
{
    device *d = s->batches->device;
    for (int i = 0; i < SLOTS_MOST; i++) {
        event_wait(d, &s->ring[i].written);
        staging_free(d, &s->ring[i].memory);
        s->ring[i].taken = s->ring[i].done = s->batch;
    }
    for (int k = 0; k < SOURCES_MAX; k++)
        buffer_free(d, &s->pictures[k]);
    buffer_free(d, &s->places);
    s->slots = 0;
}

static size_t slot_bytes(const streamed *s, int batch)
{
    return place_bytes(s, batch) + (size_t)s->batches->mixture.sources * (size_t)batch * s->window;
}

static int count_slots(const streamed *s, int batch)
{
    const double mebibyte = 1 << 20;
    uint64_t fitting = s->batches->memory / slot_bytes(s, batch);
    if (fitting >= SLOTS_LEAST)
        return fitting < SLOTS_MOST ? (int)fitting : SLOTS_MOST;
    return fail(STATUS_MEMORY,
                "pictures are streamed in at least %d batches of %.1f MiB, and data.memory allows "
                "%.1f MiB; raise it, or lower train.batch or data.size",
                SLOTS_LEAST, (double)slot_bytes(s, batch) / mebibyte,
                (double)s->batches->memory / mebibyte);
}

/* No thread is at work. */
static int new_ring(streamed *s, int batch)
{
    device *d = s->batches->device;
    int sources = s->batches->mixture.sources, slots = count_slots(s, batch);
    free_ring(s);
    s->batch = 0;
    if (slots < 0 || buffer_new(d, place_bytes(s, batch), "places of images", &s->places))
        return -1;
    for (int k = 0; k < sources; k++)
        if (buffer_new(d, (size_t)batch * s->window, "images of a batch", &s->pictures[k]))
            return -1;
    for (int i = 0; i < slots; i++)
        if (staging_new(d, slot_bytes(s, batch), "images of a batch", &s->ring[i].memory))
            return -1;
    for (enum split split = SPLIT_TRAIN; split <= SPLIT_TEST; split++) {
        mixed_source of[SOURCES_MAX] = {{0}};
        for (int k = 0; k < sources; k++) {
            of[k] = batches_describe(s->batches, split, k);
            of[k].place = k * batch;
        }
        if (buffer_write(d, s->descriptions[split], 0, of, sizeof of))
            return -1;
    }
    s->batch = batch;
    s->slots = slots;
    return 0;
}

/* The slot is filled with the blends that come after all others. */
static int refill(streamed *s, slot *to)
{
    if (event_wait(s->batches->device, &to->written))
        return -1;
    pthread_mutex_lock(&s->lock);
    to->position = s->sequence.filled;
    to->taken = to->done = 0;
    s->sequence.filled += (uint64_t)s->batch;
    pthread_cond_broadcast(&s->wanted);
    pthread_mutex_unlock(&s->lock);
    return 0;
}

/* Another sequence, or another place in it: what was read ahead is dropped. */
static int restart(streamed *s, sequence q, int batch)
{
    pthread_mutex_lock(&s->lock);
    s->paused = true;
    while (s->active)
        pthread_cond_wait(&s->finished, &s->lock);
    pthread_mutex_unlock(&s->lock);
    int result = s->batch == batch ? 0 : new_ring(s, batch);
    for (int i = 0; i < s->slots && !result; i++)
        result = event_wait(s->batches->device, &s->ring[i].written);
    pthread_mutex_lock(&s->lock);
    s->sequence = q;
    s->head = 0;
    for (int i = 0; i < s->slots && !result && q.started; i++) {
        s->ring[i].position = q.next + (uint64_t)i * (uint64_t)batch;
        s->ring[i].taken = s->ring[i].done = 0;
    }
    s->sequence.filled = q.next + (uint64_t)s->slots * (uint64_t)batch;
    s->sequence.started = q.started && !result;
    s->paused = !s->sequence.started;
    pthread_cond_broadcast(&s->wanted);
    pthread_mutex_unlock(&s->lock);
    return result;
}

/* ---- The kind ---- */

/* Whether the device could hold them. */
static bool fits(const batches *b)
{
    uint64_t known = 0;
    for (int k = 0; k < b->mixture.sources; k++)
        known += b->sources[k].set->bytes < UINT64_MAX ? b->sources[k].set->bytes : 0;
    return known <= b->memory;
}

static int streamed_open(batches *b)
{
    streamed *s = b->state = allocate(1, sizeof *s);
    if (!s)
        return -1;
    s->batches = b;
    s->window = image_values(b->mixture.format);
    s->reported = 1;
    s->paused = true;
    first_failure_init(&s->failure);
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->wanted, NULL);
    pthread_cond_init(&s->finished, NULL);
    if (!b->test) /* a training opens test sets at its end */
        log_info("pictures are streamed: %s",
                 fits(b) ? "not all are in the cache"
                         : "they are more than data.memory allows on the device");
    for (enum split split = SPLIT_TRAIN; split <= SPLIT_TEST; split++)
        if (buffer_new(b->device, sizeof(mixed_source[SOURCES_MAX]), "sources",
                       &s->descriptions[split]))
            return -1;
    s->mix = batches_mixer(b);
    return s->mix ? start_threads(s) : -1;
}

/* Waits for the head of the ring to be filled. */
static int wait_filled(streamed *s, const slot *wanted)
{
    pthread_mutex_lock(&s->lock);
    while (wanted->done < s->batch && !s->failed)
        pthread_cond_wait(&s->finished, &s->lock);
    long replaced = s->replaced;
    pthread_mutex_unlock(&s->lock);
    int result = first_failure_report(&s->failure);
    if (!result && replaced >= s->reported) {
        log_warning(
            "a picture could not be read and was replaced by another, %ld times so far; the "
            "first: %s",
            replaced, s->first_replaced ? s->first_replaced : "?");
        while (s->reported <= replaced)
            s->reported *= REPORT_GROWTH;
    }
    return result;
}

static int write_slot(streamed *s, slot *from)
{
    device *d = s->batches->device;
    size_t windows = (size_t)s->batch * s->window;
    int sources = s->batches->mixture.sources;
    if (event_wait(d, &from->written)) /* left by a launch that failed */
        return -1;
    for (int k = 0; k < sources; k++) {
        cl_event done = NULL;
        if (buffer_write_later(d, s->pictures[k], 0, windows_of(s, from) + (size_t)k * windows,
                               windows, &done))
            return -1;
        clReleaseEvent(done);
    }
    return buffer_write_later(d, s->places, 0, places_of(from), place_bytes(s, s->batch),
                              &from->written);
}

static bool is_next(const sequence *q, enum split split, uint64_t seed, unsigned stream,
                    uint64_t position)
{
    return q->started && q->split == split && q->seed == seed && q->stream == stream &&
           q->next == position;
}

static int streamed_next(batches *b, enum split split, uint64_t seed, unsigned stream,
                         uint64_t position, int batch, cl_mem blend, cl_mem truth)
{
    streamed *s = b->state;
    sequence q = {
        .started = true, .split = split, .seed = seed, .stream = stream, .next = position};
    if ((s->batch != batch || !is_next(&s->sequence, split, seed, stream, position)) &&
        restart(s, q, batch))
        return -1;
    slot *now = &s->ring[s->head], *before = &s->ring[(s->head + s->slots - 1) % s->slots];
    if (wait_filled(s, now) || write_slot(s, now) ||
        batches_mix(b, &(mixer_input){s->mix, s->pictures, s->places, s->descriptions[split], true},
                    seed, stream, position, batch, blend, truth) ||
        (before->written && refill(s, before)))
        return -1;
    pthread_mutex_lock(&s->lock);
    s->head = (s->head + 1) % s->slots;
    s->sequence.next += (uint64_t)batch;
    pthread_mutex_unlock(&s->lock);
    return 0;
}

/* What was streamed before begins anew. */
static int streamed_prepare(batches *b, int batch)
{
    streamed *s = b->state;
    return s->batch == batch ? 0 : restart(s, (sequence){0}, batch);
}

static void streamed_close(batches *b)
{
    streamed *s = b->state;
    if (!s)
        return;
    stop_threads(s);
    free_ring(s);
    for (int split = SPLIT_TRAIN; split <= SPLIT_TEST; split++)
        buffer_free(b->device, &s->descriptions[split]);
    if (s->replaced)
        log_warning("a picture could not be read and was replaced by another, %ld times in all",
                    s->replaced);
    pthread_mutex_destroy(&s->lock);
    pthread_cond_destroy(&s->wanted);
    pthread_cond_destroy(&s->finished);
    free(s->first_replaced);
    first_failure_release(&s->failure);
    free(s);
}

const batches_kind streamed_kind = {streamed_open, streamed_next, streamed_prepare, streamed_close};
