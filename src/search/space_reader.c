#include "search/space_reader.h"

#include "base/error.h"
#include "base/guess.h"
#include "base/memory.h"
#include "config/ini.h"
#include "config/quoting.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum section { SECTION_CONFIG, SECTION_SEARCH, SECTION_SPACE, SECTION_FINAL };

/* The keys of [search]. */
enum { SEARCH_STRATEGY, SEARCH_TRIALS, SEARCH_ETA, SEARCH_MIN_EPOCHS, SEARCH_KEYS };
static const key search_keys[SEARCH_KEYS] = {
    {.name = "search.strategy", .type = KEY_CHOICE, .choices = "random|halving"},
    {.name = "search.trials", .type = KEY_INT, .low = 1, .high = TRIALS_LIMIT},
    {.name = "search.eta", .type = KEY_INT, .low = 2, .high = 100},
    {.name = "search.min_epochs", .type = KEY_INT, .low = 1, .high = 100000},
};

typedef struct reader {
    space *space;
    enum section section;
    int line;
    char where[512];               /* "origin:line" */
    int search_lines[SEARCH_KEYS]; /* 0 where the text does not set it */
} reader;

static char *strip_left(char *text)
{
    return text + strspn(text, " \t\r");
}

/* Cuts blanks off both ends, in place; returns the new start. */
static char *strip(char *text)
{
    text = strip_left(text);
    size_t length = strlen(text);
    while (length && strchr(" \t\r", text[length - 1]))
        length--;
    text[length] = '\0';
    return text;
}

static int unquote(const reader *r, const key *k, char **text)
{
    if (k->type == KEY_TEXT)
        value_warn_of_comment(*text, k->name, r->where);
    return value_unquote(text, k->name, r->where);
}

static int set_twice(const reader *r, const char *name, int first)
{
    return fail(STATUS_USAGE, "%s: %s is set twice, first on line %d; remove one", r->where, name,
                first);
}

/* ---- [search] ---- */

static const key *find_search_key(const char *bare, const char *where)
{
    guess g = guess_of(bare);
    for (int i = 0; i < SEARCH_KEYS; i++) {
        const char *name = search_keys[i].name + strlen("search.");
        if (!strcasecmp(name, bare))
            return &search_keys[i];
        guess_offer(&g, name, name);
    }
    fail(STATUS_USAGE, "%s: unknown key %.80s in [search]%s", where, bare,
         *g.hint ? g.hint : " (allowed: strategy, trials, eta, min_epochs)");
    return NULL;
}

static int read_search(reader *r, const char *name, char *text)
{
    const key *k = find_search_key(name, r->where);
    key_value value;
    if (!k)
        return -1;
    int which = (int)(k - search_keys);
    if (r->search_lines[which])
        return set_twice(r, k->name, r->search_lines[which]);
    if (value_unquote(&text, k->name, r->where) || key_parse(k, text, r->where, &value))
        return -1;
    r->search_lines[which] = r->line;
    switch (which) {
    case SEARCH_STRATEGY:
        r->space->strategy = strcmp(value.text, "halving") ? STRATEGY_RANDOM : STRATEGY_HALVING;
        free(value.text);
        break;
    case SEARCH_TRIALS:
        r->space->trials = value.whole;
        break;
    case SEARCH_ETA:
        r->space->eta = value.whole;
        break;
    case SEARCH_MIN_EPOCHS:
        r->space->min_epochs = value.whole;
        break;
    }
    return 0;
}

/* ---- [space] ---- */

static bool same_value(const key *k, const key_value *a, const key_value *b)
{
    switch (k->type) {
    case KEY_INT:
        return a->whole == b->whole;
    case KEY_REAL:
        return a->real == b->real;
    case KEY_FLAG:
        return a->flag == b->flag;
    case KEY_TEXT:
    case KEY_CHOICE:
    case KEY_NAME:
        break;
    }
    return !strcmp(a->text, b->text);
}

static int add_choice(const reader *r, dimension *d, char *text)
{
    const key *k = d->written.key;
    text = strip(text);
    if (unquote(r, k, &text) || grow(&d->choices, &d->capacity, d->count + 1, sizeof *d->choices))
        return -1;
    choice *added = &d->choices[d->count];
    *added = (choice){0};
    if (key_parse(k, text, r->where, &added->value))
        return -1;
    d->count++; /* from here on it is released with the others */
    added->text = copy_text(text);
    if (!added->text)
        return -1;
    for (size_t i = 0; i + 1 < d->count; i++)
        if (same_value(k, &d->choices[i].value, &added->value))
            return fail(STATUS_USAGE, "%s: %s lists %s twice; remove one", r->where, k->name, text);
    return 0;
}

static int read_list(const reader *r, dimension *d, char *text)
{
    for (bool last = false; !last;) {
        char *begin = strip_left(text), *end = value_end(begin, "|");
        end += strspn(end, " \t");
        last = !*end;
        *end = '\0';
        if (add_choice(r, d, begin))
            return -1;
        text = end + 1;
    }
    return 0;
}

static int bad_range(const reader *r, const dimension *d, const char *why)
{
    return fail(STATUS_USAGE, "%s: %s = %.80s: %s; a range is written LOW .. HIGH log, or linear",
                r->where, d->written.key->name, d->written.text, why);
}

/* What stands behind the higher end, which is cut off there. */
static int read_scale(const reader *r, dimension *d, char *high)
{
    char *scale = high + strcspn(high, " \t");
    if (!*scale)
        return 0;
    *scale++ = '\0';
    scale = strip(scale);
    d->logarithmic = !strcmp(scale, "log");
    return d->logarithmic || !strcmp(scale, "linear")
               ? 0
               : bad_range(r, d, "neither log nor linear stands at its end");
}

static int read_range(const reader *r, dimension *d, char *text, char *dots)
{
    const key *k = d->written.key;
    key_value low, high;
    *dots = '\0';
    char *first = strip(text), *second = strip(dots + 2);
    if (read_scale(r, d, second) || key_parse(k, first, r->where, &low) ||
        key_parse(k, second, r->where, &high))
        return -1;
    d->low = low.real;
    d->high = high.real;
    if (d->low >= d->high)
        return bad_range(r, d, "the lower end does not come first");
    if (d->logarithmic && d->low <= 0)
        return bad_range(r, d, "a log range must start above 0");
    return 0;
}

static int read_dimension(reader *r, const char *name, char *text)
{
    space *s = r->space;
    const key *k = key_find(name);
    if (!k)
        return key_unknown(name, r->where);
    for (size_t i = 0; i < s->count; i++)
        if (s->dimensions[i].written.key == k)
            return set_twice(r, k->name, s->dimensions[i].written.line);
    if (grow(&s->dimensions, &s->capacity, s->count + 1, sizeof *s->dimensions))
        return -1;
    dimension *d = &s->dimensions[s->count++];
    *d = (dimension){.written = {k, copy_text(text), r->line}};
    if (!d->written.text)
        return -1;
    bool number = k->type == KEY_INT || k->type == KEY_REAL;
    char *dots = number ? strstr(text, "..") : NULL;
    return dots ? read_range(r, d, text, dots) : read_list(r, d, text);
}

/* ---- [final] ---- */

static int read_final(reader *r, const char *name, char *text)
{
    space *s = r->space;
    const key *k = key_find(name);
    key_value value;
    if (!k)
        return key_unknown(name, r->where);
    for (size_t i = 0; i < s->final_count; i++)
        if (s->final[i].key == k)
            return set_twice(r, k->name, s->final[i].line);
    if (unquote(r, k, &text) || key_parse(k, text, r->where, &value))
        return -1;
    free(value.text);
    if (grow(&s->final, &s->final_capacity, s->final_count + 1, sizeof *s->final))
        return -1;
    s->final[s->final_count] = (assignment){k, copy_text(text), r->line};
    return s->final[s->final_count++].text ? 0 : -1;
}

/* ---- Lines ---- */

/* Which section a line opens, or -1 if it opens none. What opens none of ours well is left to the
 * config's reader, which says what is wrong with it. */
static int section_opened(char *line)
{
    static const char *const names[] = {"", "search", "space", "final"};
    line = strip(line);
    size_t length = strlen(line);
    if (*line != '[')
        return -1;
    if (line[length - 1] == ']') {
        line[length - 1] = '\0';
        for (int i = SECTION_SEARCH; i <= SECTION_FINAL; i++)
            if (!strcasecmp(strip(line + 1), names[i]))
                return i;
    }
    return SECTION_CONFIG;
}

/* Ends text behind its value or, in [space], its values. */
static int cut_comment(const reader *r, const char *name, char *text)
{
    const char *stops = r->section == SECTION_SPACE ? "|" : "";
    for (;;) {
        char *begin = strip_left(text), *end = value_end(begin, stops);
        if (!end)
            return fail(STATUS_USAGE, "%s: %s: the closing %c is missing", r->where, name, *begin);
        const char *next = end + strspn(end, " \t");
        if (*next && *next != ';' && *next != '#' && *next != *stops)
            return fail(STATUS_USAGE, "%s: %s: there is text after the closing %c", r->where, name,
                        *begin);
        if (!*next || *next != *stops) {
            *end = '\0';
            return 0;
        }
        text = end + strspn(end, " \t") + 1;
    }
}

static int read_entry(reader *r, char *line)
{
    line = strip(line);
    if (!*line || *line == ';' || *line == '#')
        return 0;
    char *equals = strchr(line, '=');
    if (!equals || equals == line)
        return fail(STATUS_USAGE, "%s: expected [section], key = value, or ; comment", r->where);
    *equals = '\0';
    char *name = strip(line), *text = strip(equals + 1);
    if (cut_comment(r, name, text))
        return -1;
    return r->section == SECTION_SEARCH  ? read_search(r, name, text)
           : r->section == SECTION_SPACE ? read_dimension(r, name, text)
                                         : read_final(r, name, text);
}

/* A line of ours is blanked. */
static int read_line(reader *r, char *line, size_t length)
{
    char copy[INI_LINE_LIMIT + 1];
    snprintf(copy, sizeof copy, "%.*s", (int)length, line);
    int opened = section_opened(copy);
    if (opened >= 0)
        r->section = (enum section)opened;
    if (r->section == SECTION_CONFIG)
        return 0;
    snprintf(copy, sizeof copy, "%.*s", (int)length, line);
    memset(line, ' ', length);
    return opened >= 0 ? 0 : read_entry(r, copy);
}

int space_read_sections(space *s, char *text, const char *origin)
{
    reader r = {.space = s};
    if (!strncmp(text, "\xef\xbb\xbf", 3)) /* the mark some editors put first */
        text += 3;
    while (*text) {
        size_t length = strcspn(text, "\n");
        r.line++;
        snprintf(r.where, sizeof r.where, "%.400s:%d", origin, r.line);
        if (read_line(&r, text, length))
            return -1;
        text += length + (text[length] == '\n');
    }
    return 0;
}
