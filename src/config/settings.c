#include "config/settings.h"

#include "base/error.h"
#include "base/files.h"
#include "base/identify.h"
#include "base/memory.h"
#include "config/ini.h"
#include "config/keys.h"
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct settings {
    key_value *values; /* one per row of the key table, in its order */
};

enum { FILE_LIMIT = 1 << 20 };

/* ---- Building, from the weakest source to the strongest ---- */

static int set(settings *s, const key *k, const char *text, const char *where)
{
    key_value value;
    if (key_parse(k, text, where, &value))
        return -1;
    key_value *slot = &s->values[k - keys];
    free(slot->text);
    *slot = value;
    return 0;
}

static int apply_defaults(settings *s)
{
    for (size_t i = 0; i < key_count; i++)
        if (set(s, &keys[i], keys[i].initial, "default"))
            return -1;
    return 0;
}

static int apply_ini(settings *s, const char *text, size_t length, const char *origin)
{
    ini *file;
    if (ini_read(&file, text, length, origin))
        return -1;
    int result = 0;
    for (size_t i = 0; i < key_count && !result; i++) {
        if (!ini_line(file, i))
            continue;
        char where[512];
        snprintf(where, sizeof where, "%.400s:%d", origin, ini_line(file, i));
        result = set(s, &keys[i], ini_value(file, i), where);
    }
    ini_free(file);
    return result;
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
        if (set(s, &keys[i], text, where))
            return -1;
    }
    return 0;
}

static int apply_override(settings *s, const char *override)
{
    const char *equals = strchr(override, '=');
    if (!equals || equals == override)
        return fail(STATUS_USAGE, "--set %.80s: expected section.key=value", override);
    char name[64], where[32] = "--set";
    snprintf(name, sizeof name, "%.*s", (int)(equals - override), override);
    const key *k = key_find(name);
    if (!k)
        return key_unknown(name, where);
    if (k->flag)
        snprintf(where, sizeof where, "%s or --set", k->flag);
    return set(s, k, equals + 1, where);
}

static int apply_overrides(settings *s, const char *const *overrides, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (apply_override(s, overrides[i]))
            return -1;
    return 0;
}

static bool names_are_equal(const settings *s)
{
    return !strcmp(settings_text(s, "data.name_a"), settings_text(s, "data.name_b"));
}

static int check_names(const settings *s, const char *where)
{
    if (names_are_equal(s))
        return fail(STATUS_USAGE,
                    "%s: data.name_a and data.name_b are both %s; give the two outputs different "
                    "names",
                    where, settings_text(s, "data.name_a"));
    return 0;
}

/* Where the settings come from, from the weakest source to the strongest. */
typedef struct sources {
    const char *text, *origin;
    size_t length;
    bool environment;
    const char *const *overrides;
    size_t count;
} sources;

static int apply_all(settings *s, const sources *from)
{
    if (apply_defaults(s) || (from->length && apply_ini(s, from->text, from->length, from->origin)))
        return -1;
    const char *to_blame = names_are_equal(s) ? from->origin : "--set";
    if ((from->environment && apply_environment(s)) ||
        apply_overrides(s, from->overrides, from->count))
        return -1;
    return check_names(s, to_blame);
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

static settings *new_settings(void)
{
    settings *s = allocate(1, sizeof *s);
    if (!s)
        return NULL;
    s->values = allocate(key_count, sizeof *s->values);
    if (s->values)
        return s;
    settings_free(s);
    return NULL;
}

static int build(settings **out, const sources *from)
{
    settings *s = new_settings();
    if (!s)
        return -1;
    locale_t before = enter_plain_locale();
    int result = apply_all(s, from);
    leave_plain_locale(before);
    if (result) {
        settings_free(s);
        return -1;
    }
    *out = s;
    return 0;
}

int settings_parse(settings **out, const char *text, const char *origin,
                   const char *const *overrides, size_t count)
{
    return build(out, &(sources){text, origin, strlen(text), true, overrides, count});
}

int settings_parse_alone(settings **out, const char *text, const char *origin)
{
    return build(out, &(sources){.text = text, .origin = origin, .length = strlen(text)});
}

int settings_load(settings **out, const char *path, const char *const *overrides, size_t count)
{
    if (!path)
        return build(out, &(sources){"", "settings", 0, true, overrides, count});
    unsigned char *bytes;
    size_t length;
    if (settings_check_file(path, "config", "config.ini") ||
        file_read(path, FILE_LIMIT, STATUS_USAGE, &bytes, &length))
        return -1;
    int result = build(out, &(sources){(const char *)bytes, path, length, true, overrides, count});
    free(bytes);
    return result;
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

static int copy_values(settings *to, const settings *from)
{
    for (size_t i = 0; i < key_count; i++) {
        const char *text = from->values[i].text;
        to->values[i] = from->values[i];
        to->values[i].text = text ? copy_text(text) : NULL;
        if (text && !to->values[i].text)
            return -1;
    }
    return 0;
}

int settings_derive(settings **out, const settings *base, const char *const *overrides,
                    size_t count)
{
    settings *s = new_settings();
    if (!s)
        return -1;
    locale_t before = enter_plain_locale();
    int result = copy_values(s, base) || apply_overrides(s, overrides, count) ||
                         check_names(s, "the derived settings")
                     ? -1
                     : 0;
    leave_plain_locale(before);
    if (result) {
        settings_free(s);
        return -1;
    }
    *out = s;
    return 0;
}

void settings_free(settings *s)
{
    if (!s)
        return;
    for (size_t i = 0; s->values && i < key_count; i++)
        free(s->values[i].text);
    free(s->values);
    free(s);
}

/* ---- Reading ---- */

/* types: bits 1 << enum key_type of those that the caller can take. */
static const key_value *get(const settings *s, const char *name, unsigned types)
{
    const key *k = key_find(name);
    if (!k || !(types & 1u << k->type)) {
        fprintf(stderr, "unblend: bug: setting %s is %s\n", name,
                k ? "of another type" : "not declared");
        abort();
    }
    return &s->values[k - keys];
}

long settings_int(const settings *s, const char *key)
{
    return get(s, key, 1u << KEY_INT)->whole;
}

double settings_real(const settings *s, const char *key)
{
    return get(s, key, 1u << KEY_REAL)->real;
}

bool settings_flag(const settings *s, const char *key)
{
    return get(s, key, 1u << KEY_FLAG)->flag;
}

const char *settings_text(const settings *s, const char *key)
{
    return get(s, key, 1u << KEY_TEXT | 1u << KEY_CHOICE | 1u << KEY_NAME)->text;
}

/* ---- Writing ---- */

char *settings_ini(const settings *s)
{
    return settings_ini_without(s, NULL);
}

char *settings_ini_without(const settings *s, const char *section)
{
    size_t prefix = section ? strlen(section) : 0;
    char *text = NULL;
    size_t length;
    FILE *out = open_memstream(&text, &length);
    if (!out) {
        fail(STATUS_MEMORY, "out of memory: the settings as text");
        return NULL;
    }
    locale_t before = enter_plain_locale();
    for (size_t i = 0; i < key_count; i++) {
        if (section && !strncmp(keys[i].name, section, prefix) && keys[i].name[prefix] == '.')
            continue;
        key_write_section(i, out);
        key_write(&keys[i], &s->values[i], out);
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
