/*
 * INI text, read strictly. iniparser does the reading, but it lets much pass and misreads some of
 * it, so a scan of ours goes first and refuses, with file and line: unknown sections and keys,
 * duplicates, keys outside a section, lines that are too long or continued, bytes that are not
 * text, and quotes left open. quoting.h says how values are written. A grammar
 * says which sections and keys there are.
 *
 *     ini *file;
 *     if (ini_read(&file, text, length, "unet.ini", &grammar)) ...
 *     for (size_t i = 0; i < file->count; i++)
 *         use(file->entries[i].name, file->entries[i].value);
 *     ini_free(file);
 */
#ifndef BASE_INI_H
#define BASE_INI_H

#include "base/error.h"
#include <stdbool.h>
#include <stddef.h>

enum { INI_LINE_LIMIT = 1000, INI_WHERE_SIZE = 512 }; /* bytes; iniparser's own limit is 1022 */

/* A key, and how its value is written. */
typedef struct ini_key {
    const char *name;       /* what messages call it; outlives the ini */
    const char *separators; /* NULL, or what separates the items of a list */
    bool verbatim;          /* the value is the rest of the line: no quotes, no comment */
    bool warns;             /* of a ; or # in a bare value */
    bool many;              /* one of many keys that share the name and differ in ini_entry.bare */
} ini_key;

/* Both functions fail for what they do not know. Names are as they are written; where is
 * "origin:line". */
typedef struct ini_grammar {
    enum status refusal; /* the status of what the reader itself refuses */
    const char *usual;   /* a section, as an example in messages */
    int (*section)(const char *name, const char *where);
    int (*key)(const char *section, const char *name, const char *where, ini_key *out);
} ini_grammar;

/* In the order of the text. A line with a section has no name and no value. */
typedef struct ini_entry {
    int line;
    char *section;    /* as it is written */
    const char *name; /* the grammar's */
    const char *bare; /* the text before the =, as written */
    /* Without quotes and escapes; but a list as it is written, without comment, each item quoted or
     * bare. */
    char *value;
    bool is_plain; /* neither a list nor verbatim */
    char *label;   /* iniparser's name of it: "section:key" */
} ini_entry;

typedef struct ini {
    ini_entry *entries;
    size_t count, capacity;
} ini;

/* origin names the file in messages. */
int ini_read(ini **out, const char *text, size_t length, const char *origin,
             const ini_grammar *grammar);
void ini_free(ini *file);

/* "origin:line", for messages. */
void ini_where(char where[INI_WHERE_SIZE], const char *origin, int line);

#endif
