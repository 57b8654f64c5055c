#include "data/store_file.h"

#include "base/error.h"
#include "base/memory.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

/* At the beginning of the file, followed by pixels. */
typedef struct header {
    char magic[16];
    uint64_t count, entries; /* how many, and their offset */
    uint64_t names, length;  /* bytes of the names, and of the whole file */
    uint64_t limit;          /* of pixels, that was in force */
    uint64_t checksum;       /* CRC-32 of entries and names */
} header;

static const char magic[16] = "unblend store 3";

/* ---- Reading ---- */

static uint64_t checksum_of(const unsigned char *bytes, size_t length)
{
    uLong sum = crc32_z(0, NULL, 0);
    return crc32_z(sum, bytes, length);
}

static bool entry_is_sound(const store_entry *e, const header *h, int channels)
{
    if (e->name >= h->names || e->state > STORED_UNREADABLE)
        return false;
    if (e->state != STORED_YES)
        return true;
    if (e->height < 1 || e->width < 1 || e->height > INT16_MAX || e->width > INT16_MAX)
        return false;
    uint64_t bytes = (uint64_t)e->height * (uint64_t)e->width * (uint64_t)channels;
    return e->offset >= sizeof *h && e->offset <= h->entries && bytes <= h->entries - e->offset;
}

static bool is_sound(const store_reader *r, const header *h, int channels)
{
    if (memcmp(h->magic, magic, sizeof magic) || h->length != r->length || h->entries % 8 ||
        h->entries < sizeof *h || h->entries > r->length ||
        h->count > (r->length - h->entries) / sizeof(store_entry) || !h->names ||
        h->names != r->length - h->entries - h->count * sizeof(store_entry) ||
        r->bytes[r->length - 1] ||
        checksum_of(r->bytes + h->entries, r->length - h->entries) != h->checksum)
        return false;
    const store_entry *entries = (const void *)(r->bytes + h->entries);
    for (uint64_t i = 0; i < h->count; i++)
        if (!entry_is_sound(&entries[i], h, channels))
            return false;
    return true;
}

int store_read_open_file(int fd, int channels, store_reader *out)
{
    struct stat info;
    header h;
    *out = (store_reader){0};
    if (fstat(fd, &info) || info.st_size < (off_t)sizeof h)
        return fail(STATUS_DATA, "the pictures' file cannot be read");
    void *bytes = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_SHARED, fd, 0);
    if (bytes == MAP_FAILED)
        return fail(STATUS_DATA, "the pictures' file cannot be mapped: %s", strerror(errno));
    *out = (store_reader){.bytes = bytes, .length = (size_t)info.st_size};
    out->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    memcpy(&h, bytes, sizeof h);
    if (!is_sound(out, &h, channels)) {
        store_reader_close(out);
        return fail(STATUS_DATA, "the pictures' file is damaged");
    }
    out->count = h.count;
    out->entries = (const void *)(out->bytes + h.entries);
    out->names = (const char *)(out->entries + h.count);
    out->limit = h.limit;
    return 0;
}

bool store_read(const char *path, int channels, store_reader *out)
{
    *out = (store_reader){0};
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    bool read = !store_read_open_file(fd, channels, out);
    close(fd);
    error_clear();
    return read;
}

void store_reader_close(store_reader *r)
{
    if (r->bytes) {
        munmap((void *)r->bytes, r->length);
        close(r->fd);
    }
    *r = (store_reader){0};
}

const store_entry *store_find(const store_reader *r, const char *name)
{
    size_t low = 0, high = r->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(r->names + r->entries[middle].name, name);
        if (!order)
            return &r->entries[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

bool store_is_sound(const unsigned char *pixels, size_t length, uint32_t checksum)
{
    return checksum_of(pixels, length) == checksum;
}

/* ---- Writing ---- */

/* 0 or errno. */
static int write_at(int fd, const void *bytes, size_t length, uint64_t offset)
{
    for (const char *from = bytes; length;) {
        ssize_t written = pwrite(fd, from, length, (off_t)offset);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return written ? errno : ENOSPC;
        from += written;
        offset += (uint64_t)written;
        length -= (size_t)written;
    }
    return 0;
}

void store_writer_start(store_writer *w, int fd, uint64_t limit)
{
    w->fd = fd;
    w->limit = limit;
    atomic_init(&w->end, sizeof(header));
    atomic_init(&w->failed, 0);
}

void store_add(store_writer *w, const unsigned char *pixels, size_t length, store_entry *e)
{
    e->state = STORED_NO;
    uint64_t end = atomic_load(&w->end), limit = w->limit + sizeof(header);
    do {
        if (atomic_load(&w->failed) || length > limit || end > limit - length)
            return;
    } while (!atomic_compare_exchange_weak(&w->end, &end, end + length));
    int why = write_at(w->fd, pixels, length, end), none = 0;
    if (why) {
        atomic_compare_exchange_strong(&w->failed, &none, why);
        return;
    }
    e->offset = end;
    e->checksum = (uint32_t)checksum_of(pixels, length);
    e->state = STORED_YES;
}

/* The entries are in the order of the files, by parts. */
typedef struct named_entry {
    const char *name;
    const store_entry *entry;
} named_entry;

static int compare_names(const void *left, const void *right)
{
    return strcmp(((const named_entry *)left)->name, ((const named_entry *)right)->name);
}

/* Entries and names behind each other; NULL if memory runs out. */
static unsigned char *make_index(const picture_files *files, const store_entry *entries,
                                 size_t *names, size_t *length)
{
    size_t entry_bytes = files->count * sizeof(store_entry);
    named_entry *order = allocate(files->count, sizeof *order);
    *names = 0;
    for (size_t i = 0; order && i < files->count; i++) {
        order[i] = (named_entry){files->files[i].name, &entries[i]};
        *names += strlen(files->files[i].name) + 1;
    }
    unsigned char *index = order ? allocate(entry_bytes + *names, 1) : NULL;
    *length = entry_bytes + *names;
    if (index) {
        qsort(order, files->count, sizeof *order, compare_names);
        store_entry *to = (void *)index;
        char *name = (char *)(to + files->count);
        for (size_t i = 0, at = 0; i < files->count; i++) {
            to[i] = *order[i].entry;
            to[i].name = (uint32_t)at;
            strcpy(name + at, order[i].name);
            at += strlen(order[i].name) + 1;
        }
    }
    free(order);
    return index;
}

int store_finish(store_writer *w, const picture_files *files, store_entry *entries)
{
    size_t names, length;
    header h = {.count = files->count, .entries = (atomic_load(&w->end) + 7) / 8 * 8};
    int why = atomic_load(&w->failed);
    unsigned char *index = why ? NULL : make_index(files, entries, &names, &length);
    if (!index) {
        errno = why ? why : ENOMEM;
        return -1;
    }
    memcpy(h.magic, magic, sizeof magic);
    h.names = names;
    h.limit = w->limit;
    h.length = h.entries + length;
    h.checksum = checksum_of(index, length);
    why = write_at(w->fd, index, length, h.entries);
    if (!why)
        why = write_at(w->fd, &h, sizeof h, 0);
    free(index);
    errno = why;
    return why ? -1 : 0;
}
