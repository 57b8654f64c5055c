#include "config/ini.h"

#include "base/error.h"
#include "base/memory.h"
#include "config/keys.h"
#include "config/quoting.h"
#include <errno.h>
#include <fcntl.h>
#include <iniparser/iniparser.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

/* What the text says of one row of the key table. */
typedef struct entry {
    int line;    /* 0 where the text does not set it */
    char quote;  /* the quotes around the value, or 0 */
    char *value; /* as it is meant */
} entry;

struct ini {
    entry *entries; /* one per row */
};

/* ---- The scan ---- */

typedef struct scan {
    int line;
    char where[512]; /* "origin:line" */
    char section[INI_LINE_LIMIT + 1];
    entry *entries;
    FILE *out; /* what iniparser reads: the entries, each below its section */
} scan;

/* Cuts blanks off both ends, in place; returns the new start. */
static char *strip(char *text)
{
    text += strspn(text, " \t");
    size_t length = strlen(text);
    while (length && strchr(" \t", text[length - 1]))
        length--;
    text[length] = '\0';
    return text;
}

static int scan_section(scan *s, char *line)
{
    char *end = line + strlen(line) - 1;
    if (*end != ']')
        return fail(STATUS_USAGE, "%s: a section is written [name], alone on its line", s->where);
    *end = '\0';
    const char *name = strip(line + 1);
    if (!strcasecmp(name, "search") || !strcasecmp(name, "space") || !strcasecmp(name, "final"))
        return fail(STATUS_USAGE,
                    "%s: [%s] belongs to the space of a search, which `unblend search` takes; a "
                    "config has no such section",
                    s->where, name);
    if (!key_section_exists(name, strlen(name)))
        return key_unknown_section(name, s->where);
    snprintf(s->section, sizeof s->section, "%s", name);
    return 0;
}

/* iniparser would take any ; or # of a bare value for a comment, so those that are none pass it in
 * disguise: as bytes that the scan lets nobody write. */
static const char disguised[] = ";#", disguises[] = "\1\2";

static void swap_bytes(char *text, const char *from, const char *to)
{
    for (; *text; text++) {
        const char *found = strchr(from, *text);
        if (found)
            *text = to[found - from];
    }
}

static int scan_value(scan *s, const key *k, char *value)
{
    char *end = value_end(value, "");
    if (!end)
        return fail(STATUS_USAGE, "%s: %s: the closing %c is missing", s->where, k->name, *value);
    const char *behind = end + strspn(end, " \t");
    if (*behind && *behind != ';' && *behind != '#')
        return fail(STATUS_USAGE, "%s: %s: there is text after the closing %c", s->where, k->name,
                    *value);
    *end = '\0';
    if (*value == '"' || *value == '\'') {
        s->entries[k - keys].quote = *value;
    } else {
        if (k->type == KEY_TEXT)
            value_warn_of_comment(value, k->name, s->where);
        swap_bytes(value, disguised, disguises);
    }
    fprintf(s->out, "[%s]\n%s = %s\n", s->section, k->name + strlen(s->section) + 1, value);
    return 0;
}

static int scan_entry(scan *s, char *line)
{
    char *equals = strchr(line, '=');
    if (!equals || equals == line)
        return fail(STATUS_USAGE, "%s: expected [section], key = value, or ; comment", s->where);
    *equals = '\0';
    const char *bare = strip(line);
    if (!*s->section)
        return fail(STATUS_USAGE,
                    "%s: %.80s stands outside a section; put a line such as [model] above it",
                    s->where, bare);
    char name[2 * INI_LINE_LIMIT + 2];
    snprintf(name, sizeof name, "%s.%s", s->section, bare);
    const key *k = key_find(name);
    if (!k)
        return key_unknown(name, s->where);
    int *first = &s->entries[k - keys].line;
    if (*first)
        return fail(STATUS_USAGE, "%s: %s is set twice, first on line %d; remove one", s->where,
                    k->name, *first);
    *first = s->line;
    return scan_value(s, k, strip(equals + 1));
}

/* ---- Lines ---- */

static int check_bytes(const char *text, size_t length, const char *where)
{
    if (length > INI_LINE_LIMIT)
        return fail(STATUS_USAGE, "%s: the line is %zu bytes long (allowed: at most %d)", where,
                    length, INI_LINE_LIMIT);
    for (size_t i = 0; i < length; i++) {
        unsigned char byte = (unsigned char)text[i];
        if ((byte < ' ' && byte != '\t') || byte == 0x7f)
            return fail(STATUS_USAGE, "%s: byte 0x%02x in column %zu is not text", where,
                        (unsigned)byte, i + 1);
    }
    if (length && text[length - 1] == '\\')
        return fail(STATUS_USAGE,
                    "%s: a line cannot be continued with a backslash; a value that ends with one "
                    "is put into '...'",
                    where);
    return 0;
}

static int scan_line(scan *s, const char *text, size_t length)
{
    char copy[INI_LINE_LIMIT + 1];
    memcpy(copy, text, length);
    copy[length] = '\0';
    char *line = strip(copy);
    if (!*line || *line == ';' || *line == '#')
        return 0;
    return *line == '[' ? scan_section(s, line) : scan_entry(s, line);
}

/* s: NULL to check the bytes only. */
static int scan_text(const char *text, size_t length, const char *origin, scan *s)
{
    for (int line = 1; length; line++) {
        char where[sizeof s->where];
        const char *newline = memchr(text, '\n', length);
        size_t whole = newline ? (size_t)(newline - text) + 1 : length, here = whole;
        snprintf(where, sizeof where, "%.400s:%d", origin, line);
        here -= newline != NULL;
        here -= here && text[here - 1] == '\r';
        while (here && is_blank(text[here - 1]))
            here--;
        if (check_bytes(text, here, where))
            return -1;
        if (s) {
            s->line = line;
            memcpy(s->where, where, sizeof where);
            if (scan_line(s, text, here))
                return -1;
        }
        text += whole;
        length -= whole;
    }
    return 0;
}

/* The mark that some editors put first. */
static size_t mark_length(const char *text, size_t length)
{
    return length >= 3 && !memcmp(text, "\xef\xbb\xbf", 3) ? 3 : 0;
}

int ini_check_bytes(const char *text, size_t length, const char *origin)
{
    size_t mark = mark_length(text, length);
    return scan_text(text + mark, length - mark, origin, NULL);
}

/* ---- iniparser ---- */

static _Thread_local char complaint[256]; /* iniparser's own message, instead of on stderr */

static int keep_complaint(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int length = vsnprintf(complaint, sizeof complaint, format, args);
    va_end(args);
    complaint[strcspn(complaint, "\n")] = '\0';
    return length;
}

/* A pipe that holds the text, to read from; -1 after fail(). A line for each key fits into one. */
static int pipe_holding(const char *text, size_t length, const char *origin)
{
    int ends[2];
    if (pipe(ends))
        return fail(STATUS_RUNTIME, "%s: cannot be read: no pipe: %s", origin, strerror(errno));
    fcntl(ends[1], F_SETFL, O_NONBLOCK);
    ssize_t written = write(ends[1], text, length);
    int why = errno;
    close(ends[1]);
    if (written == (ssize_t)length)
        return ends[0];
    close(ends[0]);
    return fail(STATUS_RUNTIME, "%s: cannot be read: %zu bytes do not fit into a pipe: %s", origin,
                length, strerror(written < 0 ? why : EAGAIN));
}

/* iniparser reads nothing but files with a name. A descriptor has one, and no place on a disk is
 * needed for it. */
static dictionary *load_text(const char *text, size_t length, const char *origin)
{
    char path[32];
    int fd = pipe_holding(text, length, origin);
    if (fd < 0)
        return NULL;
    dictionary *entries = NULL;
    snprintf(path, sizeof path, "/dev/fd/%d", fd);
    if (access(path, R_OK)) {
        fail(STATUS_RUNTIME, "%s: cannot be read: %s: %s", origin, path, strerror(errno));
        goto done;
    }
    iniparser_set_error_callback(keep_complaint);
    *complaint = '\0';
    entries = iniparser_load(path);
    if (!entries)
        fail(STATUS_USAGE, "%s: not an INI file: %s", origin,
             *complaint ? complaint : "iniparser cannot read it");
done:
    close(fd);
    return entries;
}

/* ---- Both ---- */

static int take_value(entry *e, const key *k, const dictionary *from, const char *origin)
{
    char name[64], where[512]; /* iniparser says section:key */
    snprintf(name, sizeof name, "%s", k->name);
    name[strcspn(name, ".")] = ':';
    e->value = copy_text(iniparser_getstring(from, name, ""));
    if (!e->value)
        return -1;
    if (!e->quote)
        swap_bytes(e->value, disguises, disguised);
    if (e->quote != '"')
        return 0;
    snprintf(where, sizeof where, "%.400s:%d", origin, e->line);
    return value_unescape(e->value, k->name, where);
}

static int take_values(ini *file, const char *text, size_t length, const char *origin)
{
    dictionary *from = load_text(text, length, origin);
    int result = from ? 0 : -1;
    for (size_t i = 0; i < key_count && !result; i++)
        if (file->entries[i].line)
            result = take_value(&file->entries[i], &keys[i], from, origin);
    if (from)
        iniparser_freedict(from);
    return result;
}

static int read_into(ini *file, const char *text, size_t length, const char *origin)
{
    char *scanned = NULL;
    size_t size = 0, mark = mark_length(text, length);
    scan s = {.entries = file->entries, .out = open_memstream(&scanned, &size)};
    if (!s.out)
        return fail(STATUS_MEMORY, "out of memory: %s", origin);
    int result = scan_text(text + mark, length - mark, origin, &s);
    bool broken = ferror(s.out);
    if ((fclose(s.out) || broken) && !result)
        result = fail(STATUS_MEMORY, "out of memory: %s", origin);
    if (!result)
        result = take_values(file, scanned, size, origin);
    free(scanned);
    return result;
}

int ini_read(ini **out, const char *text, size_t length, const char *origin)
{
    ini *file = allocate(1, sizeof *file);
    if (!file)
        return -1;
    file->entries = allocate(key_count, sizeof *file->entries);
    if (!file->entries || read_into(file, text, length, origin)) {
        ini_free(file);
        return -1;
    }
    *out = file;
    return 0;
}

void ini_free(ini *file)
{
    if (!file)
        return;
    for (size_t i = 0; file->entries && i < key_count; i++)
        free(file->entries[i].value);
    free(file->entries);
    free(file);
}

int ini_line(const ini *file, size_t i)
{
    return file->entries[i].line;
}

const char *ini_value(const ini *file, size_t i)
{
    return file->entries[i].value;
}
