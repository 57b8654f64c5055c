/*
 * Every key of a config, declared once: type, default, what is allowed, meaning, and the member of
 * struct config that it fills. A new key is a new row of keys_table.c and a new member in config.h;
 * settings, messages and help follow.
 *
 * Other objects can be filled from rows of their own (the [search] section of a space).
 */
#ifndef CONFIG_KEYS_H
#define CONFIG_KEYS_H

#include "base/ini.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* The type of a key, and what its member is. */
enum key_type {
    KEY_INT,  /* int; of choices, if there are such */
    KEY_REAL, /* double */
    KEY_FLAG, /* bool: true or false */
    KEY_TEXT, /* char *: any bytes but zero, at most KEY_TEXT_LIMIT as value_write() writes them */
    KEY_CHOICE, /* an enum that numbers the words of choices in their order */
    KEY_WORD,   /* char *: one of the words in choices */
    KEY_NAME,   /* char[KEY_NAME_LIMIT + 1]: of a-z 0-9 _ - : safe in file names and tables */
    KEY_SIZE,   /* struct image_format, its height and width: HEIGHTxWIDTH */
    KEY_RANGE   /* struct value_range: "LOW .. HIGH", or one number for both */
};

enum { KEY_TEXT_LIMIT = 900, KEY_NAME_LIMIT = 32 }; /* such a value fits on a line of an INI file */

/* A row may be a family of keys, of which a config has any number. Its name is "section.*"; the * is replaced by */
enum key_family {
    FAMILY_NONE,
    FAMILY_EPOCHS,  /* an epoch; the value is a list of patterns of parameter names */
    FAMILY_PATTERNS /* such a pattern; the value is a number */
};

typedef struct key {
    const char *name; /* "section.key" */
    enum key_type type;
    size_t field;            /* where in the object; of a list, its first item */
    size_t count;            /* lists: where in the object the int is that counts the items */
    int fewest, most;        /* lists: how many items are allowed; most is 0 if it is no list */
    enum key_family family;  /* the object has a list of texts, "NAME=VALUE" (family.h) */
    int stage;               /* of the network; 0 also where it is not about one */
    const char *initial;     /* the default, as it would be written in an INI file */
    double low, high;        /* numbers and sizes */
    bool above_low;          /* low itself is not allowed */
    const char *choices;     /* "one|another" */
    bool filled;             /* text: not empty */
    const char *environment; /* the variable that overrides the INI file, or NULL */
    const char *flag;        /* the option that does, beside --set, or NULL */
    const char *help;        /* one line */
} key;

/* The table; rows of one section are adjacent. */
extern const key keys[];
extern const size_t key_count;

/* The row called `name` ("section.key", in any case), or of the family that it belongs to; or NULL. */
const key *key_find(const char *name);

/* Compared in any case. */
bool key_is_in(const key *k, const char *section);

/* The first key of that section, or NULL if there is no such section. */
const key *key_first_in(const char *section);

/* STATUS_USAGE: an unknown key, what it was renamed to or probably should be. where is "file:line" or
 * such. */
int key_unknown(const char *name, const char *where);

/* The table as an INI grammar. */
int key_ini_section(const char *section, const char *where);
int key_ini_key(const char *section, const char *name, const char *where, ini_key *out);

/* Prints "[section]" if the i-th row is the first of its section. */
void key_write_section(size_t i, FILE *out);

/* The reference table. It is an INI file itself: every key with its default, explained. */
void keys_print(FILE *out);

/* ---- Values (key_values.c) ---- */

/*
 * Checks text, converts it and writes it into the object, whose earlier value it releases. A list is
 * "item, item", where an item in quotes may hold anything. On failure the object can still be
 * released.
 */
int key_parse(const key *k, const char *text, const char *where, void *object);

/*
 * A key of a family: bare is its own part of the name. It takes its place among those that are there, or
 * that of the same name; an empty text removes it. With in_order, an epoch that does not come after those
 * that are there is a mistake.
 */
int key_parse_member(const key *k, const char *bare, const char *text, bool in_order,
                     const char *where, void *object);

/* Turns the texts of a flat copy into texts of its own. On failure it can be released. */
int key_own(const key *k, void *copy);
void key_release(const key *k, void *object);

/* "name = value" as a line that parses back to the same value; of a family a line for each key. */
void key_write(const key *k, const void *object, FILE *out);

/* One text for each value of a key of the table, however it was written; NULL after fail() if it is
 * not allowed. Release with free(). */
char *key_normalize(const key *k, const char *text, const char *where);

void key_write_allowed(const key *k, FILE *out);

/* STATUS_USAGE for where, k = text: why, and what is allowed. hint: "" or more to say. */
int key_refuse(const key *k, const char *text, const char *where, const char *why,
               const char *hint);

#endif
