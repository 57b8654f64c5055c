#include "config/settings.h"

#include "base/error.h"
#include "base/files.h"
#include "base/identify.h"
#include "base/memory.h"
#include "config/building.h"
#include "config/keys.h"
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FILE_LIMIT = 1 << 20 };

/* ---- Building, from the weakest source to the strongest ---- */

static int apply_defaults(settings *s)
{
    for (size_t i = 0; i < key_count; i++)
        if (!keys[i].family && key_parse(&keys[i], keys[i].initial, "default", s))
            return -1;
    s->stage_count = 1;
    return 0;
}

/* The stage is there from now on. */
static void note_stage(building *b, int stage, place from)
{
    place *known = &b->stages[stage];
    if (!known->line && !known->overridden)
        *known = from;
}

static int apply_entry(building *b, const ini_entry *e)
{
    place here = {.line = e->line};
    char where[INI_WHERE_SIZE];
    if (!e->name) {
        note_stage(b, key_first_in(e->section)->stage, here);
        return 0;
    }
    const key *k = key_find(e->name);
    b->places[k - keys] = here;
    ini_where(where, b->origin, e->line);
    return k->family ? key_parse_member(k, e->bare, e->value, true, where, b->s)
                     : key_parse(k, e->value, where, b->s);
}

static int apply_ini(building *b, const ini *file)
{
    for (size_t i = 0; i < file->count; i++)
        if (key_first_in(file->entries[i].section) && apply_entry(b, &file->entries[i]))
            return -1;
    return 0;
}

/* A variable that is empty counts as not set. */
static int apply_environment(settings *s)
{
    for (size_t i = 0; i < key_count; i++) {
        const char *variable = keys[i].environment;
        const char *text = variable ? getenv(variable) : NULL;
        if (!text || !*text)
            continue;
        char where[96];
        snprintf(where, sizeof where, "environment %s", variable);
        if (key_parse(&keys[i], text, where, s))
            return -1;
    }
    return 0;
}

static int apply_override(building *b, const char *override)
{
    const char *equals = strchr(override, '=');
    if (!equals || equals == override)
        return fail(STATUS_USAGE, "--set %.80s: expected section.key=value", override);
    char name[160], where[32] = "--set";
    snprintf(name, sizeof name, "%.*s", (int)(equals - override), override);
    const key *k = key_find(name);
    if (!k)
        return key_unknown(name, where);
    if (k->flag)
        snprintf(where, sizeof where, "%s or --set", k->flag);
    b->places[k - keys] = (place){.overridden = true};
    note_stage(b, k->stage, b->places[k - keys]);
    return k->family ? key_parse_member(k, strchr(name, '.') + 1, equals + 1, false, where, b->s)
                     : key_parse(k, equals + 1, where, b->s);
}

static int apply_overrides(building *b, const char *const *overrides, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (apply_override(b, overrides[i]))
            return -1;
    return 0;
}

/* ---- All of it ---- */

/* Where the settings come from, from the weakest source to the strongest. */
typedef struct sources {
    const settings *base; /* NULL: the defaults */
    const ini *file;      /* or NULL */
    const char *origin;
    bool environment, trained;
    const char *const *overrides;
    size_t count;
} sources;

static int copy_values(settings *to, const settings *from)
{
    int result = 0;
    *to = *from;
    for (size_t i = 0; i < key_count; i++)
        result = key_own(&keys[i], to) ? -1 : result;
    building_reopen(to);
    return result;
}

static int apply_all(building *b, const sources *from)
{
    return (from->base ? copy_values(b->s, from->base) : apply_defaults(b->s)) ||
                   (from->file && apply_ini(b, from->file)) ||
                   (from->environment && apply_environment(b->s)) ||
                   apply_overrides(b, from->overrides, from->count) ||
                   building_complete(b, from->trained)
               ? -1
               : 0;
}

/* Numbers are written with a point, also where a program that uses the library runs under a locale
 * that wants a comma. Returns what to go back to. */
static locale_t enter_plain_locale(void)
{
    locale_t plain = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    return plain ? uselocale(plain) : (locale_t)0;
}

static void leave_plain_locale(locale_t before)
{
    if (before)
        freelocale(uselocale(before));
}

static int build(settings **out, const sources *from)
{
    building b = {.s = allocate(1, sizeof *b.s),
                  .origin = from->origin,
                  .places = allocate(key_count, sizeof *b.places)};
    int result = b.s && b.places ? 0 : -1;
    locale_t before = enter_plain_locale();
    if (!result)
        result = apply_all(&b, from);
    leave_plain_locale(before);
    free(b.places);
    if (result) {
        settings_free(b.s);
        return -1;
    }
    *out = b.s;
    return 0;
}

static const ini_grammar grammar = {STATUS_USAGE, "model", key_ini_section, key_ini_key};

static int build_from_text(settings **out, const char *text, size_t length, sources from)
{
    ini *file;
    if (ini_read(&file, text, length, from.origin, &grammar))
        return -1;
    from.file = file;
    int result = build(out, &from);
    ini_free(file);
    return result;
}

int settings_parse(settings **out, const char *text, const char *origin,
                   const char *const *overrides, size_t count)
{
    return build_from_text(
        out, text, strlen(text),
        (sources){.origin = origin, .environment = true, .overrides = overrides, .count = count});
}

int settings_parse_alone(settings **out, const char *text, const char *origin)
{
    return build_from_text(out, text, strlen(text), (sources){.origin = origin, .trained = true});
}

int settings_parse_trained(settings **out, const char *text, const char *origin,
                           const char *const *overrides, size_t count)
{
    return build_from_text(out, text, strlen(text),
                           (sources){.origin = origin,
                                     .environment = true,
                                     .trained = true,
                                     .overrides = overrides,
                                     .count = count});
}

int settings_take(settings **out, const ini *file, const char *origin, const char *const *overrides,
                  size_t count)
{
    return build(out, &(sources){.file = file,
                                 .origin = origin,
                                 .environment = true,
                                 .overrides = overrides,
                                 .count = count});
}

/* A first model that is not where it is said to be, but beside the config. */
int settings_look_beside(settings *s, const char *config)
{
    char **from = &s->train.start_from;
    const char *slash = strrchr(config, '/');
    if (!**from || **from == '/' || !slash || file_exists(*from))
        return 0;
    char *beside = format_text("%.*s/%s", (int)(slash - config), config, *from);
    if (!beside)
        return -1;
    if (file_exists(beside)) {
        free(*from);
        *from = beside;
    } else {
        free(beside);
    }
    return 0;
}

int settings_load(settings **out, const char *path, const char *const *overrides, size_t count)
{
    sources from = {.origin = path ? path : "settings",
                    .environment = true,
                    .overrides = overrides,
                    .count = count};
    unsigned char *bytes;
    size_t length;
    if (!path)
        return build(out, &from);
    if (settings_check_file(path, "config", "config.ini") ||
        file_read(path, FILE_LIMIT, STATUS_USAGE, &bytes, &length))
        return -1;
    int result = build_from_text(out, (const char *)bytes, length, from);
    free(bytes);
    if (!result && settings_look_beside(*out, path)) {
        settings_free(*out);
        *out = NULL;
        result = -1;
    }
    return result;
}

int settings_derive(settings **out, const settings *base, const char *const *overrides,
                    size_t count, bool trained)
{
    return build(out, &(sources){.base = base,
                                 .trained = trained,
                                 .origin = "the derived settings",
                                 .overrides = overrides,
                                 .count = count});
}

int settings_check_file(const char *path, const char *what, const char *name)
{
    file_kind kind = file_identify(path);
    char *inside = kind.type == FILE_DIRECTORY ? path_join(path, name) : NULL;
    int result = 0;
    if (inside && file_exists(inside))
        result = fail(STATUS_USAGE, "%s: a directory; the %s in it is %s", path, what, inside);
    else if (kind.type == FILE_SAFETENSORS)
        result = fail(STATUS_USAGE,
                      "%s: a model (safetensors), and a %s, an INI file, is needed here; "
                      "`unblend info`, `evaluate` and `separate` take models",
                      path, what);
    else if (kind.name && kind.type != FILE_INI && kind.type != FILE_TEXT)
        result = fail(STATUS_USAGE, "%s: %s, and a %s, an INI file, is needed here", path,
                      kind.name, what);
    free(inside);
    return result;
}

void settings_free(settings *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < key_count; i++)
        key_release(&keys[i], s);
    free(s);
}

/* ---- Writing ---- */

char *settings_ini(const settings *s)
{
    return settings_ini_without(s, NULL);
}

char *settings_ini_open(const settings *s)
{
    settings open = *s; /* its texts stay those of s */
    building_reopen(&open);
    return settings_ini(&open);
}

char *settings_ini_without(const settings *s, const char *section)
{
    char *text = NULL;
    size_t length;
    FILE *out = open_memstream(&text, &length);
    if (!out) {
        fail(STATUS_MEMORY, "out of memory: the settings as text");
        return NULL;
    }
    locale_t before = enter_plain_locale();
    for (size_t i = 0; i < key_count; i++) {
        if ((section && key_is_in(&keys[i], section)) || keys[i].stage >= s->stage_count)
            continue;
        key_write_section(i, out);
        key_write(&keys[i], s, out);
    }
    leave_plain_locale(before);
    bool broken = ferror(out);
    if (fclose(out) || broken) {
        free(text);
        fail(STATUS_MEMORY, "out of memory: the settings as text");
        return NULL;
    }
    return text;
}
