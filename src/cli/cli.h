/*
 * The command line's frame: what a command declares about itself. commands.c lists them all,
 * options.c knows every option, help.c prints both, main.c turns results into exit codes.
 *
 * A new command is a file cmd_x.c with its run function, a declaration below, and a row of the
 * table in commands.c; its help and the checks of its arguments follow from the row.
 */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include "cli/options.h"
#include <stddef.h>
#include <stdio.h>

typedef struct command {
    const char *name;
    const char *summary;     /* one line, for the list of commands */
    const char *arguments;   /* the positional ones, as the usage line shows them */
    const char *description; /* what it does with them: whole lines, at most 80 columns */
    const char *examples;    /* whole command lines */
    unsigned options;        /* enum option_flag: which it accepts beyond the common ones */
    int least, most;         /* how many positional arguments */
    int (*run)(const options *given); /* 0, or -1 after fail() */
} command;

extern const command commands[];
extern const size_t command_count;

/* NULL after fail(STATUS_USAGE, ...) with the likely intention. */
const command *command_find(const char *name);

/* `unblend --help`, and `unblend NAME --help`. */
void help_overview(FILE *out);
void help_command(const command *c, FILE *out);

int command_devices(const options *given);
int command_train(const options *given);
int command_search(const options *given);
int command_separate(const options *given);
int command_evaluate(const options *given);
int command_plot(const options *given);
int command_mix(const options *given);
int command_info(const options *given);
int command_selftest(const options *given);
int command_bench(const options *given);
int command_tune(const options *given);

#endif
