#define _GNU_SOURCE /* memfd_create */
#include "base/ini.h"

#include "base/memory.h"
#include "base/quoting.h"
#include <errno.h>
#include <iniparser/iniparser.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <unistd.h>

/* ---- The scan ---- */

typedef struct scan {
    const ini_grammar *grammar;
    ini *file;
    int line;
    char where[INI_WHERE_SIZE];
    char *section; /* NULL before the first */
    FILE *out;     /* what iniparser reads: the entries, each below its section */
} scan;

void ini_where(char where[INI_WHERE_SIZE], const char *origin, int line)
{
    snprintf(where, INI_WHERE_SIZE, "%.400s:%d", origin, line);
}

/* The entry is released with the file. */
static ini_entry *add_entry(scan *s)
{
    ini *file = s->file;
    if (grow(&file->entries, &file->capacity, file->count + 1, sizeof *file->entries))
        return NULL;
    file->entries[file->count] = (ini_entry){.line = s->line, .section = s->section};
    return &file->entries[file->count++];
}

static int scan_section(scan *s, char *line)
{
    char *end = line + strlen(line) - 1;
    if (*end != ']')
        return fail(s->grammar->refusal, "%s: a section is written [name], alone on its line",
                    s->where);
    *end = '\0';
    const char *name = value_strip(line + 1);
    if (s->grammar->section(name, s->where))
        return -1;
    ini_entry *e = add_entry(s);
    if (!e)
        return -1;
    s->section = e->section = copy_text(name);
    return s->section ? 0 : -1;
}

/* iniparser gives a meaning of its own to these bytes, so they pass it in disguise: as bytes that the
 * scan lets nobody write. */
static const char disguised[] = ";#\"'", disguises[] = "\1\2\3\4";

static void swap_bytes(char *text, const char *from, const char *to)
{
    for (; *text; text++) {
        const char *found = strchr(from, *text);
        if (found)
            *text = to[found - from];
    }
}

/* Ends text behind its value, or behind the last item of a list. */
static int cut_comment(const scan *s, const ini_key *k, char *text)
{
    const char *separators = k->separators ? k->separators : "";
    for (;;) {
        char *begin = text + strspn(text, " \t"), *end = value_end(begin, separators);
        if (!end)
            return fail(s->grammar->refusal, "%s: %s: the closing %c is missing", s->where, k->name,
                        *begin);
        char *next = end + strspn(end, " \t");
        bool goes_on = *next && strchr(separators, *next);
        if (*next && *next != ';' && *next != '#' && !goes_on)
            return fail(s->grammar->refusal, "%s: %s: there is text after the closing %c", s->where,
                        k->name, *begin);
        char behind = *end;
        *end = '\0';
        if (k->warns)
            value_warn_of_comment(begin, k->name, s->where);
        if (!goes_on)
            return 0;
        *end = behind;
        text = next + 1;
    }
}

static int check_is_first(const scan *s, const ini_key *k, const char *bare)
{
    for (size_t i = 0; i < s->file->count; i++) {
        const ini_entry *e = &s->file->entries[i];
        if (!e->name || strcmp(e->name, k->name) || strcasecmp(e->section, s->section))
            continue;
        if (!k->many || !strcasecmp(e->bare, bare))
            return fail(s->grammar->refusal, "%s: %s is set twice, first on line %d; remove one",
                        s->where, k->many ? bare : k->name, e->line);
    }
    return 0;
}

static int scan_entry(scan *s, char *line)
{
    char *equals = strchr(line, '=');
    if (!equals || equals == line)
        return fail(s->grammar->refusal, "%s: expected [section], key = value, or ; comment",
                    s->where);
    *equals = '\0';
    const char *bare = value_strip(line);
    char *value = value_strip(equals + 1);
    if (!s->section)
        return fail(s->grammar->refusal,
                    "%s: %.80s stands outside a section; put a line such as [%s] above it",
                    s->where, bare, s->grammar->usual);
    ini_key k = {0};
    if (s->grammar->key(s->section, bare, s->where, &k) || check_is_first(s, &k, bare) ||
        (!k.verbatim && cut_comment(s, &k, value)))
        return -1;
    ini_entry *e = add_entry(s);
    if (!e)
        return -1;
    e->name = k.name;
    e->is_plain = !k.separators && !k.verbatim;
    e->label = format_text("%s:%s", s->section, bare);
    if (!e->label)
        return -1;
    e->bare = e->label + strlen(s->section) + 1;
    swap_bytes(value, disguised, disguises);
    fprintf(s->out, "[%s]\n%s = %s\n", s->section, bare, value);
    return 0;
}

/* ---- Lines ---- */

static int check_bytes(const scan *s, const char *text, size_t length)
{
    if (length > INI_LINE_LIMIT)
        return fail(s->grammar->refusal, "%s: the line is %zu bytes long (allowed: at most %d)",
                    s->where, length, INI_LINE_LIMIT);
    for (size_t i = 0; i < length; i++) {
        unsigned char byte = (unsigned char)text[i];
        if ((byte < ' ' && byte != '\t') || byte == 0x7f)
            return fail(s->grammar->refusal, "%s: byte 0x%02x in column %zu is not text", s->where,
                        (unsigned)byte, i + 1);
    }
    if (length && text[length - 1] == '\\')
        return fail(s->grammar->refusal,
                    "%s: a line cannot be continued with a backslash; a value that ends with one "
                    "is put into '...'",
                    s->where);
    return 0;
}

static int scan_line(scan *s, const char *text, size_t length)
{
    char copy[INI_LINE_LIMIT + 1];
    if (check_bytes(s, text, length))
        return -1;
    memcpy(copy, text, length);
    copy[length] = '\0';
    char *line = value_strip(copy);
    if (!*line || *line == ';' || *line == '#')
        return 0;
    return *line == '[' ? scan_section(s, line) : scan_entry(s, line);
}

static int scan_text(scan *s, const char *text, size_t length, const char *origin)
{
    bool marked = length >= 3 && !memcmp(text, "\xef\xbb\xbf", 3); /* some editors put that first */
    text += marked ? 3 : 0;
    length -= marked ? 3 : 0;
    while (length) {
        const char *newline = memchr(text, '\n', length);
        size_t whole = newline ? (size_t)(newline - text) + 1 : length, here = whole;
        here -= newline != NULL;
        here -= here && text[here - 1] == '\r';
        while (here && is_blank(text[here - 1]))
            here--;
        ini_where(s->where, origin, ++s->line);
        if (scan_line(s, text, here))
            return -1;
        text += whole;
        length -= whole;
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

/* A file in memory that holds the text; -1 after fail(). */
static int memory_file(const char *text, size_t length, const char *origin)
{
    int fd = memfd_create("ini", MFD_CLOEXEC);
    ssize_t written = 0;
    for (size_t done = 0; fd >= 0 && done < length && written >= 0; done += (size_t)written)
        written = write(fd, text + done, length - done);
    if (fd >= 0 && written >= 0)
        return fd;
    fail(STATUS_RUNTIME, "%s: cannot be read: no memory file: %s", origin, strerror(errno));
    if (fd >= 0)
        close(fd);
    return -1;
}

/* iniparser reads nothing but files with a name. A descriptor has one, and no place on a disk is
 * needed for it. */
static dictionary *load_text(const char *text, size_t length, const char *origin,
                             enum status refusal)
{
    char path[32];
    int fd = memory_file(text, length, origin);
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
        fail(refusal, "%s: not an INI file: %s", origin,
             *complaint ? complaint : "iniparser cannot read it");
done:
    close(fd);
    return entries;
}

/* ---- Both ---- */

static int take_value(ini_entry *e, const dictionary *from, const char *origin,
                      const ini_grammar *grammar)
{
    char where[INI_WHERE_SIZE];
    const char *raw = iniparser_getstring(from, e->label, NULL);
    ini_where(where, origin, e->line);
    if (!raw)
        return fail(grammar->refusal, "%s: iniparser cannot read it", where);
    e->value = copy_text(raw);
    if (!e->value)
        return -1;
    swap_bytes(e->value, disguises, disguised);
    char *text = e->value;
    if (e->is_plain && value_unquote(&text, e->name, where))
        return -1;
    memmove(e->value, text, strlen(text) + 1);
    return 0;
}

static int take_values(ini *file, const char *text, size_t length, const char *origin,
                       const ini_grammar *grammar)
{
    dictionary *from = load_text(text, length, origin, grammar->refusal);
    int result = from ? 0 : -1;
    for (size_t i = 0; i < file->count && !result; i++)
        if (file->entries[i].name)
            result = take_value(&file->entries[i], from, origin, grammar);
    if (from)
        iniparser_freedict(from);
    return result;
}

static int read_into(ini *file, const char *text, size_t length, const char *origin,
                     const ini_grammar *grammar)
{
    char *scanned = NULL;
    size_t size = 0;
    scan s = {.grammar = grammar, .file = file, .out = open_memstream(&scanned, &size)};
    if (!s.out)
        return fail(STATUS_MEMORY, "out of memory: %s", origin);
    int result = scan_text(&s, text, length, origin);
    bool broken = ferror(s.out);
    if ((fclose(s.out) || broken) && !result)
        result = fail(STATUS_MEMORY, "out of memory: %s", origin);
    if (!result)
        result = take_values(file, scanned, size, origin, grammar);
    free(scanned);
    return result;
}

int ini_read(ini **out, const char *text, size_t length, const char *origin,
             const ini_grammar *grammar)
{
    ini *file = allocate(1, sizeof *file);
    if (!file)
        return -1;
    if (read_into(file, text, length, origin, grammar)) {
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
    for (size_t i = 0; i < file->count; i++) {
        ini_entry *e = &file->entries[i];
        if (!e->name)
            free(e->section);
        free(e->value);
        free(e->label);
    }
    free(file->entries);
    free(file);
}
