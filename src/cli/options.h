/*
 * Options: one table (options.c) holds every option of every command. A command says with flags
 * which it accepts; parsing, checks of values, and help follow from the table.
 *
 *     options given;
 *     if (options_parse(&given, command, argc, argv)) ...
 *     options_free(&given);
 */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include "config/settings.h"
#include "models/model_file.h"
#include "search/space.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* What a command can accept beside --help, --quiet and --verbose. */
enum option_flag {
    OPTION_PLATFORM = 1 << 0,
    OPTION_DEVICE = 1 << 1,
    OPTION_RUN = 1 << 2,
    OPTION_SET = 1 << 3,
    OPTION_SEED = 1 << 4,
    OPTION_FORCE = 1 << 5,
    OPTION_STRICT = 1 << 6,
    OPTION_BATCH = 1 << 7,
    OPTION_RUNS = 1 << 8,
    OPTION_SAMPLES = 1 << 9,
    OPTION_COUNT = 1 << 10,
    OPTION_DATA = 1 << 11,
    OPTION_JSON = 1 << 12,
    OPTION_RESUME = 1 << 13,
    OPTION_TRIALS = 1 << 14,
    OPTION_TRAIN_BEST = 1 << 15,
    OPTION_TRAIN_BATCH = 1 << 16, /* --batch too, but it means train.batch */
    OPTION_QUICK = 1 << 17,
    OPTION_PROJECT = 1 << 18,
    OPTION_HELD_OUT = 1 << 19,
    OPTION_FROM = 1 << 20,
    OPTION_CONFIG = 1 << 21,
    OPTION_CLEAN = 1 << 22,
    OPTIONS_PICTURES = 1 << 23, /* --colour, --depth, --residual, --gallery, --truth, --memory */
    OPTIONS_COMPUTE = OPTION_PLATFORM | OPTION_DEVICE
};

/* Texts and arguments point into argv. */
typedef struct options {
    bool help, quiet, verbose;
    bool force, strict, json, train_best, quick, project, held_out, clean, residual, gallery;
    const char *platform, *device, *run, *resume, *data, *from, *config; /* NULL: not given */
    const char *colour, *depth, *truth;                                  /* likewise */
    long seed, trials, train_batch, memory;                              /* -1: not given */
    long batch, runs, samples, count; /* the default where not given */
    const char **sets;                /* the "section.key=value" of each --set */
    size_t set_count;
    char **arguments; /* the positional ones */
    int argument_count;
} options;

struct command;

/*
 * argv[0] is the command's own name. Options may come before, between and after the arguments,
 * which argv is reordered for; "--" ends them. With --help nothing after it is looked at, and the
 * number of arguments does not matter. On failure there is nothing to release.
 */
int options_parse(options *out, const struct command *c, int argc, char **argv);
void options_free(options *given);

/* The settings of path (NULL: none) under what was given: --set, and --platform, --device, --data,
 * --seed and --batch (OPTION_TRAIN_BATCH) as device.platform, device.device, data.directory,
 * train.seed and train.batch (which then does not grow). */
int options_settings(const options *given, const char *path, settings **out);

/* A model file; what was given overrides its own settings. */
int options_model(const options *given, const char *path, model_file *out);

/* Of a command that makes its second argument, a file, of the first: STATUS_USAGE if they are one file, or if there is
 * one that --force would write over. */
int options_output(const options *given);

/* The space of a search; what was given overrides its base. */
int options_space(const options *given, const char *path, space **out);

/* The help lines of the common options and of those that `accepted` has. */
void options_print(unsigned accepted, FILE *out);

#endif
