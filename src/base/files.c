#define _POSIX_C_SOURCE 200809L
#include "base/files.h"

#include "base/error.h"
#include "base/memory.h"
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdatomic.h>
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

/* A link whose target is missing is there all the same. */
static bool is_broken_link(const char *path)
{
    struct stat info;
    return !lstat(path, &info) && S_ISLNK(info.st_mode);
}

/* For a path of which stat() failed with the errno `why`. */
static int cannot_be_found(const char *path, enum status code, int why)
{
    return fail(code, "%s: %s%s", path,
                why == ENOENT && is_broken_link(path) ? "a link that leads nowhere: " : "",
                strerror(why));
}

/* A pipe or a directory is refused before it is opened, where it might block or fail oddly. */
static int check_regular(const char *path, enum status code, struct stat *info)
{
    if (stat(path, info))
        return cannot_be_found(path, code, errno);
    if (!S_ISREG(info->st_mode))
        return fail(code, "%s: not a regular file", path);
    return 0;
}

/* The first bytes of a file, `expected` of them. */
static int read_start(const char *path, size_t expected, enum status code, unsigned char **bytes,
                      size_t *length)
{
    FILE *in = fopen(path, "rb");
    if (!in)
        return fail(code, "%s: %s", path, strerror(errno));
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

int file_read(const char *path, size_t limit, enum status code, unsigned char **bytes,
              size_t *length)
{
    struct stat info;
    if (check_regular(path, code, &info))
        return -1;
    if ((uintmax_t)info.st_size > limit)
        return too_large(path, limit, code);
    return read_start(path, (size_t)info.st_size, code, bytes, length);
}

int file_read_start(const char *path, size_t most, enum status code, unsigned char **bytes,
                    size_t *length)
{
    struct stat info;
    if (check_regular(path, code, &info))
        return -1;
    size_t expected = (uintmax_t)info.st_size > most ? most : (size_t)info.st_size;
    return read_start(path, expected, code, bytes, length);
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

/* ---- Temporary files ---- */

/*
 * They are called .unblend-tmp-PID-NUMBER@HOST. The name says whose file it is, so that others can
 * tell whether it is still wanted; it does not grow with the name of the file that it becomes, so
 * that a name which is just short enough can be written; and it is unlike any name of a user's.
 */
static const char temporary_start[] = ".unblend-tmp-";
enum { HOST_SIZE = 65 };
static atomic_long next_number; /* of this process; its threads may write into one directory */

static void host_name(char host[HOST_SIZE])
{
    if (gethostname(host, HOST_SIZE))
        strcpy(host, "unknown");
    host[HOST_SIZE - 1] = '\0';
    for (char *c = host; *c; c++)
        if (!isalnum((unsigned char)*c) && *c != '-' && *c != '.')
            *c = '_';
}

static char *temporary_beside(const char *path)
{
    char host[HOST_SIZE];
    const char *slash = strrchr(path, '/');
    host_name(host);
    return format_text("%.*s%s%ld-%ld@%s", slash ? (int)(slash - path) + 1 : 0, path,
                       temporary_start, (long)getpid(), atomic_fetch_add(&next_number, 1), host);
}

/* Whether a name is that of a temporary file which no process will use any more. Whether processes
 * of other hosts are alive cannot be told from here. */
static bool is_left_over(const char *name)
{
    char host[HOST_SIZE], *end;
    if (strncmp(name, temporary_start, sizeof temporary_start - 1))
        return false;
    long owner = strtol(name + sizeof temporary_start - 1, &end, 10);
    if (owner <= 0 || owner > INT_MAX || *end != '-')
        return false;
    long number = strtol(end + 1, &end, 10);
    host_name(host);
    if (number < 0 || *end != '@' || strcmp(end + 1, host))
        return false;
    if (owner == (long)getpid()) /* in a container, every run may have the same number */
        return number >= atomic_load(&next_number);
    return kill((pid_t)owner, 0) && errno == ESRCH;
}

void directory_sweep(const char *path)
{
    DIR *directory = opendir(path);
    if (!directory)
        return;
    for (struct dirent *entry; (entry = readdir(directory));)
        if (is_left_over(entry->d_name))
            unlinkat(dirfd(directory), entry->d_name, 0);
    closedir(directory);
}

/* ---- Writing ---- */

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

/* The directory has just taken a whole temporary file. So what a rename then fails for is the name
 * it should get, unless the disk fails or is full at this very moment. */
static bool is_of_the_disk(int why)
{
    return why == EIO || why == ENOSPC || why == EDQUOT || why == EROFS || why == ENOMEM;
}

int file_write_named(const char *path, const void *bytes, size_t length, enum status refused)
{
    struct stat info;
    if (!stat(path, &info) && !S_ISREG(info.st_mode)) /* renaming over /dev/null would be a feat */
        return fail(refused, "%s: cannot be written: not a regular file", path);
    char *temporary = temporary_beside(path);
    if (!temporary)
        return -1;
    enum status code = STATUS_RUNTIME;
    int why = write_new_file(temporary, bytes, length);
    if (!why && rename(temporary, path)) {
        why = errno;
        code = is_of_the_disk(why) ? STATUS_RUNTIME : refused;
    }
    if (why)
        unlink(temporary);
    free(temporary);
    return why ? fail(code, "%s: cannot be written: %s", path, strerror(why)) : 0;
}

int file_write_atomic(const char *path, const void *bytes, size_t length)
{
    if (file_write_named(path, bytes, length, STATUS_RUNTIME))
        return -1;
    sync_directory_of(path);
    return 0;
}

int file_draft_open(file_draft *out, const char *path)
{
    *out = (file_draft){.fd = -1, .path = copy_text(path), .temporary = temporary_beside(path)};
    if (out->path && out->temporary) {
        unlink(out->temporary);
        out->fd = open(out->temporary, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (out->fd >= 0)
            return 0;
        fail(STATUS_RUNTIME, "%s: cannot be written: %s", path, strerror(errno));
    }
    file_draft_drop(out);
    return -1;
}

int file_draft_keep(file_draft *d)
{
    int why = fsync(d->fd) || rename(d->temporary, d->path) ? errno : 0;
    int result =
        why ? fail(STATUS_RUNTIME, "%s: cannot be written: %s", d->path, strerror(why)) : 0;
    if (!result)
        sync_directory_of(d->path);
    file_draft_drop(d);
    return result;
}

/* Where the draft has been kept, its temporary name is gone. */
void file_draft_drop(file_draft *d)
{
    if (d->fd >= 0) {
        unlink(d->temporary);
        close(d->fd);
    }
    free(d->path);
    free(d->temporary);
    *d = (file_draft){.fd = -1};
}

/* ---- What is there ---- */

/* As stat(), but a path that holds nothing is no failure: *there is false then. */
static int look(const char *path, enum status code, struct stat *info, bool *there)
{
    *there = !stat(path, info);
    int why = *there ? 0 : errno;
    return !why || why == ENOTDIR || (why == ENOENT && !is_broken_link(path))
               ? 0
               : cannot_be_found(path, code, why);
}

int file_look(const char *path, enum status code, bool *there)
{
    struct stat info;
    if (look(path, code, &info, there))
        return -1;
    return *there && !S_ISREG(info.st_mode) ? fail(code, "%s: not a regular file", path) : 0;
}

bool file_is_same(const char *path, const char *other)
{
    struct stat one, two;
    return !stat(path, &one) && !stat(other, &two) && one.st_dev == two.st_dev &&
           one.st_ino == two.st_ino;
}

int directory_look(const char *path, enum status code, bool *there)
{
    struct stat info;
    if (look(path, code, &info, there))
        return -1;
    return *there && !S_ISDIR(info.st_mode) ? fail(code, "%s: not a directory", path) : 0;
}

static bool is_of_no_account(const char *name)
{
    return !strcmp(name, ".") || !strcmp(name, "..") || is_left_over(name);
}

int directory_look_inside(const char *path, enum status code, bool *filled)
{
    bool there;
    *filled = false;
    if (directory_look(path, code, &there))
        return -1;
    if (!there)
        return 0;
    DIR *directory = opendir(path);
    if (!directory)
        return fail(code, "%s: cannot be read: %s", path, strerror(errno));
    const struct dirent *entry;
    do {
        errno = 0; /* each time: is_left_over() asks for processes that are no more */
        entry = readdir(directory);
    } while (entry && is_of_no_account(entry->d_name));
    int why = entry ? 0 : errno;
    *filled = entry != NULL;
    closedir(directory);
    return why ? fail(code, "%s: cannot be read: %s", path, strerror(why)) : 0;
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

/* 0 or the errno of what went wrong. A new directory, too, must survive a power cut. */
static int make_one(const char *path)
{
    struct stat info;
    if (!*path || (!stat(path, &info) && S_ISDIR(info.st_mode)))
        return 0;
    if (!mkdir(path, 0777)) {
        sync_directory_of(path);
        return 0;
    }
    int why = errno;
    if (why != EEXIST) /* or another process has made it by now */
        return why;
    return stat(path, &info) ? errno : S_ISDIR(info.st_mode) ? 0 : ENOTDIR;
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
        why = make_one(partial);
        *p = kept;
        if (!kept || why)
            break;
    }
    free(partial);
    if (why)
        return fail(STATUS_RUNTIME, "%s: cannot make this directory: %s", path, strerror(why));
    directory_sweep(path);
    return 0;
}

char *path_join(const char *directory, const char *name)
{
    size_t length = strlen(directory);
    bool slash = length && directory[length - 1] == '/';
    return format_text("%s%s%s", directory, slash || !length ? "" : "/", name);
}

const char *path_last_part(const char *path, size_t *length)
{
    size_t end = strlen(path);
    while (end && path[end - 1] == '/')
        end--;
    size_t begin = end;
    while (begin && path[begin - 1] != '/')
        begin--;
    *length = end - begin;
    return path + begin;
}
