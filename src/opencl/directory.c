#include "opencl/kernel.h"

#include "base/error.h"
#include "base/files.h"
#include "base/memory.h"
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifndef PREFIX
#define PREFIX "/usr/local"
#endif

enum { LEVELS_ABOVE = 3 };

static _Thread_local char directory[PATH_MAX];

/* Other programs have directories named cl too; ours holds philox.h. */
static bool is_ours(const char *candidate)
{
    char *inside = path_join(candidate, "philox.h");
    bool found = inside && file_exists(inside);
    free(inside);
    return found;
}

/* base/tail, if it is our directory, is left in `directory`. */
static bool try_directory(const char *base, const char *tail)
{
    int length = snprintf(directory, sizeof directory, "%s/%s", base, tail);
    return length > 0 && (size_t)length < sizeof directory && is_ours(directory);
}

/* The executable's directory and those above it, which covers a build tree (./unblend,
 * build/tests/test_x) and an installation that was moved (bin/unblend, share/unblend/cl). */
static bool try_near_executable(void)
{
    char path[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", path, sizeof path - 1);
    if (length <= 0)
        return false;
    path[length] = '\0';
    for (int level = 0; level <= LEVELS_ABOVE; level++) {
        char *slash = strrchr(path, '/');
        if (!slash)
            return false;
        *slash = '\0';
        if (try_directory(path, "cl") || try_directory(path, "share/unblend/cl"))
            return true;
    }
    return false;
}

const char *kernel_directory(void)
{
    const char *asked = getenv("UNBLEND_CL_DIR");
    if (asked && *asked) {
        bool there;
        if (directory_look(asked, STATUS_DEVICE, &there)) {
            fail_while("UNBLEND_CL_DIR, which should hold the .cl files");
            return NULL;
        }
        if (there)
            return asked;
        fail(STATUS_DEVICE, "UNBLEND_CL_DIR=%s: no such directory; it should hold the .cl files",
             asked);
        return NULL;
    }
    if (try_near_executable() || try_directory(PREFIX, "share/unblend/cl"))
        return directory;
    fail(STATUS_DEVICE,
         "the kernel files (*.cl) were found neither near the executable nor in " PREFIX
         "/share/unblend/cl; set UNBLEND_CL_DIR to the directory that holds them");
    return NULL;
}
