/* Whole files: read with a size limit, written atomically; directories and paths. */
#ifndef BASE_FILES_H
#define BASE_FILES_H

#include "base/error.h"
#include <stdbool.h>
#include <stddef.h>

/*
 * Reads a file of at most limit bytes into *bytes (release with free(); one zero byte follows the
 * contents, so text can be used as a string). code is the status reported on failure, so that a
 * missing config and a missing image exit differently; *bytes is untouched then.
 */
int file_read(const char *path, size_t limit, enum status code, unsigned char **bytes,
              size_t *length);

/* As file_read, but only the first bytes, at most `most`, of a file of any length. */
int file_read_start(const char *path, size_t most, enum status code, unsigned char **bytes,
                    size_t *length);

/* As file_read, and gzip is unpacked if the file is gzip; limit counts unpacked bytes. */
int file_read_gzip(const char *path, size_t limit, enum status code, unsigned char **bytes,
                   size_t *length);

/* Temporary file beside path, write, fsync, rename, fsync of the directory: at any moment path is the
 * old file or the new one, whole. What is not a regular file (/dev/null) is refused. */
int file_write_atomic(const char *path, const void *bytes, size_t length);

/* The same where one file among many is written: after a power cut, path may be the old file until
 * file_write_atomic() has written another into the directory. `refused` is the status if the directory takes
 * files but not this one: its name is too long, or a directory has it. If the disk is full or fails,
 * or the directory takes no file at all, it is STATUS_RUNTIME. */
int file_write_named(const char *path, const void *bytes, size_t length, enum status refused);

/*
 * The same for a file that is written bit by bit: path is as it was until file_draft_keep(). STATUS_RUNTIME if
 * it cannot be made, or renamed. keep and drop both end it; a draft that a killed process left is swept as others
 * are.
 */
typedef struct file_draft {
    int fd; /* open for reading and writing */
    char *path, *temporary;
} file_draft;
int file_draft_open(file_draft *out, const char *path);
int file_draft_keep(file_draft *d);
void file_draft_drop(file_draft *d);

/*
 * Whether a regular file, or a directory, is at path; *there is false if nothing is. Fails with the
 * cause where that cannot be determined (a link that leads nowhere or to itself, a folder that must not
 * be searched, a failing disk) and where something else is there.
 */
int file_look(const char *path, enum status code, bool *there);
int directory_look(const char *path, enum status code, bool *there);

/* Whether the directory at path holds anything but what directory_sweep() would remove; false where
 * nothing is at path. Fails as directory_look() does, and for a directory that cannot be read. */
int directory_look_inside(const char *path, enum status code, bool *filled);

/* Whether both are there and are one file, maybe by a link. */
bool file_is_same(const char *path, const char *other);

/* For hints and optional files: false also where it cannot be determined. */
bool file_exists(const char *path);
bool directory_exists(const char *path);

/* Makes path and its parents, and sweeps path. 0 if it is there afterwards. */
int directory_make(const char *path);

/* Removes what file_write_atomic() left in a directory when its process was killed. Files of living
 * processes stay, and so do those of other hosts. */
void directory_sweep(const char *path);

/* "directory/name"; release with free(). */
char *path_join(const char *directory, const char *name);

/* Where the last part of a path begins, slashes at its end left out, and how long it is: 0 of "/". */
const char *path_last_part(const char *path, size_t *length);

#endif
