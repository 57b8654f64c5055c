/*
 * The decoded pictures of a folder, fitted (fit.h), as bytes: in a file that is kept between runs, or in memory
 * where there is none (data.cache = none, a full disk). A training reads from it as from memory, so JPEGs are
 * decoded once and not in every epoch.
 *
 *     picture_store *s;
 *     if (picture_store_open(&s, "pages", &files, config)) ...
 *     const unsigned char *pixels = picture_store_pixels(s, 17);
 *     picture_store_close(s);
 *
 * The file lies in data.cache, $XDG_CACHE_HOME/unblend/pictures or ~/.cache/unblend/pictures, under a name that
 * follows from the folder and from what fits the pictures. It may be removed at any time. In it are
 *
 *     header, the pixels of all pictures, an entry and a name for each file, CRC-32 of entries, names, each picture
 *
 * all in the byte order of the machine. Files that have changed since, by size or time, are decoded again; the
 * others are copied. Pictures beyond data.cache_limit are not in it, but their sizes and which can be read: they are
 * decoded again when they are drawn. It takes the place of the one before by renaming, so a process that reads from that
 * one keeps it.
 */
#ifndef DATA_PICTURE_STORE_H
#define DATA_PICTURE_STORE_H

#include "data/picture_files.h"
#include <stdatomic.h>

enum stored_state { STORED_YES, STORED_NO, STORED_UNREADABLE };

typedef struct stored_item {
    enum stored_state state;
    int height, width;
    const unsigned char *pixels; /* NULL if they are not stored */
    uint32_t checksum;           /* of the pixels */
    _Atomic int sound; /* 1: they have been found to be, -1: found not to be, 0: not looked at */
} stored_item;

typedef struct picture_store {
    stored_item *items; /* of the files, in their order */
    size_t count;
    size_t unreadable;
    uint64_t bytes; /* of the pixels of those that are stored */
    int channels;
    char *path; /* of the file; NULL: in memory */
    int fd;
    void *mapped;
    size_t mapped_bytes;
    _Atomic long
        damaged; /* pictures whose pixels were found to be, or gone, as they were asked for */
} picture_store;

/*
 * Decodes what has to be, in several threads, and says what it does and which files cannot be read. STATUS_DATA
 * if that is all of them; a signal ends it (signals.h). Trouble with the file is not an error.
 */
int picture_store_open(picture_store **out, const char *folder, const picture_files *files,
                       const struct data_config *c);
void picture_store_close(picture_store *s);

/* The pixels (height, width, channels) of item i, for any thread. NULL if they are not stored, or if the file has been
 * damaged or cut short since; it is removed then, to be made again the next time. */
const unsigned char *picture_store_pixels(picture_store *s, size_t i);

/* A file of the folder, decoded and fitted; STATUS_DATA if it cannot be. */
struct image;
int picture_decode(const char *folder, const char *name, const struct data_config *c,
                   struct image *picture);

#endif
