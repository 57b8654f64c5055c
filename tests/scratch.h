/*
 * What the tests of files share: a fresh directory per test program, files made from bytes, and a
 * check of the last error. Use scratch_make and scratch_remove as cmocka's group setup and teardown.
 */
#ifndef TESTS_SCRATCH_H
#define TESTS_SCRATCH_H

#include "base/error.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char scratch[512];

static inline int scratch_make(void **state)
{
    (void)state;
    const char *root = getenv("TMPDIR");
    snprintf(scratch, sizeof scratch, "%s/unblend-test-XXXXXX", root && *root ? root : "/tmp");
    return mkdtemp(scratch) ? 0 : -1;
}

/* The path of a name in the scratch directory; good for the next seven calls. */
static inline const char *scratch_path(const char *name)
{
    static char paths[8][1024];
    static unsigned next;
    char *path = paths[next++ % 8];
    snprintf(path, sizeof paths[0], "%s/%s", scratch, name);
    return path;
}

static inline void remove_tree(const char *path)
{
    char inner[1024];
    DIR *directory = opendir(path);
    for (struct dirent *entry; directory && (entry = readdir(directory));) {
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
            continue;
        if (snprintf(inner, sizeof inner, "%s/%s", path, entry->d_name) < (int)sizeof inner &&
            unlink(inner))
            remove_tree(inner);
    }
    if (directory)
        closedir(directory);
    rmdir(path);
}

static inline int scratch_remove(void **state)
{
    (void)state;
    remove_tree(scratch);
    return 0;
}

static inline const char *scratch_file(const char *name, const void *bytes, size_t length)
{
    const char *path = scratch_path(name);
    FILE *out = fopen(path, "wb");
    assert_non_null(out);
    assert_int_equal(fwrite(bytes, 1, length, out), length);
    assert_int_equal(fclose(out), 0);
    return path;
}

/* How many entries the scratch directory holds: tells of temporary files left behind. */
static inline size_t scratch_count(void)
{
    size_t count = 0;
    DIR *directory = opendir(scratch);
    assert_non_null(directory);
    while (readdir(directory))
        count++;
    closedir(directory);
    return count - 2; /* . and .. */
}

/* The last error has this status and its message holds each of the two texts. */
static inline void assert_error(enum status status, const char *part, const char *other)
{
    if (!strstr(error_message(), part) || !strstr(error_message(), other))
        fail_msg("\"%s\" should hold \"%s\" and \"%s\"", error_message(), part, other);
    assert_int_equal(error_status(), status);
    error_clear();
}

#endif
