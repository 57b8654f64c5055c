/*
 * How an INI file writes a value: bare or in '...', where every byte counts as it is, or in "...",
 * where \\ is a backslash and \xHH any byte but zero. Behind a value, and where a bare one could
 * begin, ; or # begins a comment; inside a bare value only after a blank, so that /data/C#/x is
 * what it seems.
 */
#ifndef BASE_QUOTING_H
#define BASE_QUOTING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

static inline bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* Cuts blanks off both ends, in place; returns the new start. */
char *value_strip(char *text);

/* Where the value that starts at text ends: behind its closing quote or, if it is bare, before a
 * comment, before a byte of `stops`, or at the end, blanks before those left out. NULL if the
 * closing quote is missing. */
char *value_end(char *text, const char *stops);

/* The same in a text without comments. */
char *value_item_end(char *text, const char *stops);

/* Warns of a ; or # in a value that is bare: other readers of INI files would cut it there. */
void value_warn_of_comment(const char *value, const char *name, const char *where);

/* In place. STATUS_USAGE for a backslash that begins neither \\ nor \xHH. where ("file:line") and
 * name are for messages. */
int value_unescape(char *text, const char *name, const char *where);

/* The same with quotes around it, or none. */
int value_unquote(char **text, const char *name, const char *where);

/* In "...", as UTF-8 text on one line, whatever bytes it is made of. */
void value_write(const char *text, FILE *out);

/* How many bytes value_write() puts between the quotes. */
size_t value_written_length(const char *text);

#endif
