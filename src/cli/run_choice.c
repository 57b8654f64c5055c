#include "cli/run_choice.h"

#include "base/error.h"
#include "base/files.h"
#include "base/memory.h"
#include <stdlib.h>
#include <string.h>

static char *default_run(const char *file)
{
    size_t length;
    const char *name = path_last_part(file, &length), *dot = strrchr(name, '.');
    if (dot && dot > name && dot < name + length)
        length = (size_t)(dot - name);
    return format_text("runs/%.*s", (int)length, name);
}

int run_choice_make(run_choice *c, const options *given, const struct run_file *of)
{
    *c = (run_choice){.resume = given->resume};
    if (!given->resume && !given->argument_count)
        return fail(STATUS_USAGE, "%s: %s or --resume RUN is missing (see `unblend %s --help`)",
                    of->command, of->argument, of->command);
    if (given->resume) {
        c->run = copy_text(given->resume);
        c->file = path_join(given->resume, of->inside);
    } else {
        c->file = copy_text(given->arguments[0]);
        c->run = given->run ? copy_text(given->run) : default_run(given->arguments[0]);
    }
    return c->run && c->file ? 0 : -1;
}

void run_choice_release(run_choice *c)
{
    free(c->file);
    free(c->run);
    *c = (run_choice){0};
}

int run_choice_look(const run_choice *c, bool *filled)
{
    bool there;
    if (directory_look(c->run, STATUS_USAGE, &there) ||
        directory_look_inside(c->run, STATUS_USAGE, filled))
        return -1;
    return c->resume && !there ? fail(STATUS_USAGE, "%s: there is no such run to resume", c->run)
                               : 0;
}
