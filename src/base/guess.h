/*
 * "Did you mean": which of the known names a mistyped one is closest to.
 *
 *     guess g = guess_of(typed);
 *     for (every known name)
 *         guess_offer(&g, name, name);
 *     return fail(STATUS_USAGE, "unknown key %s%s", typed, g.hint);
 */
#ifndef BASE_GUESS_H
#define BASE_GUESS_H

#include <stddef.h>

typedef struct guess {
    const char *typed;
    size_t distance; /* of the best name so far; typing errors beyond it are too many */
    char hint[96];   /* "; did you mean NAME?", or "" while no name is close */
} guess;

guess guess_of(const char *typed);

/* Compares with name, ignoring case; `shown` is what the hint would say. */
void guess_offer(guess *g, const char *name, const char *shown);

#endif
