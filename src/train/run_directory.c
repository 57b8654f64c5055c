#include "train/run_directory.h"

#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "base/memory.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

static const char lock_name[] = "run.lock";

/* The order in which they are removed: a run without its checkpoints cannot be resumed by mistake. */
static const char *const results[] = {
    CHECKPOINT_NAME, CHECKPOINT_PREVIOUS_NAME, MODEL_NAME,         HISTORY_JSON,
    HISTORY_CSV,     HISTORY_PICTURE_NAME,     PANEL_PICTURE_NAME,
};
enum { RESULTS = sizeof results / sizeof *results };

/* ---- The lock ---- */

struct run_lock {
    char *path;
    int fd;
};

enum attempt { LOCK_TAKEN, LOCK_HELD_BY_OTHER, LOCK_GONE, LOCK_UNKNOWN };

/* Takes the lock, or says who has it (0: unknown). The file may have been removed, by whoever held the
 * lock, after it was opened here: then a lock on it means nothing. */
static enum attempt try_lock(const run_lock *l, long *owner)
{
    struct flock wanted = {.l_type = F_WRLCK, .l_whence = SEEK_SET}, held = wanted;
    struct stat mine, present;
    *owner = 0;
    if (!fcntl(l->fd, F_SETLK, &wanted))
        return !fstat(l->fd, &mine) && !stat(l->path, &present) && mine.st_ino == present.st_ino &&
                       mine.st_dev == present.st_dev
                   ? LOCK_TAKEN
                   : LOCK_GONE;
    if (errno != EACCES && errno != EAGAIN)
        return LOCK_UNKNOWN;
    if (!fcntl(l->fd, F_GETLK, &held)) {
        if (held.l_type == F_UNLCK)
            return LOCK_GONE;
        *owner = (long)held.l_pid;
    }
    return LOCK_HELD_BY_OTHER;
}

static int report_owner(const char *run, long owner)
{
    char *who = owner > 0 ? format_text(" (process %ld)", owner) : copy_text("");
    int result = who ? fail(STATUS_RUNTIME,
                            "%s: another unblend%s trains in this directory; wait for its end, or "
                            "choose another one",
                            run, who)
                     : -1;
    free(who);
    return result;
}

static int open_and_lock(run_lock *l, const char *run)
{
    long owner;
    for (;;) {
        l->fd = open(l->path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
        if (l->fd < 0)
            return fail(STATUS_RUNTIME, "%s: cannot be written: %s", l->path, strerror(errno));
        switch (try_lock(l, &owner)) {
        case LOCK_TAKEN:
            return 0;
        case LOCK_HELD_BY_OTHER:
            return report_owner(run, owner);
        case LOCK_UNKNOWN:
            log_warning("%s: cannot be locked (%s); see to it that nobody else trains there", run,
                        strerror(errno));
            return 0;
        case LOCK_GONE:
            close(l->fd);
        }
    }
}

int run_lock_take(run_lock **out, const char *run)
{
    run_lock *l = allocate(1, sizeof *l);
    if (!l)
        return -1;
    l->fd = -1;
    l->path = path_join(run, lock_name);
    if (!l->path || directory_make(run) || open_and_lock(l, run)) {
        if (l->fd >= 0)
            close(l->fd); /* the file is another's */
        free(l->path);
        free(l);
        return -1;
    }
    *out = l;
    return 0;
}

void run_lock_release(run_lock *l)
{
    if (!l)
        return;
    unlink(l->path); /* while it is locked: so nobody's but ours is removed */
    close(l->fd);
    free(l->path);
    free(l);
}

/* ---- What will be written ---- */

/* A name that can be replaced; adds the size of what is there already to *present. */
static int check_name(const char *run, const char *name, size_t *present)
{
    struct stat info;
    char *path = path_join(run, name);
    int result = path ? 0 : -1;
    if (path && !stat(path, &info)) {
        if (!S_ISREG(info.st_mode))
            result = fail(STATUS_RUNTIME, "%s: cannot be written: not a regular file", path);
        *present += (size_t)info.st_size;
    }
    free(path);
    return result;
}

/* The path of a file with a name as long as those of temporary files. */
static int check_length(const char *run)
{
    enum { LONGEST = 120 };
    struct stat info;
    char *path = format_text("%s/%0*d", run, LONGEST, 0);
    int result = path ? 0 : -1;
    if (path && stat(path, &info) && errno == ENAMETOOLONG)
        result =
            fail(STATUS_RUNTIME,
                 "the path of the run directory, %zu bytes, is too long for files to be written "
                 "there: %.200s...",
                 strlen(run), run);
    free(path);
    return result;
}

static double mebibytes(double bytes)
{
    return bytes / 1048576;
}

/* present: bytes of files that will be replaced. A file system that does not know says 0 of 0. */
static int check_room(const char *run, double present, double one_of_each)
{
    struct statvfs info;
    if (statvfs(run, &info) || !info.f_blocks)
        return 0;
    double room = (double)info.f_bavail * (double)info.f_frsize + present;
    if (room < one_of_each)
        return fail(STATUS_RUNTIME,
                    "%s: %.1f MiB are free on this disk; a checkpoint and the model take %.1f MiB",
                    run, mebibytes(room), mebibytes(one_of_each));
    if (room < 2 * one_of_each)
        log_warning("%s: %.1f MiB are free on this disk; checkpoints and model take up to %.1f MiB",
                    run, mebibytes(room), mebibytes(2 * one_of_each));
    return 0;
}

int run_check(const char *run, size_t checkpoint_bytes, size_t model_bytes)
{
    size_t present = 0;
    if (check_length(run))
        return -1;
    for (int i = 0; i < RESULTS; i++)
        if (check_name(run, results[i], &present))
            return -1;
    return check_name(run, CONFIG_NAME, &present) ||
                   check_room(run, (double)present, (double)checkpoint_bytes + (double)model_bytes)
               ? -1
               : 0;
}

int run_write_config(const char *run, const settings *s)
{
    char *path = path_join(run, CONFIG_NAME), *text = settings_ini(s);
    int result = path && text ? file_write_atomic(path, text, strlen(text)) : -1;
    free(path);
    free(text);
    return result;
}

int run_remove(const char *run, const char *const *names, size_t count)
{
    struct stat info;
    int result = 0;
    for (size_t i = 0; i < count && !result; i++) {
        char *path = path_join(run, names[i]);
        result = path ? 0 : -1;
        if (path && !lstat(path, &info) && unlink(path))
            result = fail(STATUS_RUNTIME, "%s: cannot be removed: %s", path, strerror(errno));
        free(path);
    }
    return result;
}

int run_clear(const char *run)
{
    return run_remove(run, results, RESULTS);
}
