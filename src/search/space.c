#include "search/space.h"

#include "base/error.h"
#include "base/files.h"
#include "base/memory.h"
#include "base/quoting.h"
#include "search/space_reader.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FILE_LIMIT = 1 << 20 };

/* ---- Making ---- */

static int add_override(char **overrides, size_t *count, const key *k, const char *text)
{
    overrides[*count] = format_text("%s=%s", k->name, text);
    return overrides[(*count)++] ? 0 : -1;
}

/* The base with values for what is searched (NULL: none), and more over it. */
static int derive(const space *s, char *const *values, const assignment *more, size_t more_count,
                  bool trained, settings **out)
{
    size_t searched = values ? s->count : 0, count = 0;
    char **overrides = allocate(searched + more_count + 1, sizeof *overrides);
    int result = overrides ? 0 : -1;
    for (size_t i = 0; i < searched && !result; i++)
        result = add_override(overrides, &count, s->dimensions[i].written.key, values[i]);
    for (size_t i = 0; i < more_count && !result; i++)
        result = add_override(overrides, &count, more[i].key, more[i].text);
    if (!result)
        result = settings_derive(out, s->base, (const char *const *)overrides, count, trained);
    for (size_t i = 0; i < count; i++)
        free(overrides[i]);
    free(overrides);
    return result;
}

static const dimension *find_dimension(const space *s, const key *k)
{
    for (size_t i = 0; i < s->count; i++)
        if (s->dimensions[i].written.key == k)
            return &s->dimensions[i];
    return NULL;
}

static int check_final(const space *s, const char *origin)
{
    for (size_t i = 0; i < s->final_count; i++) {
        const dimension *searched = find_dimension(s, s->final[i].key);
        if (searched)
            return fail(STATUS_USAGE,
                        "%s:%d: %s is what is searched for (line %d); [final] cannot set it",
                        origin, s->final[i].line, s->final[i].key->name, searched->written.line);
    }
    return 0;
}

/* Whether any trial could have the cosine schedule. */
static bool cosine_is_possible(const space *s)
{
    const dimension *d = find_dimension(s, key_find("train.schedule"));
    for (size_t i = 0; d && i < d->count; i++)
        if (!strcmp(d->choices[i].text, "cosine"))
            return true;
    return !d && s->base->train.schedule == SCHEDULE_COSINE;
}

/* A trial that continues is trained as if there had been no break: true of all that does not look at
 * train.epochs or the clock. */
static int check_halving(const space *s, const char *origin)
{
    int epochs = s->base->train.epochs;
    const dimension *searched = find_dimension(s, key_find("train.epochs"));
    if (searched)
        return fail(STATUS_USAGE, "%s:%d: halving decides about train.epochs; do not search it",
                    origin, searched->written.line);
    if (cosine_is_possible(s))
        return fail(STATUS_USAGE,
                    "%s: train.schedule = cosine depends on train.epochs, which grows with "
                    "halving; take constant, step or plateau, or strategy = random",
                    origin);
    const struct {
        const char *key;
        bool given;
    } others[] = {{"train.time_limit", s->base->train.time_limit > 0},
                  {"train.minutes", s->base->train.minutes > 0},
                  {"train.batch_last", s->base->train.batch_last > 0}};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (others[i].given || find_dimension(s, key_find(others[i].key)))
            return fail(STATUS_USAGE, "%s: halving compares trials after as many epochs; remove %s",
                        origin, others[i].key);
    if (s->min_epochs * s->eta > epochs)
        return fail(STATUS_USAGE,
                    "%s: search.min_epochs times search.eta is %d, more than train.epochs = %d: "
                    "nothing would be halved",
                    origin, s->min_epochs * s->eta, epochs);
    return 0;
}

/* The fewest epochs that a trial may have, as a text; NULL if train.epochs is not searched. */
static char *fewest_epochs(const space *s)
{
    const dimension *d = find_dimension(s, key_find("train.epochs"));
    long fewest = d ? (long)d->low : 0;
    for (size_t i = 0; d && i < d->count; i++) {
        long epochs = strtol(d->choices[i].normal, NULL, 10);
        fewest = i && fewest < epochs ? fewest : epochs;
    }
    return d ? format_text("%ld", fewest) : NULL;
}

/* That a schedule of freezing is no longer than the training; other mistakes are found where all values are known. */
static int check_reached(const space *s, const assignment *more, size_t count, const char *origin,
                         const char *what)
{
    settings *tried;
    if (derive(s, NULL, more, count, true, &tried)) {
        error_clear();
        return 0;
    }
    settings_free(tried);
    if (derive(s, NULL, more, count, false, &tried))
        return fail(STATUS_USAGE, "%s: %s: %s", origin, what, error_message());
    settings_free(tried);
    return 0;
}

/* What halving cuts short goes on, so only whole trainings count. */
static int check_epochs(const space *s, const char *origin)
{
    char *fewest = fewest_epochs(s);
    assignment least = {.key = key_find("train.epochs"), .text = fewest};
    int result = fewest ? check_reached(s, &least, 1, origin, "a trial") : 0;
    free(fewest);
    return result || check_reached(s, s->final, s->final_count, origin, "[final]") ? -1 : 0;
}

static int check(const space *s, const char *origin)
{
    if (!s->count)
        return fail(STATUS_USAGE,
                    "%s: nothing to search; a section [space] with lines such as model.filters = "
                    "32 | 64 | 128 is missing (a config without one is what `unblend train` takes)",
                    origin);
    if (check_final(s, origin) || check_epochs(s, origin))
        return -1;
    return s->strategy == STRATEGY_HALVING ? check_halving(s, origin) : 0;
}

static int parse(space **out, const char *text, size_t length, const char *origin,
                 const char *const *overrides, size_t count)
{
    space *s = allocate(1, sizeof *s);
    ini *file = NULL;
    int result = -1;
    if (s && !space_read(s, &file, text, length, origin) &&
        !settings_take(&s->base, file, origin, overrides, count))
        result = check(s, origin);
    ini_free(file);
    if (result) {
        space_free(s);
        return -1;
    }
    *out = s;
    return 0;
}

int space_parse(space **out, const char *text, const char *origin, const char *const *overrides,
                size_t count)
{
    return parse(out, text, strlen(text), origin, overrides, count);
}

int space_load(space **out, const char *path, const char *const *overrides, size_t count)
{
    unsigned char *bytes;
    size_t length;
    if (settings_check_file(path, "space", "search.ini") ||
        file_read(path, FILE_LIMIT, STATUS_USAGE, &bytes, &length))
        return -1;
    int result = parse(out, (char *)bytes, length, path, overrides, count);
    free(bytes);
    if (!result && settings_look_beside((*out)->base, path)) {
        space_free(*out);
        *out = NULL;
        result = -1;
    }
    return result;
}

static void release_dimension(dimension *d)
{
    for (size_t i = 0; i < d->count; i++) {
        free(d->choices[i].text);
        free(d->choices[i].normal);
    }
    free(d->choices);
    free(d->written.text);
}

void space_free(space *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < s->count; i++)
        release_dimension(&s->dimensions[i]);
    for (size_t i = 0; i < s->final_count; i++)
        free(s->final[i].text);
    free(s->dimensions);
    free(s->final);
    settings_free(s->base);
    free(s);
}

/* ---- Writing ---- */

static void write_sections(const space *s, FILE *out)
{
    fprintf(out, "\n[search]\nstrategy = %s\ntrials = %d\neta = %d\nmin_epochs = %d\n",
            s->strategy == STRATEGY_HALVING ? "halving" : "random", s->trials, s->eta,
            s->min_epochs);
    fputs("\n[space]\n", out);
    for (size_t i = 0; i < s->count; i++)
        fprintf(out, "%s = %s\n", s->dimensions[i].written.key->name,
                s->dimensions[i].written.text);
    fputs("\n[final]\n", out);
    for (size_t i = 0; i < s->final_count; i++) {
        const assignment *a = &s->final[i];
        fprintf(out, "%s = ", a->key->name);
        if (a->key->type == KEY_TEXT && !a->key->most)
            value_write(a->text, out);
        else
            fputs(a->text, out);
        fputc('\n', out);
    }
}

char *space_ini(const space *s)
{
    char *base = settings_ini_open(s->base), *text = NULL;
    size_t length;
    FILE *out = base ? open_memstream(&text, &length) : NULL;
    bool broken = !out;
    if (out) {
        fputs(base, out);
        write_sections(s, out);
        broken = ferror(out);
        broken = fclose(out) || broken;
    }
    free(base);
    if (!broken)
        return text;
    free(text);
    fail(STATUS_MEMORY, "out of memory: the space as text");
    return NULL;
}

/* ---- Settings of a trial ---- */

int space_settings(const space *s, char *const *values, const assignment *more, size_t more_count,
                   settings **out)
{
    return derive(s, values, more, more_count, true, out);
}
