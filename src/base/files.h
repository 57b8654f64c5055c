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

/* As file_read, and gzip is unpacked if the file is gzip; limit counts unpacked bytes. */
int file_read_gzip(const char *path, size_t limit, enum status code, unsigned char **bytes,
                   size_t *length);

/* Temp file beside path, write, fsync, rename, fsync of the directory: at any moment path is the
 * old file or the new one, whole. What is not a regular file (/dev/null) is refused. */
int file_write_atomic(const char *path, const void *bytes, size_t length);

/* Removes what file_write_atomic() of processes that are no more left in a directory: NAME.tmp-PID. */
void directory_sweep(const char *path);

bool file_exists(const char *path);
bool directory_exists(const char *path);
bool directory_is_empty(const char *path); /* false if it cannot be read */

/* Makes path and its parents; 0 if it stands afterwards. */
int directory_make(const char *path);

/* "directory/name"; release with free(). */
char *path_join(const char *directory, const char *name);

#endif
