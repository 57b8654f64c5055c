#include "search/space_reader.h"

#include "base/error.h"
#include "base/guess.h"
#include "base/memory.h"
#include "base/quoting.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* The keys of [search]. */
#define FIELD(member) offsetof(space, member)
static const key search_keys[] = {
    {.name = "search.strategy",
     .type = KEY_CHOICE,
     .field = FIELD(strategy),
     .initial = "random",
     .choices = "random|halving"},
    {.name = "search.trials",
     .type = KEY_INT,
     .field = FIELD(trials),
     .initial = "50",
     .low = 1,
     .high = TRIALS_LIMIT},
    {.name = "search.eta",
     .type = KEY_INT,
     .field = FIELD(eta),
     .initial = "3",
     .low = 2,
     .high = 100},
    {.name = "search.min_epochs",
     .type = KEY_INT,
     .field = FIELD(min_epochs),
     .initial = "1",
     .low = 1,
     .high = 100000},
};
enum { SEARCH_KEYS = sizeof search_keys / sizeof *search_keys };

/* ---- The grammar ---- */

static bool is_list_of_choices(const char *section)
{
    return !strcasecmp(section, "space");
}

static bool is_ours(const char *section)
{
    return !strcasecmp(section, "search") || !strcasecmp(section, "final") ||
           is_list_of_choices(section);
}

static int accept_section(const char *section, const char *where)
{
    return is_ours(section) ? 0 : key_ini_section(section, where);
}

static const key *find_search_key(const char *name)
{
    for (int i = 0; i < SEARCH_KEYS; i++)
        if (!strcasecmp(search_keys[i].name, name))
            return &search_keys[i];
    return NULL;
}

static int accept_search_key(const char *bare, const char *where, ini_key *out)
{
    guess g = guess_of(bare);
    for (int i = 0; i < SEARCH_KEYS; i++) {
        const char *name = search_keys[i].name + strlen("search.");
        out->name = search_keys[i].name;
        if (!strcasecmp(name, bare))
            return 0;
        guess_offer(&g, name, name);
    }
    return fail(STATUS_USAGE, "%s: unknown key %.80s in [search]%s", where, bare,
                *g.hint ? g.hint : " (allowed: strategy, trials, eta, min_epochs)");
}

static int accept_key(const char *section, const char *name, const char *where, ini_key *out)
{
    if (!strcasecmp(section, "search"))
        return accept_search_key(name, where, out);
    if (!is_ours(section))
        return key_ini_key(section, name, where, out);
    const key *k = key_find(name);
    if (!k)
        return key_unknown(name, where);
    if (k->family)
        return fail(STATUS_USAGE, "%s: %s cannot be searched", where, name);
    bool choices = is_list_of_choices(section);
    *out = (ini_key){.name = k->name,
                     .separators = k->most   ? (choices ? "|," : ",")
                                   : choices ? "|"
                                             : NULL,
                     .warns = k->type == KEY_TEXT};
    return 0;
}

/* ---- [space] ---- */

typedef struct reader {
    space *space;
    int line;
    char where[INI_WHERE_SIZE];
} reader;

/* One of the values that are searched, as written. */
static int add_choice(const reader *r, dimension *d, char *text)
{
    const key *k = d->written.key;
    if ((!k->most && value_unquote(&text, k->name, r->where)) ||
        grow(&d->choices, &d->capacity, d->count + 1, sizeof *d->choices))
        return -1;
    choice *added = &d->choices[d->count++];
    *added = (choice){.text = copy_text(text), .normal = key_normalize(k, text, r->where)};
    if (!added->text || !added->normal)
        return -1;
    for (size_t i = 0; i + 1 < d->count; i++)
        if (!strcmp(d->choices[i].normal, added->normal))
            return fail(STATUS_USAGE, "%s: %s lists %s twice; remove one", r->where, k->name, text);
    return 0;
}

/* Where the choice ends, whose items, if it is a list, may be quoted. */
static char *choice_end(const key *k, char *text)
{
    const char *stops = k->most ? "|," : "|";
    char *end = value_item_end(text, stops), *next = end + strspn(end, " \t");
    while (*next == ',' && k->most) {
        next += 1 + strspn(next + 1, " \t");
        end = value_item_end(next, stops);
        next = end + strspn(end, " \t");
    }
    return end;
}

static int read_list(const reader *r, dimension *d, char *text)
{
    for (bool last = false; !last;) {
        char *begin = text + strspn(text, " \t"), *end = choice_end(d->written.key, begin);
        char *next = end + strspn(end, " \t");
        last = !*next;
        *end = '\0';
        if (add_choice(r, d, begin))
            return -1;
        text = next + 1;
    }
    return 0;
}

static int bad_range(const reader *r, const dimension *d, const char *why)
{
    return fail(STATUS_USAGE, "%s: %s = %.80s: %s; a range is written LOW .. HIGH log, or linear",
                r->where, d->written.key->name, d->written.text, why);
}

/* What follows the higher end, which is cut off there. */
static int read_scale(const reader *r, dimension *d, char *high)
{
    char *scale = high + strcspn(high, " \t");
    if (!*scale)
        return 0;
    *scale++ = '\0';
    scale = value_strip(scale);
    d->logarithmic = !strcmp(scale, "log");
    return d->logarithmic || !strcmp(scale, "linear")
               ? 0
               : bad_range(r, d, "neither log nor linear stands at its end");
}

static int read_end(const reader *r, const dimension *d, const char *text, double *out)
{
    char *normal = key_normalize(d->written.key, text, r->where);
    *out = normal ? strtod(normal, NULL) : 0;
    free(normal);
    return normal ? 0 : -1;
}

static int read_range(const reader *r, dimension *d, char *text, char *dots)
{
    *dots = '\0';
    char *first = value_strip(text), *second = value_strip(dots + 2);
    if (read_scale(r, d, second) || read_end(r, d, first, &d->low) ||
        read_end(r, d, second, &d->high))
        return -1;
    if (d->low >= d->high)
        return bad_range(r, d, "the lower end does not come first");
    if (d->logarithmic && d->low <= 0)
        return bad_range(r, d, "a log range must start above 0");
    return 0;
}

static int read_dimension(const reader *r, const key *k, char *text)
{
    space *s = r->space;
    if (grow(&s->dimensions, &s->capacity, s->count + 1, sizeof *s->dimensions))
        return -1;
    dimension *d = &s->dimensions[s->count++];
    *d = (dimension){.written = {k, copy_text(text), r->line}};
    if (!d->written.text)
        return -1;
    bool single = !k->most || k->fewest == 1; /* one number is a value */
    bool number = (k->type == KEY_INT || k->type == KEY_REAL) && single && !k->choices;
    char *dots = number ? strstr(text, "..") : NULL;
    return dots ? read_range(r, d, text, dots) : read_list(r, d, text);
}

/* ---- [final] ---- */

static int read_final(const reader *r, const key *k, const char *text)
{
    space *s = r->space;
    char *normal = key_normalize(k, text, r->where);
    free(normal);
    if (!normal || grow(&s->final, &s->final_capacity, s->final_count + 1, sizeof *s->final))
        return -1;
    s->final[s->final_count] = (assignment){k, copy_text(text), r->line};
    return s->final[s->final_count++].text ? 0 : -1;
}

/* ---- All of it ---- */

static int read_entry(reader *r, const ini_entry *e)
{
    const key *searching = find_search_key(e->name), *k = key_find(e->name);
    if (searching)
        return key_parse(searching, e->value, r->where, r->space);
    return is_list_of_choices(e->section) ? read_dimension(r, k, e->value)
                                          : read_final(r, k, e->value);
}

int space_read(space *s, ini **file, const char *text, size_t length, const char *origin)
{
    static const ini_grammar grammar = {STATUS_USAGE, "space", accept_section, accept_key};
    reader r = {.space = s};
    for (int i = 0; i < SEARCH_KEYS; i++)
        if (key_parse(&search_keys[i], search_keys[i].initial, "default", s))
            return -1;
    if (ini_read(file, text, length, origin, &grammar))
        return -1;
    for (size_t i = 0; i < (*file)->count; i++) {
        const ini_entry *e = &(*file)->entries[i];
        r.line = e->line;
        ini_where(r.where, origin, e->line);
        if (e->name && is_ours(e->section) && read_entry(&r, e))
            return -1;
    }
    return 0;
}
