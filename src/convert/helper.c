#define _XOPEN_SOURCE 700
#include "convert/helper.h"

#include "base/error.h"
#include "base/files.h"
#include "base/memory.h"
#include "base/signals.h"
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const char program[] = "unblend-hdf5";
extern char **environ;

/* Release with free(); NULL after fail(). */
static char *find_helper(void)
{
    char path[PATH_MAX];
    const char *asked = getenv("UNBLEND_HDF5");
    if (asked && *asked)
        return copy_text(asked);
    ssize_t length = readlink("/proc/self/exe", path, sizeof path - 1);
    path[length > 0 ? length : 0] = '\0';
    for (int above = 0; above < 2; above++) {
        char *slash = strrchr(path, '/');
        if (!slash)
            break;
        *slash = '\0';
        char *found = path_join(path, program);
        if (!found || file_exists(found))
            return found;
        free(found);
    }
    fail(STATUS_RUNTIME,
         "Keras files need %s, which was not found beside unblend: install HDF5 and libzip "
         "(`make setup`), then run `make`",
         program);
    return NULL;
}

/* Waits until there is something to read, or the end; a signal that comes meanwhile stops the child, too. */
static void wait_to_read(int from, pid_t child)
{
    enum { MILLISECONDS = 100 };
    struct pollfd end = {.fd = from, .events = POLLIN};
    while (poll(&end, 1, MILLISECONDS) <= 0)
        if (signals_caught())
            kill(child, SIGTERM);
}

/* The first line of what the child writes, which is read to its end. */
static void read_message(int from, pid_t child, char *message, size_t size)
{
    size_t used = 0;
    char block[512];
    for (;;) {
        wait_to_read(from, child);
        ssize_t got = read(from, block, sizeof block);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            break;
        size_t kept = (size_t)got < size - 1 - used ? (size_t)got : size - 1 - used;
        memcpy(message + used, block, kept);
        used += kept;
    }
    message[used] = '\0';
    message[strcspn(message, "\n")] = '\0';
}

/* A crash or an endless loop is the file's fault, another signal is not. */
static int report_signal(int number, const char *from)
{
    bool crash = number == SIGSEGV || number == SIGABRT || number == SIGBUS || number == SIGFPE ||
                 number == SIGXCPU;
    return fail(crash ? STATUS_DATA : STATUS_RUNTIME, "%s: %s was killed by a signal (%s)%s", from,
                program, strsignal(number), crash ? ": the file is damaged" : "");
}

static int wait_for(pid_t child, const char *from, const char *message)
{
    int status;
    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR)
            return fail(STATUS_RUNTIME, "%s: %s", program, strerror(errno));
    if (WIFSIGNALED(status))
        return report_signal(WTERMSIG(status), from);
    int code = WEXITSTATUS(status);
    if (!code)
        return 0;
    return fail(code <= STATUS_MEMORY ? (enum status)code : STATUS_RUNTIME, "%s",
                *message ? message : "unblend-hdf5 cannot be run");
}

int helper_run(const char *action, const char *from, const char *to)
{
    int ends[2];
    pid_t child;
    char message[2048];
    posix_spawn_file_actions_t actions;
    char *path = find_helper();
    if (!path)
        return -1;
    if (pipe(ends)) {
        free(path);
        return fail(STATUS_RUNTIME, "%s: %s", program, strerror(errno));
    }
    char *const words[] = {(char *)program, (char *)action, (char *)from, (char *)to, NULL};
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDERR_FILENO);
    posix_spawn_file_actions_addclose(&actions, ends[0]);
    posix_spawn_file_actions_addclose(&actions, ends[1]);
    int trouble = posix_spawn(&child, path, &actions, NULL, words, environ);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    int result = -1;
    if (trouble) {
        fail(STATUS_RUNTIME, "%s: %s", path, strerror(trouble));
    } else {
        read_message(ends[0], child, message, sizeof message);
        result = wait_for(child, from, message);
    }
    close(ends[0]);
    free(path);
    return result;
}
