#include "base/error.h"
#include "base/guess.h"
#include "cli/cli.h"
#include <string.h>

/* Every command, as `unblend --help` lists them. cmd_x.c has x_command. */
#define COMMANDS(COMMAND)                                                                          \
    COMMAND(devices)                                                                               \
    COMMAND(new)                                                                                   \
    COMMAND(train)                                                                                 \
    COMMAND(search)                                                                                \
    COMMAND(separate)                                                                              \
    COMMAND(evaluate)                                                                              \
    COMMAND(plot)                                                                                  \
    COMMAND(mix)                                                                                   \
    COMMAND(info)                                                                                  \
    COMMAND(models)                                                                                \
    COMMAND(pack)                                                                                  \
    COMMAND(import)                                                                                \
    COMMAND(export)                                                                                \
    COMMAND(selftest)                                                                              \
    COMMAND(bench)                                                                                 \
    COMMAND(tune)

#define DECLARE(name) extern const command name##_command;
#define ADDRESS(name) &name##_command,
COMMANDS(DECLARE)
static const command *const commands[] = {COMMANDS(ADDRESS)};
enum { COMMAND_COUNT = sizeof commands / sizeof *commands };

const command *command_at(size_t i)
{
    return i < COMMAND_COUNT ? commands[i] : NULL;
}

const command *command_find(const char *name)
{
    guess g = guess_of(name);
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        if (!strcmp(commands[i]->name, name))
            return commands[i];
        guess_offer(&g, commands[i]->name, commands[i]->name);
    }
    fail(STATUS_USAGE, "unknown command %.80s%s (see `unblend --help`)", name, g.hint);
    return NULL;
}
