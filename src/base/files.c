#define _POSIX_C_SOURCE 200809L
#include "base/files.h"

#include "base/error.h"
#include "base/memory.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

static int too_large(const char *path, size_t limit, enum status code)
{
    return fail(code, "%s: larger than the %zu bytes allowed for such a file", path, limit);
}

/* A pipe or a directory is refused before it is opened, where it might block or fail oddly. */
static int check_regular(const char *path, enum status code, struct stat *info)
{
    if (stat(path, info))
        return fail(code, "%s: %s", path, strerror(errno));
    if (!S_ISREG(info->st_mode))
        return fail(code, "%s: not a regular file", path);
    return 0;
}

int file_read(const char *path, size_t limit, enum status code, unsigned char **bytes,
              size_t *length)
{
    struct stat info;
    if (check_regular(path, code, &info))
        return -1;
    if ((uintmax_t)info.st_size > limit)
        return too_large(path, limit, code);
    FILE *in = fopen(path, "rb");
    if (!in)
        return fail(code, "%s: %s", path, strerror(errno));
    size_t expected = (size_t)info.st_size;
    unsigned char *data = allocate(expected + 1, 1);
    size_t got = data ? fread(data, 1, expected, in) : 0;
    fclose(in);
    if (!data)
        return -1;
    if (got != expected) {
        free(data);
        return fail(code, "%s: cannot be read past byte %zu", path, got);
    }
    *bytes = data;
    *length = got;
    return 0;
}

/* zlib's messages start with the path, ours as well. */
static const char *unpacking_error(gzFile in, const char *path)
{
    int number;
    const char *why = gzerror(in, &number);
    size_t length = strlen(path);
    if (number == Z_ERRNO)
        return strerror(errno);
    return !strncmp(why, path, length) && !strncmp(why + length, ": ", 2) ? why + length + 2 : why;
}

/* Everything that in gives, a plain file as it is; *data belongs to the caller in any case. */
static int unpack(gzFile in, const char *path, size_t limit, enum status code, void **data,
                  size_t *length)
{
    enum { PART = 65536 };
    size_t capacity = 0;
    int got;
    *length = 0;
    do {
        if (grow(data, &capacity, *length + PART + 1, 1))
            return -1;
        got = gzread(in, (unsigned char *)*data + *length, PART);
        if (got < 0)
            return fail(code, "%s: damaged gzip data after %zu unpacked bytes: %s", path, *length,
                        unpacking_error(in, path));
        *length += (size_t)got;
        if (*length > limit)
            return too_large(path, limit, code);
    } while (got == PART);
    ((unsigned char *)*data)[*length] = 0;
    return 0;
}

int file_read_gzip(const char *path, size_t limit, enum status code, unsigned char **bytes,
                   size_t *length)
{
    struct stat info;
    void *data = NULL;
    if (check_regular(path, code, &info))
        return -1;
    gzFile in = gzopen(path, "rb");
    if (!in)
        return fail(code, "%s: %s", path, strerror(errno));
    int result = unpack(in, path, limit, code, &data, length);
    if (gzclose_r(in) == Z_BUF_ERROR && !result)
        result =
            fail(code, "%s: the gzip data ends early, after %zu unpacked bytes", path, *length);
    if (result)
        free(data);
    else
        *bytes = data;
    return result;
}

static int write_all(int fd, const unsigned char *bytes, size_t length)
{
    while (length) {
        ssize_t put = write(fd, bytes, length);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return -1;
        bytes += put;
        length -= (size_t)put;
    }
    return 0;
}

/* The rename itself must survive a power cut; a file system that cannot sync a directory is no
 * reason to lose the file that is already in place. */
static void sync_directory_of(const char *path)
{
    char *copy = copy_text(path);
    if (!copy)
        return;
    char *slash = strrchr(copy, '/');
    if (slash)
        slash[slash == copy] = '\0';
    int fd = open(slash ? copy : ".", O_RDONLY | O_DIRECTORY);
    if (fd >= 0) {
        fsync(fd);
        close(fd);
    }
    free(copy);
}

/* 0 or the errno of what went wrong. */
static int write_new_file(const char *path, const void *bytes, size_t length)
{
    unlink(path); /* left by a killed process that had our number */
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0666);
    if (fd < 0)
        return errno;
    int why = write_all(fd, bytes, length) || fsync(fd) ? errno : 0;
    if (close(fd) && !why)
        why = errno;
    return why;
}

int file_write_atomic(const char *path, const void *bytes, size_t length)
{
    struct stat info;
    if (!stat(path, &info) && !S_ISREG(info.st_mode)) /* renaming over /dev/null would be a feat */
        return fail(STATUS_RUNTIME, "%s: cannot be written: not a regular file", path);
    char *temporary = format_text("%s.tmp-%ld", path, (long)getpid());
    if (!temporary)
        return -1;
    int why = write_new_file(temporary, bytes, length);
    if (!why && rename(temporary, path))
        why = errno;
    if (why)
        unlink(temporary);
    else
        sync_directory_of(path);
    free(temporary);
    return why ? fail(STATUS_RUNTIME, "%s: cannot be written: %s", path, strerror(why)) : 0;
}

/* The process that a temporary file's name names, or 0 for a name that is not such. */
static long owner_of_temporary(const char *name)
{
    const char *mark = strstr(name, ".tmp-");
    char *end;
    if (!mark || mark[5] < '1' || mark[5] > '9')
        return 0;
    long owner = strtol(mark + 5, &end, 10);
    return *end ? 0 : owner;
}

void directory_sweep(const char *path)
{
    DIR *directory = opendir(path);
    if (!directory)
        return;
    for (struct dirent *entry; (entry = readdir(directory));) {
        long owner = owner_of_temporary(entry->d_name);
        if (owner > 0 && kill((pid_t)owner, 0) && errno == ESRCH)
            unlinkat(dirfd(directory), entry->d_name, 0);
    }
    closedir(directory);
}

bool file_exists(const char *path)
{
    struct stat info;
    return !stat(path, &info) && S_ISREG(info.st_mode);
}

bool directory_exists(const char *path)
{
    struct stat info;
    return !stat(path, &info) && S_ISDIR(info.st_mode);
}

bool directory_is_empty(const char *path)
{
    DIR *directory = opendir(path);
    if (!directory)
        return false;
    bool empty = true;
    for (struct dirent *entry; empty && (entry = readdir(directory));)
        empty = !strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..");
    closedir(directory);
    return empty;
}

int directory_make(const char *path)
{
    char *partial = copy_text(path);
    if (!partial)
        return -1;
    int why = 0;
    for (char *p = partial + (partial[0] == '/');; p++) {
        if (*p && *p != '/')
            continue;
        char kept = *p;
        *p = '\0';
        why = *partial && mkdir(partial, 0777) && errno != EEXIST ? errno : 0;
        *p = kept;
        if (!kept || why)
            break;
    }
    free(partial);
    if (!why && !directory_exists(path))
        why = ENOTDIR;
    return why ? fail(STATUS_RUNTIME, "%s: cannot make this directory: %s", path, strerror(why))
               : 0;
}

char *path_join(const char *directory, const char *name)
{
    size_t length = strlen(directory);
    bool slash = length && directory[length - 1] == '/';
    return format_text("%s%s%s", directory, slash || !length ? "" : "/", name);
}
