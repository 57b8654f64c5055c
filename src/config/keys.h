/*
 * Every key of the settings, declared once: type, default, what is allowed, meaning.
 * A new key is a new row of the table in keys.c; settings, messages and help follow.
 */
#ifndef CONFIG_KEYS_H
#define CONFIG_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum key_type {
    KEY_INT,
    KEY_REAL,
    KEY_FLAG,   /* true or false */
    KEY_TEXT,   /* any bytes but zero, at most KEY_TEXT_LIMIT as value_write() writes them */
    KEY_CHOICE, /* one of the words in choices */
    KEY_NAME    /* 1 to 32 of a-z 0-9 _ - : safe in file names and tables */
};

enum { KEY_TEXT_LIMIT = 900 }; /* such a value still fits on a line of an INI file */

typedef struct key {
    const char *name; /* "section.key" */
    enum key_type type;
    const char *initial;     /* the default, as it would be written in an INI file */
    double low, high;        /* numbers */
    bool above_low;          /* low itself is not allowed */
    const char *choices;     /* "one|another" */
    bool filled;             /* text: not empty */
    const char *environment; /* the variable that overrides the INI file, or NULL */
    const char *flag;        /* the option that does, beside --set, or NULL */
    const char *help;        /* one line */
} key;

/* A parsed value; which member counts follows from the key's type. */
typedef struct key_value {
    long whole;
    double real;
    bool flag;
    char *text; /* text, choice and name; owned by whoever holds the value */
} key_value;

/* The table; rows of one section stand together. */
extern const key keys[];
extern const size_t key_count;

/* The row called `name` ("section.key", in any case), or NULL. */
const key *key_find(const char *name);

/* Whether any key stands in that section, compared over `length` bytes in any case. */
bool key_section_exists(const char *section, size_t length);

/* STATUS_USAGE: an unknown key or section and the likely intention. where is "file:line" or such. */
int key_unknown(const char *name, const char *where);
int key_unknown_section(const char *section, const char *where);

/* Checks text and converts it; *out is written only on success. */
int key_parse(const key *k, const char *text, const char *where, key_value *out);

/* Prints "name = value" as a line that parses back to the same value. */
void key_write(const key *k, const key_value *value, FILE *out);

/* Prints "[section]" if the i-th row is the first of its section. */
void key_write_section(size_t i, FILE *out);

/* The reference table. It is an INI file itself: every key with its default, explained. */
void keys_print(FILE *out);

#endif
