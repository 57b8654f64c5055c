/*
 * The space that a search goes through: an INI file with all the sections of a training's config,
 * the base of every trial, and three of its own.
 *
 *     [search]                                    how to search; all have defaults
 *     strategy = halving                          random or halving (search.h)
 *     trials = 50
 *     eta = 3                                     halving: one in eta trials continues
 *     min_epochs = 1                              halving: what every trial gets
 *
 *     [space]                                     the keys that are searched
 *     model.filters = 32 | 64 | 128               one of a list, or
 *     train.learning_rate = 1e-4 .. 1e-2 log      anything in a range, log or linear
 *
 *     [final]                                     over the winner's config, for its training
 *     train.epochs = 100
 *
 * As strict as settings.h: what is unknown, set twice, of the wrong type or out of range is
 * STATUS_USAGE with file and line.
 *
 *     space *s;
 *     if (space_load(&s, "configs/search.ini", NULL, 0)) ...
 *     space_free(s);
 */
#ifndef SEARCH_SPACE_H
#define SEARCH_SPACE_H

#include "config/keys.h"
#include "config/settings.h"
#include <stdbool.h>
#include <stddef.h>

enum strategy { STRATEGY_RANDOM, STRATEGY_HALVING };
enum { TRIALS_LIMIT = 10000 };

/* "section.key = text"; line: of the file, 0 for none. */
typedef struct assignment {
    const key *key;
    char *text;
    int line;
} assignment;

typedef struct choice {
    char *text;   /* as it was written, without quotes */
    char *normal; /* key_normalize() of it */
} choice;

/* One searched key: a list of choices, or where there are none, a range of whole or real numbers. */
typedef struct dimension {
    assignment written;
    choice *choices;
    size_t count, capacity;
    double low, high;
    bool logarithmic;
} dimension;

typedef struct space {
    settings *base;
    enum strategy strategy;
    int trials, eta, min_epochs;
    dimension *dimensions; /* in the order of the file */
    size_t count, capacity;
    assignment *final;
    size_t final_count, final_capacity;
} space;

/* overrides are "section.key=value" for the base, as in settings_load. */
int space_load(space **out, const char *path, const char *const *overrides, size_t count);

/* The same from text in memory; messages name origin instead of a path. */
int space_parse(space **out, const char *text, const char *origin, const char *const *overrides,
                size_t count);
void space_free(space *s);

/* What space_load reads back to the same space, overrides and all; release with free(). */
char *space_ini(const space *s);

/* The base, under a value for each dimension, under more assignments. */
int space_settings(const space *s, char *const *values, const assignment *more, size_t more_count,
                   settings **out);

#endif
