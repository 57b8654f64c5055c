#include "config/family.h"

#include "base/memory.h"
#include "base/number.h"
#include "base/quoting.h"
#include "config/config.h"
#include "config/keys.h"
#include <stdlib.h>
#include <string.h>

enum { EPOCH_MAX = 1000000 };

long family_epoch(const char *text)
{
    return strtol(text, NULL, 10);
}

const char *family_value(const char *text)
{
    return strchr(text, '=') + 1;
}

pattern family_name(const char *text)
{
    pattern name;
    snprintf(name.text, sizeof name.text, "%.*s", (int)strcspn(text, "="), text);
    return name;
}

bool family_next_pattern(const char **list, pattern *out)
{
    const char *begin = *list + strspn(*list, ", ");
    size_t length = strcspn(begin, ",");
    snprintf(out->text, sizeof out->text, "%.*s", (int)length, begin);
    *list = begin + length;
    return length > 0;
}

bool pattern_is_valid(const char *text)
{
    size_t length = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_/*?[]!-");
    return length && !text[length] && length <= PATTERN_LIMIT;
}

/* ---- Values ---- */

/* "a*, 'b*'" as "a*, b*"; release with free(). NULL after fail(). */
static char *read_patterns(const key *k, const char *text, const char *where)
{
    struct list {
        char *items[PATTERNS_MAX];
        int count;
    } list = {.count = 0};
    const key as_list = {.name = k->name,
                         .type = KEY_TEXT,
                         .field = offsetof(struct list, items),
                         .count = offsetof(struct list, count),
                         .fewest = 1,
                         .most = PATTERNS_MAX,
                         .filled = true};
    char *all = NULL;
    int result = key_parse(&as_list, text, where, &list);
    for (int i = 0; i < list.count && !result; i++) {
        if (!pattern_is_valid(list.items[i])) {
            result =
                key_refuse(k, list.items[i], where, "not a valid pattern of parameter names", "");
            break;
        }
        char *longer = all ? format_text("%s, %s", all, list.items[i]) : copy_text(list.items[i]);
        free(all);
        all = longer;
        result = all ? 0 : -1;
    }
    key_release(&as_list, &list);
    if (!result && strlen(all) > KEY_TEXT_LIMIT)
        result = key_refuse(k, all, where, "too long", "");
    if (!result)
        return all;
    free(all);
    return NULL;
}

/* As it is written, without quotes; release with free(). NULL after fail(). */
static char *read_factor(const key *k, const char *text, const char *where)
{
    double value;
    char *copy = copy_text(text), *begin = copy;
    if (!copy || value_unquote(&begin, k->name, where)) {
        free(copy);
        return NULL;
    }
    memmove(copy, begin, strlen(begin) + 1);
    enum number result = number_real(copy, k->low, k->high, &value);
    if (result == NUMBER_OK && value > k->low)
        return copy;
    key_refuse(k, copy, where, result == NUMBER_MALFORMED ? "not a number" : "out of range", "");
    free(copy);
    return NULL;
}

/* ---- Members ---- */

typedef struct members {
    char **texts;
    int *count;
} members;

static members members_of(const key *k, void *object)
{
    return (members){(char **)((char *)object + k->field), (int *)((char *)object + k->count)};
}

/* The one of that name, or -1. */
static int find_member(const members *m, const char *name)
{
    for (int i = 0; i < *m->count; i++)
        if (!strcmp(family_name(m->texts[i]).text, name))
            return i;
    return -1;
}

static void remove_member(const members *m, const char *name)
{
    int i = find_member(m, name);
    if (i < 0)
        return;
    free(m->texts[i]);
    memmove(&m->texts[i], &m->texts[i + 1], (size_t)(*m->count - i - 1) * sizeof *m->texts);
    m->texts[--*m->count] = NULL;
}

/* Takes the place of the one of that name; else an epoch comes where it belongs, and others last. */
static int put_member(const key *k, const members *m, const char *name, const char *value,
                      const char *where)
{
    int i = find_member(m, name);
    bool is_new = i < 0;
    if (is_new && *m->count == k->most)
        return key_refuse(k, value, where, "too many keys in this section", "");
    char *text = format_text("%s=%s", name, value);
    if (!text)
        return -1;
    if (is_new) {
        i = *m->count;
        while (k->family == FAMILY_EPOCHS && i > 0 &&
               family_epoch(m->texts[i - 1]) > family_epoch(name))
            i--;
        memmove(&m->texts[i + 1], &m->texts[i], (size_t)(*m->count - i) * sizeof *m->texts);
        ++*m->count;
    } else {
        free(m->texts[i]);
    }
    m->texts[i] = text;
    return 0;
}

/* The name as it is compared: an epoch without leading zeros. section: "unfreeze". */
static int read_name(const key *k, const char *section, const char *bare, const char *where,
                     pattern *out)
{
    long epoch;
    if (k->family == FAMILY_PATTERNS) {
        if (!pattern_is_valid(bare) || *bare == '[') /* where a section would begin */
            return fail(
                STATUS_USAGE,
                "%s: %.80s is not a valid pattern of parameter names; the keys of [%s] are such "
                "patterns",
                where, *bare ? bare : "(nothing)", section);
        snprintf(out->text, sizeof out->text, "%s", bare);
        return 0;
    }
    if (number_whole(bare, 1, EPOCH_MAX, &epoch) != NUMBER_OK)
        return fail(
            STATUS_USAGE,
            "%s: %.80s is not an epoch; the keys of [%s] are epochs (1 or more) and `every`", where,
            *bare ? bare : "(nothing)", section);
    snprintf(out->text, sizeof out->text, "%ld", epoch);
    return 0;
}

int key_parse_member(const key *k, const char *bare, const char *text, bool in_order,
                     const char *where, void *object)
{
    members m = members_of(k, object);
    pattern name;
    char section[32], whole[sizeof section + sizeof name];
    snprintf(section, sizeof section, "%.*s", (int)strcspn(k->name, "."), k->name);
    if (read_name(k, section, bare, where, &name))
        return -1;
    snprintf(whole, sizeof whole, "%s.%s", section, name.text);
    key member = *k;
    member.name = whole; /* for messages */
    bool epochs = k->family == FAMILY_EPOCHS;
    if (!in_order && !text[strspn(text, " \t")]) {
        remove_member(&m, name.text);
        return 0;
    }
    if (epochs && in_order && *m.count &&
        family_epoch(m.texts[*m.count - 1]) >= family_epoch(name.text))
        return fail(STATUS_USAGE, "%s: %s comes after %s.%ld; put epochs in order", where, whole,
                    section, family_epoch(m.texts[*m.count - 1]));
    char *value = (epochs ? read_patterns : read_factor)(&member, text, where);
    int result = value ? put_member(&member, &m, name.text, value, where) : -1;
    free(value);
    return result;
}
