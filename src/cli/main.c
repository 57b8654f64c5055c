/* The process: which command, its result as exit code, and nothing left on the terminal. */
#include "base/error.h"
#include "base/guess.h"
#include "base/log.h"
#include "base/signals.h"
#include "cli/cli.h"
#include "config/keys.h"
#include "unblend.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

/* A descriptor below 3 that the caller closed would go to the next file opened, and results or
 * messages would be written into that file. */
static void occupy_standard_descriptors(void)
{
    int fd;
    do
        fd = open("/dev/null", O_RDWR);
    while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd >= 0)
        close(fd);
}

/* A reader that has seen enough (`unblend ... | head`) is no failure; a full disk is. */
static int flush_results(void)
{
    errno = 0;
    if (!fflush(stdout) && !ferror(stdout))
        return 0;
    return errno == EPIPE ? 0
                          : fail(STATUS_RUNTIME, "standard output: cannot be written: %s",
                                 errno ? strerror(errno) : "unknown error");
}

static int run_command(const command *c, int argc, char **argv)
{
    options given;
    if (options_parse(&given, c, argc, argv))
        return -1;
    log_set_level(given.quiet ? LOG_QUIET : given.verbose ? LOG_VERBOSE : LOG_NORMAL);
    int result = 0;
    if (given.help)
        help_command(c, stdout);
    else
        result = c->run(&given);
    options_free(&given);
    return result;
}

/* `unblend help [COMMAND | config]` */
static int run_help(int argc, char **argv)
{
    if (argc > 2)
        return fail(STATUS_USAGE, "help: one argument too many: %.80s (see `unblend --help`)",
                    argv[2]);
    if (argc < 2) {
        help_overview(stdout);
    } else if (!strcmp(argv[1], "config")) {
        keys_print(stdout);
    } else {
        const command *c = command_find(argv[1]);
        if (!c)
            return -1;
        help_command(c, stdout);
    }
    return 0;
}

static int run_global_option(const char *option)
{
    if (!strcmp(option, "--help") || !strcmp(option, "-h")) {
        help_overview(stdout);
        return 0;
    }
    if (!strcmp(option, "--version")) {
        puts("unblend " UB_VERSION);
        return 0;
    }
    guess g = guess_of(option);
    guess_offer(&g, "--help", "--help");
    guess_offer(&g, "--version", "--version");
    return fail(
        STATUS_USAGE,
        "unknown option %.80s%s (options of a command stand after it; see `unblend --help`)",
        option, g.hint);
}

static int run(int argc, char **argv)
{
    if (argc < 2)
        return fail(STATUS_USAGE, "no command given (see `unblend --help`)");
    if (*argv[1] == '-')
        return run_global_option(argv[1]);
    if (!strcmp(argv[1], "help"))
        return run_help(argc - 1, argv + 1);
    const command *c = command_find(argv[1]);
    return c ? run_command(c, argc - 1, argv + 1) : -1;
}

int main(int argc, char **argv)
{
    occupy_standard_descriptors();
    signals_inherit();
    signal(SIGPIPE, SIG_IGN); /* writing reports it; a training run outlives its reader */
    int result = run(argc, argv);
    log_live_end();
    if (!result)
        result = flush_results();
    else
        fflush(stdout);
    if (!result)
        return STATUS_OK;
    fprintf(stderr, "unblend: %s\n", error_message());
    return error_status() ? (int)error_status() : STATUS_RUNTIME;
}
