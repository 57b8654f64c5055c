#define _XOPEN_SOURCE 700
#include "convert/temporary.h"

#include "base/error.h"
#include "base/files.h"
#include "base/memory.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int temporary_make(temporary *out, const char *name)
{
    const char *base = getenv("TMPDIR");
    *out =
        (temporary){.directory = format_text("%s/unblend-XXXXXX", base && *base ? base : "/tmp")};
    if (out->directory && !mkdtemp(out->directory)) {
        fail(STATUS_RUNTIME, "%s: no temporary directory can be made: %s", out->directory,
             strerror(errno));
        free(out->directory);
        *out = (temporary){0};
        return -1;
    }
    out->file = out->directory ? path_join(out->directory, name) : NULL;
    if (out->file)
        return 0;
    temporary_remove(out);
    return -1;
}

void temporary_remove(temporary *t)
{
    if (t->file)
        unlink(t->file);
    if (t->directory)
        rmdir(t->directory);
    free(t->file);
    free(t->directory);
    *t = (temporary){0};
}
