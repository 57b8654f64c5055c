/* The file behind a picture_store: written by several threads, read by mapping it. */
#ifndef DATA_STORE_FILE_H
#define DATA_STORE_FILE_H

#include "data/picture_store.h"
#include <stdatomic.h>

/* Of a file in the folder, as it was when it was decoded. */
typedef struct store_entry {
    uint64_t offset; /* of the pixels, in the file */
    uint64_t file_bytes;
    int64_t file_modified;
    int32_t height, width;
    uint32_t state;            /* of enum stored_state */
    uint32_t name;             /* offset of its name, behind the entries */
    uint32_t checksum, unused; /* CRC-32 of the pixels */
} store_entry;

/* A whole file, mapped. */
typedef struct store_reader {
    const unsigned char *bytes;
    size_t length;
    const store_entry *entries; /* in the order of the names */
    const char *names;
    size_t count;
    uint64_t limit; /* of pixels, that was in force */
    int fd;
} store_reader;

/* False if there is none, or if it is damaged. */
bool store_read(const char *path, int channels, store_reader *out);
int store_read_open_file(int fd, int channels, store_reader *out);
void store_reader_close(store_reader *r);
const store_entry *store_find(const store_reader *r, const char *name);

static inline const unsigned char *store_pixels(const store_reader *r, const store_entry *e)
{
    return e->state == STORED_YES ? r->bytes + e->offset : NULL;
}

/* Whether so many bytes of pixels are as they were written. */
bool store_is_sound(const unsigned char *pixels, size_t length, uint32_t checksum);

/* A file in the making. Pixels may be added by any thread. */
typedef struct store_writer {
    int fd;
    uint64_t limit;       /* of pixels, in bytes */
    _Atomic uint64_t end; /* where the next pixels go */
    _Atomic int failed;   /* errno of the first failure; nothing is written after it */
} store_writer;

/* fd: an empty file, which stays the caller's. */
void store_writer_start(store_writer *w, int fd, uint64_t limit);

/* Sets offset, checksum and state, STORED_NO where there is no room or writing fails. */
void store_add(store_writer *w, const unsigned char *pixels, size_t length, store_entry *e);

/* Entries and names, sorted, and the header. -1 with errno set if that fails, or something did before. */
int store_finish(store_writer *w, const picture_files *files, store_entry *entries);

#endif
