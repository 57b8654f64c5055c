#include "config/keys.h"

#include "base/guess.h"
#include "config/config.h"
#include <string.h>
#include <strings.h>

/* Keys that had another name in earlier versions. */
static const struct {
    const char *old, *now;
} renamed[] = {{"data.source_a", "data.sources"},
               {"data.source_b", "data.sources"},
               {"data.name_a", "data.names"},
               {"data.name_b", "data.names"}};
enum { RENAMED = sizeof renamed / sizeof *renamed };

/* ---- Names ---- */

/* Of "section.key"; a section itself may have a dot. */
static size_t section_length(const char *name)
{
    const char *dot = strrchr(name, '.');
    return dot ? (size_t)(dot - name) : 0;
}

static const char *bare_name(const key *k)
{
    return k->name + section_length(k->name) + 1;
}

const key *key_find(const char *name)
{
    const key *family = NULL;
    for (size_t i = 0; i < key_count; i++) {
        const char *own = keys[i].name;
        if (!strcasecmp(own, name))
            return &keys[i];
        if (keys[i].family && !strncasecmp(own, name, section_length(own) + 1))
            family = &keys[i];
    }
    return family;
}

bool key_is_in(const key *k, const char *section)
{
    size_t length = strlen(section);
    return section_length(k->name) == length && !strncasecmp(k->name, section, length);
}

const key *key_first_in(const char *section)
{
    for (size_t i = 0; i < key_count; i++)
        if (key_is_in(&keys[i], section))
            return &keys[i];
    return NULL;
}

int key_unknown(const char *name, const char *where)
{
    for (size_t i = 0; i < RENAMED; i++)
        if (!strcasecmp(renamed[i].old, name))
            return fail(STATUS_USAGE, "%s: %s was renamed to %s (see `unblend help config`)", where,
                        renamed[i].old, renamed[i].now);
    /* A key of that name in another section is likelier than one of a similar name in this one. */
    const char *dot = strrchr(name, '.'), *bare = dot ? dot + 1 : name, *hint;
    guess nearest = guess_of(name), whole = nearest, alone = guess_of(bare);
    for (size_t i = 0; i < key_count; i++) {
        if (!strcasecmp(bare_name(&keys[i]), bare))
            guess_offer(&nearest, keys[i].name, keys[i].name);
        if (keys[i].family)
            continue;
        guess_offer(&whole, keys[i].name, keys[i].name);
        guess_offer(&alone, bare_name(&keys[i]), keys[i].name);
    }
    hint = *nearest.hint                         ? nearest.hint
           : alone.distance == 0 || !*whole.hint ? alone.hint
                                                 : whole.hint;
    return fail(STATUS_USAGE, "%s: unknown key %.80s%s", where, name,
                *hint ? hint : " (`unblend help config` lists all keys)");
}

/* ---- As an INI grammar ---- */

static int unknown_section(const char *section, const char *where)
{
    guess g = guess_of(section);
    for (size_t i = 0; i < key_count; i++) {
        char name[64], shown[66];
        snprintf(name, sizeof name, "%.*s", (int)section_length(keys[i].name), keys[i].name);
        snprintf(shown, sizeof shown, "[%s]", name);
        guess_offer(&g, name, shown);
    }
    return fail(STATUS_USAGE, "%s: unknown section [%.80s]%s", where, section,
                *g.hint ? g.hint : " (`unblend help config` lists all sections)");
}

int key_ini_section(const char *section, const char *where)
{
    if (!strcasecmp(section, "search") || !strcasecmp(section, "space") ||
        !strcasecmp(section, "final"))
        return fail(STATUS_USAGE,
                    "%s: [%s] belongs to the space of a search, which `unblend search` takes; a "
                    "config has no such section",
                    where, section);
    return key_first_in(section) ? 0 : unknown_section(section, where);
}

int key_ini_key(const char *section, const char *name, const char *where, ini_key *out)
{
    char whole[2 * INI_LINE_LIMIT + 2];
    snprintf(whole, sizeof whole, "%s.%s", section, name);
    const key *k = key_find(whole);
    if (!k)
        return key_unknown(whole, where);
    *out = (ini_key){.name = k->name,
                     .separators = k->most ? "," : NULL,
                     .warns = k->type == KEY_TEXT,
                     .many = k->family};
    return 0;
}

/* ---- Writing ---- */

void key_write_section(size_t i, FILE *out)
{
    size_t length = section_length(keys[i].name);
    if (i && section_length(keys[i - 1].name) == length &&
        !strncmp(keys[i - 1].name, keys[i].name, length + 1))
        return;
    fprintf(out, "%s[%.*s]\n", i ? "\n" : "", (int)length, keys[i].name);
}

/* mark: "" or what makes a comment of the line. */
static void print_key(const key *k, const char *mark, FILE *out)
{
    bool text = k->type == KEY_TEXT && !k->most;
    fprintf(out, "; %s\n", k->help);
    if (k->family) {
        fprintf(out, ";%s\n", k->initial);
        return;
    }
    if (!text) {
        fputs(";   allowed: ", out);
        key_write_allowed(k, out);
        fputc('\n', out);
    }
    if (k->environment)
        fprintf(out, ";   environment: %s\n", k->environment);
    fprintf(out, "%s%s =", mark, bare_name(k));
    fprintf(out, text ? " \"%s\"\n" : *k->initial ? " %s\n" : "%s\n", k->initial);
}

/* Once, as a comment: a section that is there makes a stage. */
static void print_stages(FILE *out)
{
    fprintf(out,
            "\n; A network may be a chain of up to %d stages. [model] is the first; each of the\n"
            "; sections [stage.2] to [stage.%d] that is there is one more, with the keys of\n"
            "; [model] and:\n",
            STAGES_MAX, STAGES_MAX);
    for (size_t i = 0; i < key_count; i++) {
        char first[64];
        snprintf(first, sizeof first, "model.%s", bare_name(&keys[i]));
        if (keys[i].stage == 1 && !key_find(first))
            print_key(&keys[i], ";   ", out);
    }
}

void keys_print(FILE *out)
{
    fputs("; A value may be written as it is, in '...', or in \"...\", where \\\\ is a\n"
          "; backslash and \\xHH any byte; of a list, each item may. A comment begins\n"
          "; with ; or # at the start or after a blank.\n\n",
          out);
    for (size_t i = 0; i < key_count; i++) {
        if (keys[i].stage) {
            if (!keys[i - 1].stage)
                print_stages(out);
            continue;
        }
        key_write_section(i, out);
        print_key(&keys[i], "", out);
    }
}
