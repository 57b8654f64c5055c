/*
 * Preloaded into unblend (see tools/kill-test): lets a process die, or a disk be full, at a chosen one
 * of the calls that change files below a directory: open for creation, write, pwrite, fsync, rename, link,
 * unlink.
 *
 *     FAULT_BELOW   the directory, as the program spells it
 *     FAULT_LOG     a line for each such call is appended here: "number call path"
 *     FAULT_AT      the number of the call, from 1; without it nothing happens
 *     FAULT_KIND    "kill": the process is killed before the call, a write after half of its bytes;
 *                   "full": the call fails with ENOSPC, a write after half of its bytes
 */
#define _GNU_SOURCE /* RTLD_NEXT */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { DESCRIPTORS = 256, PATH = 512 };

static char opened[DESCRIPTORS]
                  [PATH]; /* the paths of descriptors below the directory; "" otherwise */
static long calls;

/* The function that this library stands in front of. */
static void *next(const char *name)
{
    void *function = dlsym(RTLD_NEXT, name);
    if (!function)
        _exit(125);
    return function;
}

static int real_open(const char *path, int flags, mode_t mode)
{
    int (*function)(const char *, int, ...) = NULL;
    *(void **)&function = next("open");
    return function(path, flags, mode);
}

static ssize_t real_write(int fd, const void *bytes, size_t length)
{
    ssize_t (*function)(int, const void *, size_t) = NULL;
    *(void **)&function = next("write");
    return function(fd, bytes, length);
}

static bool is_below(const char *path)
{
    const char *directory = getenv("FAULT_BELOW");
    return directory && !strncmp(path, directory, strlen(directory));
}

static const char *path_of(int fd)
{
    return fd >= 0 && fd < DESCRIPTORS ? opened[fd] : "";
}

static void record(const char *call, const char *path)
{
    const char *log = getenv("FAULT_LOG");
    char line[PATH + 64];
    int fd = log ? real_open(log, O_WRONLY | O_CREAT | O_APPEND, 0666) : -1;
    if (fd < 0)
        return;
    int length = snprintf(line, sizeof line, "%ld %s %s\n", calls, call, path);
    if (real_write(fd, line, (size_t)length) != length)
        _exit(125);
    close(fd);
}

/* Counts a call. True if it is the chosen one. */
static bool is_due(const char *call, const char *path)
{
    const char *at = getenv("FAULT_AT");
    if (!is_below(path))
        return false;
    calls++;
    record(call, path);
    return at && calls == strtol(at, NULL, 10);
}

/* What a call that is due does; -1 for the program that lives on. */
static int fault(void)
{
    const char *kind = getenv("FAULT_KIND");
    if (!kind || strcmp(kind, "full") != 0)
        kill(getpid(), SIGKILL);
    errno = ENOSPC;
    return -1;
}

/* ---- In front of the C library ---- */

int open(const char *path, int flags, ...)
{
    mode_t mode = 0;
    if (flags & O_CREAT) {
        va_list arguments;
        va_start(arguments, flags);
        mode = va_arg(arguments, mode_t);
        va_end(arguments);
        if (is_due("open", path))
            return fault();
    }
    int fd = real_open(path, flags, mode);
    if (fd >= 0 && fd < DESCRIPTORS)
        snprintf(opened[fd], PATH, "%s", is_below(path) ? path : "");
    return fd;
}

ssize_t write(int fd, const void *bytes, size_t length)
{
    if (!is_due("write", path_of(fd)))
        return real_write(fd, bytes, length);
    ssize_t half = real_write(fd, bytes, length / 2);
    return half < 0 ? half : fault();
}

ssize_t pwrite(int fd, const void *bytes, size_t length, off_t offset)
{
    ssize_t (*function)(int, const void *, size_t, off_t) = NULL;
    *(void **)&function = next("pwrite");
    if (!is_due("pwrite", path_of(fd)))
        return function(fd, bytes, length, offset);
    ssize_t half = function(fd, bytes, length / 2, offset);
    return half < 0 ? half : fault();
}

int fsync(int fd)
{
    int (*function)(int) = NULL;
    *(void **)&function = next("fsync");
    return is_due("fsync", path_of(fd)) ? fault() : function(fd);
}

int rename(const char *from, const char *to)
{
    int (*function)(const char *, const char *) = NULL;
    *(void **)&function = next("rename");
    return is_due("rename", to) ? fault() : function(from, to);
}

int link(const char *from, const char *to)
{
    int (*function)(const char *, const char *) = NULL;
    *(void **)&function = next("link");
    return is_due("link", to) ? fault() : function(from, to);
}

int unlink(const char *path)
{
    int (*function)(const char *) = NULL;
    *(void **)&function = next("unlink");
    return is_due("unlink", path) ? fault() : function(path);
}
