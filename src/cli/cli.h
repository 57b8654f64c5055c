/*
 * The command line's frame: what a command declares about itself. commands.c lists them all,
 * options.c knows every option, help.c prints both, main.c turns results into exit codes.
 *
 * A new command is a file cmd_x.c with an x_command, and a row of the list in commands.c; its help and
 * the checks of its arguments follow from what it declares.
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

/* The i-th, NULL behind the last. */
const command *command_at(size_t i);

/* NULL after fail(STATUS_USAGE, ...) with the likely intention. */
const command *command_find(const char *name);

/* `unblend --help`, and `unblend NAME --help`. */
void help_overview(FILE *out);
void help_command(const command *c, FILE *out);

#endif
