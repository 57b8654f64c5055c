#define _GNU_SOURCE /* memfd_create() */
#include "data/picture_store.h"

#include "base/crew.h"
#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "base/machine.h"
#include "base/memory.h"
#include "base/signals.h"
#include "base/streams.h"
#include "base/xdg.h"
#include "data/fit.h"
#include "data/store_file.h"
#include "opencl/cache.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define MEBIBYTE ((uint64_t)1 << 20)

enum { REASONS = 5, LIVE_EVERY = 64 };

/* ---- Where it is ---- */

static char *cache_directory(const struct data_config *c)
{
    static const xdg_place place = {"decoded pictures", "UNBLEND_PICTURES", "XDG_CACHE_HOME",
                                    "unblend/pictures", ".cache/unblend/pictures"};
    return *c->cache ? copy_text(c->cache) : xdg_directory(&place);
}

/* Of all that the pixels follow from. */
static char *cache_path(const char *folder, const struct data_config *c)
{
    char key[CACHE_KEY_SIZE], how[96];
    struct image_format f = c->mixture.format;
    char *directory = cache_directory(c), *whole = realpath(folder, NULL), *path = NULL;
    snprintf(how, sizeof how, "%dx%dx%d fit %d longest %d", f.height, f.width, f.channels, c->fit,
             c->fit == FIT_CROP ? c->longest_side : 0);
    if (directory && !directory_make(directory)) {
        cache_key((const char *const[]){whole ? whole : folder, how}, 2, key);
        path = format_text("%s/%.32s.pictures", directory, key);
    }
    free(directory);
    free(whole);
    return path;
}

/* What may be kept in memory if there is no file: of all sources together as much as on a device (batches.h), and
 * training and test sets may be open at once. */
static uint64_t memory_limit(const struct data_config *c)
{
    uint64_t limit = c->memory ? (uint64_t)c->memory * MEBIBYTE : machine_memory() / 4;
    uint64_t most = (uint64_t)c->cache_limit * MEBIBYTE;
    limit /= 2 * (uint64_t)c->mixture.sources;
    return limit < most ? limit : most;
}

/* What is free where path is. */
static uint64_t free_room(const char *path)
{
    struct statvfs disk;
    char *directory = format_text("%.*s", (int)(strrchr(path, '/') - path), path);
    bool known = directory && !statvfs(directory, &disk);
    free(directory);
    return known ? (uint64_t)disk.f_bavail * disk.f_frsize : UINT64_MAX;
}

/* A cache must not fill the disk. before: bytes of the file whose place it takes. */
static uint64_t file_limit(const char *path, const struct data_config *c, size_t before)
{
    uint64_t limit = (uint64_t)c->cache_limit * MEBIBYTE, room = free_room(path);
    uint64_t spare = room < UINT64_MAX - before ? (room + before) / 10 * 9 : UINT64_MAX;
    return limit < spare ? limit : spare;
}

/* ---- Decoding ---- */

int picture_decode(const char *folder, const char *name, const struct data_config *c,
                   struct image *picture)
{
    char *path = path_join(folder, name);
    int result = path ? image_read(path, c->mixture.format.channels, picture) : -1;
    free(path);
    if (!result && picture_fit(picture, c)) {
        image_release(picture);
        result = -1;
    }
    return result;
}

/* What the threads share. */
typedef struct work {
    const char *folder;
    const picture_files *files;
    const struct data_config *config;
    const store_reader *before;
    store_writer writer;
    store_entry *entries; /* of the files */
    _Atomic bool full;
    crew crew;
} work;

static size_t pixel_bytes(const work *w, const store_entry *e)
{
    return (size_t)e->height * (size_t)e->width * (size_t)w->config->mixture.format.channels;
}

/* What was decoded before and has not changed. */
static const store_entry *find_before(const store_reader *before, const picture_file *file)
{
    const store_entry *e = before->count ? store_find(before, file->name) : NULL;
    return e && e->file_bytes == file->bytes && e->file_modified == file->modified ? e : NULL;
}

/* As long as there is room. Its height and width are set. */
static void store_pixels_of(work *w, const unsigned char *pixels, store_entry *e)
{
    e->state = STORED_NO;
    if (!atomic_load(&w->full))
        store_add(&w->writer, pixels, pixel_bytes(w, e), e);
    if (e->state == STORED_NO)
        atomic_store(&w->full, true);
}

static int store_decoded(work *w, const picture_file *file, store_entry *e)
{
    struct image picture;
    if (picture_decode(w->folder, file->name, w->config, &picture)) {
        e->state = STORED_UNREADABLE;
        return error_status() == STATUS_MEMORY ? -1 : 0;
    }
    e->height = picture.height;
    e->width = picture.width;
    store_pixels_of(w, picture.pixels, e);
    image_release(&picture);
    return 0;
}

/* Every file is decoded once, whether there is room for it or not: which pictures there are must not follow from
 * the room. */
static int store_one(work *w, size_t i)
{
    const picture_file *file = &w->files->files[i];
    const store_entry *before = find_before(w->before, file);
    store_entry *e = &w->entries[i];
    *e = (store_entry){.file_bytes = file->bytes, .file_modified = file->modified};
    if (before) {
        e->height = before->height;
        e->width = before->width;
    }
    if (before && before->state == STORED_YES &&
        store_is_sound(store_pixels(w->before, before), pixel_bytes(w, e), before->checksum))
        store_pixels_of(w, store_pixels(w->before, before), e);
    else if (before && before->state == STORED_NO && atomic_load(&w->full))
        e->state = STORED_NO;
    else
        return store_decoded(w, file, e);
    return 0;
}

static int store_task(void *context, size_t i)
{
    work *w = context;
    if (i % LIVE_EVERY == 0)
        log_live("%s: decoding picture %zu of %zu", w->folder, i + 1, w->files->count);
    if (store_one(w, i) || signals_check())
        return -1;
    if (atomic_load(&w->writer.failed))
        crew_stop(&w->crew);
    return 0;
}

/* By as many threads as there are processors. */
static int store_all(work *w)
{
    crew_start(&w->crew, machine_processors(CREW_MOST), w->files->count, store_task, w);
    int result = crew_wait(&w->crew);
    log_live_end();
    return result || signals_check() ? -1 : 0;
}

/* ---- Building ---- */

/* Into an empty file, and maps it. STATUS_RUNTIME for what is the file's fault. */
static int build(work *w, int fd, uint64_t limit, store_reader *out)
{
    w->entries = allocate(w->files->count, sizeof *w->entries);
    store_writer_start(&w->writer, fd, limit);
    int result = w->entries ? store_all(w) : -1;
    if (!result && store_finish(&w->writer, w->files, w->entries))
        result = fail(STATUS_RUNTIME, "%s", strerror(errno));
    if (!result && store_read_open_file(fd, w->config->mixture.format.channels, out))
        result = fail(STATUS_RUNTIME, "%s", error_message());
    free(w->entries);
    return result;
}

static void work_init(work *w, const char *folder, const picture_files *files,
                      const struct data_config *c, const store_reader *before)
{
    *w = (work){.folder = folder, .files = files, .config = c, .before = before};
}

static int build_in_memory(work *w, store_reader *out)
{
    int fd = memfd_create("unblend pictures", MFD_CLOEXEC);
    if (fd < 0)
        return fail(STATUS_MEMORY, "out of memory: the pictures of %s: %s", w->folder,
                    strerror(errno));
    int result = build(w, fd, memory_limit(w->config), out);
    close(fd);
    return result ? fail_while("the pictures of %s", w->folder) : 0;
}

/* A failure that is not the disk's ends it, too: a signal, or no memory. */
static bool is_fatal(void)
{
    return error_status() != STATUS_RUNTIME;
}

static int build_in_file(work *w, const char *path, uint64_t limit, store_reader *out)
{
    file_draft draft;
    if (file_draft_open(&draft, path))
        return -1;
    if (build(w, draft.fd, limit, out)) {
        file_draft_drop(&draft);
        return is_fatal() ? -1 : fail_while("%s", path);
    }
    if (!file_draft_keep(&draft))
        return 0;
    store_reader_close(out);
    return -1;
}

/* ---- Opening ---- */

/* Pictures that could not be read may have been out of reach only for a while; a few are tried. */
static bool can_be_read_now(const char *folder, const picture_file *file,
                            const struct data_config *c, size_t *tried)
{
    struct image picture;
    if (++*tried > REASONS || picture_decode(folder, file->name, c, &picture))
        return false;
    image_release(&picture);
    return true;
}

/* Whether the file has just these pictures, as they are, and as many of them as the limit allows now. */
static bool is_up_to_date(const store_reader *before, const char *folder,
                          const picture_files *files, const struct data_config *c, uint64_t limit)
{
    bool same = before->count == files->count;
    bool larger =
        limit > before->limit + before->limit / 10; /* a disk's room is never quite the same */
    size_t tried = 0;
    for (size_t i = 0; i < files->count && same; i++) {
        const store_entry *e = find_before(before, &files->files[i]);
        same = e && !(e->state == STORED_NO && larger) &&
               !(e->state == STORED_UNREADABLE &&
                 can_be_read_now(folder, &files->files[i], c, &tried));
    }
    error_clear();
    return same;
}

/* Takes over what the reader has mapped. */
static int fill(picture_store *s, store_reader *from, const picture_files *files, int channels)
{
    s->mapped = (void *)from->bytes;
    s->mapped_bytes = from->length;
    s->fd = from->fd;
    s->channels = channels;
    s->count = files->count;
    s->items = allocate(s->count, sizeof *s->items);
    for (size_t i = 0; s->items && i < s->count; i++) {
        const store_entry *e = store_find(from, files->files[i].name);
        s->items[i] = (stored_item){.state = STORED_NO};
        if (!e)
            continue;
        s->items[i] = (stored_item){(enum stored_state)e->state, e->height,   e->width,
                                    store_pixels(from, e),       e->checksum, 0};
        s->unreadable += e->state == STORED_UNREADABLE;
        if (e->state == STORED_YES)
            s->bytes += (uint64_t)e->height * (uint64_t)e->width * (uint64_t)channels;
    }
    *from = (store_reader){0};
    return s->items ? 0 : -1;
}

/* Training opens a folder again to draw test pictures: what has been said of it is not said twice. */
static bool is_said(const char *folder, const char *what)
{
    enum { KNOWN = 32 };
    static uint64_t known[KNOWN];
    static int count;
    char *text = format_text("%s %s", what, folder);
    uint64_t hash = text ? stream_of_name(STREAM_PARTS, text) : 0;
    free(text);
    for (int i = 0; i < count; i++)
        if (known[i] == hash)
            return true;
    if (count < KNOWN)
        known[count++] = hash;
    return false;
}

/* Which pictures are left out, and of the first ones why: for that they are read again. */
static void say_unreadable(const picture_store *s, const char *folder, const picture_files *files,
                           const struct data_config *c)
{
    struct image picture;
    size_t said = 0;
    if (!s->unreadable || is_said(folder, "unreadable"))
        return;
    log_warning("%s: %zu of %zu pictures cannot be read and are left out:", folder, s->unreadable,
                s->count);
    for (size_t i = 0; i < s->count; i++) {
        const char *name = files->files[i].name;
        if (s->items[i].state != STORED_UNREADABLE)
            continue;
        if (++said > REASONS)
            log_detail("  %s/%s", folder, name);
        else if (picture_decode(folder, name, c, &picture))
            log_warning("  %s", error_message());
        else
            image_release(&picture);
    }
    if (said > REASONS)
        log_warning("  and %zu more (--verbose lists them)", said - REASONS);
    error_clear();
}

static void say_limit(const picture_store *s, const char *folder)
{
    size_t left = 0;
    for (size_t i = 0; i < s->count; i++)
        left += s->items[i].state == STORED_NO;
    if (left && !is_said(folder, "limit"))
        log_info(
            "%s: %zu of %zu pictures are beyond data.cache_limit, the disk's or the memory's "
            "room: they are decoded each time they are drawn. A smaller data.longest_side needs "
            "less",
            folder, left, s->count);
}

/* Where there is no room for another file beside the one before, that goes first. */
static void make_room(const char *path, store_reader *before, uint64_t limit)
{
    uint64_t wanted = before->length < limit ? before->length : limit;
    if (!before->bytes || free_room(path) / 10 * 9 >= wanted)
        return;
    store_reader_close(before);
    unlink(path);
}

/* Trouble with the file is only a warning. *in_file: whether there is one now. */
static int build_store(const char *path, const char *folder, const picture_files *files,
                       const struct data_config *c, const store_reader *before, uint64_t limit,
                       store_reader *now, bool *in_file)
{
    work w;
    work_init(&w, folder, files, c, before);
    *in_file = path && !build_in_file(&w, path, limit, now);
    if (*in_file)
        return 0;
    if (path && is_fatal())
        return -1;
    if (path)
        log_warning("%s; decoded pictures are kept in memory", error_message());
    error_clear();
    work_init(&w, folder, files, c, before);
    return build_in_memory(&w, now);
}

static void say_decoded(const picture_store *s, const char *folder, const char *path)
{
    size_t stored = 0;
    for (size_t i = 0; i < s->count; i++)
        stored += s->items[i].state == STORED_YES;
    if (stored)
        log_info("%s: %zu pictures decoded, %.1f MiB in %s (may be removed)", folder, stored,
                 (double)s->bytes / (double)MEBIBYTE, path);
}

static int open_at(picture_store *s, const char *path, const char *folder,
                   const picture_files *files, const struct data_config *c)
{
    store_reader before = {0}, now = {0};
    int channels = c->mixture.format.channels;
    bool in_file;
    if (path)
        store_read(path, channels, &before);
    uint64_t limit = path ? file_limit(path, c, before.length) : 0;
    if (before.bytes && is_up_to_date(&before, folder, files, c, limit))
        return fill(s, &before, files, channels);
    if (path)
        make_room(path, &before, limit);
    signals_catch(); /* so that no half of a file is left */
    int result = build_store(path, folder, files, c, &before, limit, &now, &in_file);
    if (!result && signals_check()) { /* one that came as the last picture was done */
        store_reader_close(&now);
        result = -1;
    }
    signals_release();
    store_reader_close(&before);
    if (!result)
        result = fill(s, &now, files, channels);
    if (!result && in_file)
        say_decoded(s, folder, path);
    return result;
}

int picture_store_open(picture_store **out, const char *folder, const picture_files *files,
                       const struct data_config *c)
{
    picture_store *s = allocate(1, sizeof *s);
    bool in_file = strcmp(c->cache, "none") != 0;
    char *path = s && in_file ? cache_path(folder, c) : NULL;
    if (s && in_file && !path) {
        log_warning("%s; decoded pictures are kept in memory", error_message());
        error_clear();
    }
    int result = s ? open_at(s, path, folder, files, c) : -1;
    if (s)
        s->path = path;
    if (!result)
        say_unreadable(s, folder, files, c);
    if (!result && s->unreadable == s->count)
        result = fail(STATUS_DATA, "%s: none of its %zu pictures can be read", folder, s->count);
    if (result) {
        picture_store_close(s);
        return -1;
    }
    say_limit(s, folder);
    *out = s;
    return 0;
}

/* Looks at the file's length first: what is mapped behind its end must not be touched. */
const unsigned char *picture_store_pixels(picture_store *s, size_t i)
{
    struct stat info;
    stored_item *item = &s->items[i];
    size_t bytes = (size_t)item->height * (size_t)item->width * (size_t)s->channels;
    if (!item->pixels)
        return NULL;
    bool whole = !fstat(s->fd, &info) && (uint64_t)info.st_size >= s->mapped_bytes;
    if (whole && !item->sound)
        item->sound = store_is_sound(item->pixels, bytes, item->checksum) ? 1 : -1;
    if (whole && item->sound > 0)
        return item->pixels;
    if (!s->damaged++ && s->path)
        unlink(s->path);
    return NULL;
}

void picture_store_close(picture_store *s)
{
    if (!s)
        return;
    if (s->damaged)
        log_warning(
            "%s: was damaged or cut short by somebody: %ld times a picture was decoded again; it "
            "will be made again",
            s->path ? s->path : "the pictures in memory", s->damaged);
    if (s->mapped) {
        munmap(s->mapped, s->mapped_bytes);
        close(s->fd);
    }
    free(s->path);
    free(s->items);
    free(s);
}
