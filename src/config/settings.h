/*
 * Settings: what an INI file, the environment and the command line say, checked against one table
 * (keys_table.c) that declares every key with its type, default, range and meaning, and put into a
 * struct config.
 *
 * Strict: an unknown section or key, a duplicate, a wrong type, a value out of range is
 * STATUS_USAGE with file, line, key, what is allowed and, for a near miss, "did you mean".
 * Precedence: --set > environment > INI > default; of several --set of one key the last counts.
 *
 *     settings *s;
 *     if (settings_load(&s, "configs/unet.ini", NULL, 0)) ...
 *     int filters = s->stages[0].filters;
 *     settings_free(s);
 */
#ifndef CONFIG_SETTINGS_H
#define CONFIG_SETTINGS_H

#include "base/ini.h"
#include "config/config.h"
#include <stdbool.h>
#include <stddef.h>

typedef struct config settings;

/* path may be NULL (defaults only). overrides are "section.key=value". A train.start_from that is no file is also
 * looked for beside path. */
int settings_load(settings **out, const char *path, const char *const *overrides, size_t count);

/* Lets a train.start_from that is no file be one beside config. */
int settings_look_beside(settings *s, const char *config);

/* The same from text in memory; messages name origin instead of a path. */
int settings_parse(settings **out, const char *text, const char *origin,
                   const char *const *overrides, size_t count);

/* The same from those entries of a text that are in sections of a config. */
int settings_take(settings **out, const ini *file, const char *origin, const char *const *overrides,
                  size_t count);

/* The same from a model's metadata: its training may have ended before a schedule of freezing did. */
int settings_parse_trained(settings **out, const char *text, const char *origin,
                           const char *const *overrides, size_t count);

/* The same, but only what the text itself says: the environment is not looked at. */
int settings_parse_alone(settings **out, const char *text, const char *origin);

/* STATUS_USAGE, saying what path is, if it is a directory or not an INI file. what
 * ("config") is needed, and in a directory goes by the name ("config.ini"). */
int settings_check_file(const char *path, const char *what, const char *name);

/* A copy of base under overrides; neither files nor the environment are looked at again. trained: as in
 * settings_parse_trained(). */
int settings_derive(settings **out, const settings *base, const char *const *overrides,
                    size_t count, bool trained);
void settings_free(settings *s);

/* The effective settings as an INI text with every key, which settings_parse reads back to the
 * same values; release with free(). */
char *settings_ini(const settings *s);

/* The same, but data.names and train.source_weights stay empty if nobody gave them, so that they still
 * follow from data.sources when that changes. */
char *settings_ini_open(const settings *s);

/* As settings_ini(), without a section, e.g. what a model file must not carry to another machine. */
char *settings_ini_without(const settings *s, const char *section);

#endif
