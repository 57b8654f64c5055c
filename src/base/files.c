#define _POSIX_C_SOURCE 200809L
#include "base/files.h"

#include "base/error.h"
#include "base/memory.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

/* gzread passes plain files through unchanged, so one loop serves both readers. */
static int read_stream(gzFile in, const char *path, size_t limit, int code, unsigned char **bytes,
                       size_t *length)
{
    size_t capacity = 0, filled = 0;
    void *data = NULL;
    for (;;) {
        if (grow(&data, &capacity, filled + 65536 + 1, 1))
            goto failed;
        int got = gzread(in, (unsigned char *)data + filled, 65536);
        if (got < 0) {
            int zerror;
            const char *why = gzerror(in, &zerror);
            fail(code, "%s: cannot be read at byte %zu: %s", path, filled,
                 zerror == Z_ERRNO ? strerror(errno) : why);
            goto failed;
        }
        filled += (size_t)got;
        if (filled > limit) {
            fail(code, "%s: larger than the %zu bytes allowed for such a file", path, limit);
            goto failed;
        }
        if (got < 65536)
            break;
    }
    ((unsigned char *)data)[filled] = 0;
    *bytes = data;
    *length = filled;
    return 0;
failed:
    free(data);
    return -1;
}

static int read_file(const char *path, size_t limit, int code, bool unpack, unsigned char **bytes,
                     size_t *length)
{
    struct stat info;
    if (stat(path, &info))
        return fail(code, "%s: %s", path, strerror(errno));
    if (!S_ISREG(info.st_mode))
        return fail(code, "%s: not a regular file", path);
    if (!unpack && (size_t)info.st_size > limit)
        return fail(code, "%s: larger than the %zu bytes allowed for such a file", path, limit);
    if (unpack) {
        gzFile in = gzopen(path, "rb");
        if (!in)
            return fail(code, "%s: %s", path, strerror(errno));
        int result = read_stream(in, path, limit, code, bytes, length);
        int closed = gzclose_r(in);
        if (!result && closed == Z_BUF_ERROR) {
            free(*bytes);
            return fail(code, "%s: the gzip data ends early, after %zu bytes", path, *length);
        }
        return result;
    }
    FILE *in = fopen(path, "rb");
    if (!in)
        return fail(code, "%s: %s", path, strerror(errno));
    unsigned char *data = allocate((size_t)info.st_size + 1, 1);
    size_t got = data ? fread(data, 1, (size_t)info.st_size, in) : 0;
    bool broken = ferror(in) || got != (size_t)info.st_size;
    fclose(in);
    if (!data)
        return -1;
    if (broken) {
        free(data);
        return fail(code, "%s: cannot be read past byte %zu", path, got);
    }
    *bytes = data;
    *length = got;
    return 0;
}

int file_read(const char *path, size_t limit, int code, unsigned char **bytes, size_t *length)
{
    return read_file(path, limit, code, false, bytes, length);
}

int file_read_gzip(const char *path, size_t limit, int code, unsigned char **bytes, size_t *length)
{
    return read_file(path, limit, code, true, bytes, length);
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

int file_write_atomic(const char *path, const void *bytes, size_t length)
{
    char *temporary = format_text("%s.tmp-%ld", path, (long)getpid());
    if (!temporary)
        return -1;
    int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    if (fd < 0) {
        fail(STATUS_RUNTIME, "%s: cannot be written: %s", path, strerror(errno));
        free(temporary);
        return -1;
    }
    int broken = write_all(fd, bytes, length) || fsync(fd);
    int why = errno;
    if (close(fd) && !broken) {
        broken = 1;
        why = errno;
    }
    if (!broken && rename(temporary, path)) {
        broken = 1;
        why = errno;
    }
    if (broken) {
        unlink(temporary);
        fail(STATUS_RUNTIME, "%s: cannot be written: %s", path, strerror(why));
    } else {
        sync_directory_of(path);
    }
    free(temporary);
    return broken ? -1 : 0;
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
