#define _XOPEN_SOURCE 700
#include "convert/temporary.h"

#include "base/error.h"
#include "base/files.h"
#include "base/memory.h"
#include "base/signals.h"
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int temporary_make(temporary *out, const char *name)
{
    const char *base = getenv("TMPDIR");
    *out =
        (temporary){.directory = format_text("%s/unblend-XXXXXX", base && *base ? base : "/tmp")};
    if (out->directory)
        signals_catch();
    if (out->directory && !mkdtemp(out->directory)) {
        fail(STATUS_RUNTIME, "cannot create a temporary directory in %s (TMPDIR): %s",
             base && *base ? base : "/tmp", strerror(errno));
        signals_release();
        free(out->directory);
        *out = (temporary){0};
        return -1;
    }
    out->file = out->directory ? path_join(out->directory, name) : NULL;
    if (out->file)
        return 0;
    return temporary_remove(out, -1);
}

/* Also what a process that was killed has left. */
static void empty(const char *directory)
{
    const struct dirent *entry;
    DIR *listing = opendir(directory);
    while (listing && (entry = readdir(listing))) {
        char *path = strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..")
                         ? path_join(directory, entry->d_name)
                         : NULL;
        if (path)
            unlink(path);
        free(path);
    }
    if (listing)
        closedir(listing);
}

int temporary_remove(temporary *t, int result)
{
    if (t->directory) {
        empty(t->directory);
        rmdir(t->directory);
        if (signals_check())
            result = -1;
        signals_release();
    }
    free(t->file);
    free(t->directory);
    *t = (temporary){0};
    return result;
}
