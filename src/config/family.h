/*
 * Families of keys ([freeze], [unfreeze], [rate]), whose names the user makes up. A config holds the keys
 * of a family as texts, "NAME=VALUE": of [unfreeze], "5 = encoder*, heads*" is "5=encoder*, heads*". Epochs are
 * in order.
 *
 *     pattern p;
 *     for (const char *rest = family_value(text); family_next_pattern(&rest, &p);)
 *         use(p.text);
 */
#ifndef CONFIG_FAMILY_H
#define CONFIG_FAMILY_H

#include <stdbool.h>

enum { PATTERN_LIMIT = 100 };

/* Of names of parameters: a shell pattern of a-z, 0-9 and _/-*?[]!, where * matches slashes too. */
typedef struct pattern {
    char text[PATTERN_LIMIT + 1];
} pattern;

bool pattern_is_valid(const char *text);

/* What a text has before its "=". */
pattern family_name(const char *text);

/* The number that a text of epochs begins with. */
long family_epoch(const char *text);

/* What a text has behind its "=". */
const char *family_value(const char *text);

/* Takes the next pattern off a list; false at its end. */
bool family_next_pattern(const char **list, pattern *out);

#endif
