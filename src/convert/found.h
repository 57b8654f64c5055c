/*
 * The settings that are found in a model of another program, and what it does not contain, which the defaults of the
 * config are assumed for.
 *
 *     found f = {.activation_unknown = true};
 *     found_say(&f, "model.filters", "%ld", 12L);
 *     if (found_settings(&f, &settings, "model.h5", overrides, count)) ...
 *     found_warn(&f, settings, "model.h5", overrides, count, "change it with");
 */
#ifndef CONVERT_FOUND_H
#define CONVERT_FOUND_H

#include "config/settings.h"

enum { FOUND_MAX = 16 };

/* Starts as {0}. */
typedef struct found {
    char texts[FOUND_MAX][96]; /* "section.key=value" */
    size_t count;
    bool activation_unknown; /* of a U-Net */
    bool size_unknown;       /* of the pictures */
} found;

void found_say(found *f, const char *key, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void found_say_truth(found *f, const char *key, bool value);

/* data.sources, if there are more than its default of two. STATUS_DATA for a number that unblend does not support. */
int found_say_sources(found *f, long sources, const char *path);

/* data.size from a table with a position for each token, which are the pixels of pictures halved three times; unknown
 * if the number is no square. */
void found_say_size(found *f, long tokens);

/* The overrides ("section.key=value") over what was found. STATUS_DATA, with the path, for what is no network. */
int found_settings(const found *f, settings **out, const char *path, const char *const *overrides,
                   size_t count);

/* Warns of what was assumed and no override gives; hint: how to do so. */
void found_warn(const found *f, const settings *s, const char *path, const char *const *overrides,
                size_t count, const char *hint);

#endif
