/*
 * Which run a command trains or searches in: a new one from a file, or an old one from the file that
 * is in it (--resume RUN).
 */
#ifndef CLI_RUN_CHOICE_H
#define CLI_RUN_CHOICE_H

#include "cli/options.h"

/* What a command calls its file, and what it is called in a run's directory. */
struct run_file {
    const char *command;  /* "train" */
    const char *argument; /* "CONFIG" */
    const char *inside;   /* "config.ini" */
};

typedef struct run_choice {
    char *file, *run;
    bool resume;
} run_choice;

/* `--resume RUN`, or FILE with --run, by default runs/NAME for a file called NAME.ini. STATUS_USAGE if
 * there is neither. Release it also after a failure. */
int run_choice_make(run_choice *c, const options *given, const struct run_file *of);
void run_choice_release(run_choice *c);

/* Whether the directory of the run is there, and whether anything is in it. STATUS_USAGE if it is not
 * there to be resumed. */
int run_choice_look(const run_choice *c, bool *filled);

#endif
