#include "config/ini.h"

#include "base/error.h"
#include "base/memory.h"
#include "config/keys.h"
#include <errno.h>
#include <iniparser/iniparser.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

struct ini {
    dictionary *entries;
    int *lines; /* per row of the key table; 0 where the text does not set it */
};

enum { LINE_LIMIT = 1000 }; /* iniparser's own is 1022 bytes */

/* ---- The scan ---- */

typedef struct scan {
    int line;
    char where[512]; /* "origin:line" */
    char section[LINE_LIMIT + 1];
    int *lines;
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
    if (!key_section_exists(name, strlen(name)))
        return key_unknown_section(name, s->where);
    snprintf(s->section, sizeof s->section, "%s", name);
    return 0;
}

/* iniparser would end an open quote at the end of the line and drop what follows a closed one. */
static int scan_quotes(const scan *s, const char *name, const char *value)
{
    if (*value != '"' && *value != '\'')
        return 0;
    const char *end = strchr(value + 1, *value);
    if (!end)
        return fail(STATUS_USAGE, "%s: %s: the closing %c is missing", s->where, name, *value);
    end++;
    end += strspn(end, " \t");
    if (*end && *end != ';' && *end != '#')
        return fail(STATUS_USAGE, "%s: %s: there is text after the closing %c", s->where, name,
                    *value);
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
    char name[2 * LINE_LIMIT + 2];
    snprintf(name, sizeof name, "%s.%s", s->section, bare);
    const key *k = key_find(name);
    if (!k)
        return key_unknown(name, s->where);
    int *first = &s->lines[k - keys];
    if (*first)
        return fail(STATUS_USAGE, "%s: %s is set twice, first on line %d; remove one", s->where,
                    k->name, *first);
    *first = s->line;
    return scan_quotes(s, k->name, strip(equals + 1));
}

static int scan_bytes(const scan *s, const char *text, size_t length)
{
    if (length > LINE_LIMIT)
        return fail(STATUS_USAGE, "%s: the line is %zu bytes long (allowed: at most %d)", s->where,
                    length, LINE_LIMIT);
    for (size_t i = 0; i < length; i++) {
        unsigned char byte = (unsigned char)text[i];
        if ((byte < ' ' && byte != '\t') || byte == 0x7f)
            return fail(STATUS_USAGE, "%s: byte 0x%02x in column %zu is not text", s->where,
                        (unsigned)byte, i + 1);
    }
    if (length && text[length - 1] == '\\')
        return fail(STATUS_USAGE, "%s: a line cannot be continued with a backslash", s->where);
    return 0;
}

static int scan_line(scan *s, const char *text, size_t length)
{
    if (length && text[length - 1] == '\r')
        length--;
    while (length && strchr(" \t", text[length - 1]))
        length--;
    if (scan_bytes(s, text, length))
        return -1;
    char copy[LINE_LIMIT + 1];
    memcpy(copy, text, length);
    copy[length] = '\0';
    char *line = strip(copy);
    if (!*line || *line == ';' || *line == '#')
        return 0;
    return *line == '[' ? scan_section(s, line) : scan_entry(s, line);
}

static int scan_text(const char *text, size_t length, const char *origin, int *lines)
{
    scan s = {.lines = lines};
    while (length) {
        const char *newline = memchr(text, '\n', length);
        size_t here = newline ? (size_t)(newline - text) : length;
        s.line++;
        snprintf(s.where, sizeof s.where, "%.400s:%d", origin, s.line);
        if (scan_line(&s, text, here))
            return -1;
        here += newline != NULL;
        text += here;
        length -= here;
    }
    return 0;
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

static int write_file(int fd, const char *text, size_t length)
{
    FILE *file = fdopen(fd, "w");
    if (!file) {
        close(fd);
        return -1;
    }
    size_t written = fwrite(text, 1, length, file);
    return fclose(file) || written != length ? -1 : 0;
}

/* iniparser reads nothing but files with a name, so the scanned text passes through one: what is
 * read is what was scanned, wherever it came from. */
static dictionary *load_text(const char *text, size_t length, const char *origin)
{
    const char *directory = getenv("TMPDIR");
    char *path = format_text("%s/unblend-ini-XXXXXX", directory && *directory ? directory : "/tmp");
    if (!path)
        return NULL;
    dictionary *entries = NULL;
    int fd = mkstemp(path);
    if (fd < 0 || write_file(fd, text, length)) {
        fail(STATUS_RUNTIME, "%s: cannot be written: %s; set TMPDIR to a directory with room", path,
             strerror(errno));
        goto done;
    }
    iniparser_set_error_callback(keep_complaint);
    *complaint = '\0';
    entries = iniparser_load(path);
    if (!entries)
        fail(STATUS_USAGE, "%s: not an INI file: %s", origin,
             *complaint ? complaint : "iniparser cannot read it");
done:
    if (fd >= 0)
        unlink(path);
    free(path);
    return entries;
}

int ini_read(ini **out, const char *text, size_t length, const char *origin)
{
    if (length >= 3 && !memcmp(text, "\xef\xbb\xbf", 3)) { /* the mark some editors put first */
        text += 3;
        length -= 3;
    }
    ini *file = allocate(1, sizeof *file);
    if (!file)
        return -1;
    file->lines = allocate(key_count, sizeof *file->lines);
    if (!file->lines || scan_text(text, length, origin, file->lines))
        goto failed;
    file->entries = load_text(text, length, origin);
    if (!file->entries)
        goto failed;
    *out = file;
    return 0;
failed:
    ini_free(file);
    return -1;
}

void ini_free(ini *file)
{
    if (!file)
        return;
    if (file->entries)
        iniparser_freedict(file->entries);
    free(file->lines);
    free(file);
}

int ini_line(const ini *file, size_t i)
{
    return file->lines[i];
}

const char *ini_value(const ini *file, size_t i)
{
    char entry[64]; /* iniparser says section:key */
    snprintf(entry, sizeof entry, "%s", keys[i].name);
    entry[strcspn(entry, ".")] = ':';
    return iniparser_getstring(file->entries, entry, "");
}
