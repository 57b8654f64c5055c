#include "config/family.h"

#include "base/memory.h"
#include "base/number.h"
#include "config/keys.h"
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { EPOCH_MAX = 1000000 };

long family_epoch(const char *text)
{
    return strtol(text, NULL, 10);
}

const char *family_value(const char *text)
{
    return strchr(text, '=') + 1;
}

bool family_next_pattern(const char **list, pattern *out)
{
    static const char blanks[] = " \t,";
    const char *begin = *list + strspn(*list, blanks);
    size_t length = strcspn(begin, blanks);
    size_t kept = length < PATTERN_LIMIT ? length : PATTERN_LIMIT;
    memcpy(out->text, begin, kept);
    out->text[kept] = '\0';
    *list = begin + length;
    return length > 0;
}

/* ---- Checks ---- */

static int check_pattern(const key *k, const char *text, const char *where)
{
    size_t length = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_/*?[]-");
    if (text[length] || length < 1)
        return key_refuse(k, text, where, "not a pattern of names of parameters", "");
    return length > PATTERN_LIMIT ? key_refuse(k, text, where, "too long", "") : 0;
}

static int check_patterns(const key *k, const char *list, const char *where)
{
    char whole[PATTERN_LIMIT + 2];
    if (strlen(list) > KEY_TEXT_LIMIT)
        return key_refuse(k, list, where, "too long", "");
    while (*(list += strspn(list, " \t,"))) {
        size_t length = strcspn(list, " \t,");
        snprintf(whole, sizeof whole, "%.*s",
                 (int)(length < sizeof whole ? length : PATTERN_LIMIT + 1), list);
        if (check_pattern(k, whole, where))
            return -1;
        list += length;
    }
    return 0;
}

static int check_factor(const key *k, const char *text, const char *where)
{
    double value;
    enum number result = number_real(text, k->low, k->high, &value);
    if (result == NUMBER_MALFORMED)
        return key_refuse(k, text, where, "not a number", "");
    return result == NUMBER_OK && value > k->low ? 0
                                                 : key_refuse(k, text, where, "out of range", "");
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

static void remove_member(const members *m, int i)
{
    free(m->texts[i]);
    memmove(&m->texts[i], &m->texts[i + 1], (size_t)(*m->count - i - 1) * sizeof *m->texts);
    m->texts[--*m->count] = NULL;
}

/* The one of that name, or -1. */
static int find_member(const members *m, const char *name)
{
    size_t length = strlen(name);
    for (int i = 0; i < *m->count; i++)
        if (!strncmp(m->texts[i], name, length) && m->texts[i][length] == '=')
            return i;
    return -1;
}

/* Where an epoch belongs among those that are there; other names go to the end. */
static int place_of(const key *k, const members *m, const char *name)
{
    int i = *m->count;
    while (k->family == FAMILY_EPOCHS && i > 0 &&
           family_epoch(m->texts[i - 1]) > family_epoch(name))
        i--;
    return i;
}

static int add_member(const key *k, const members *m, const char *name, const char *value,
                      const char *where)
{
    if (*m->count == k->most)
        return key_refuse(k, value, where, "too many keys", "");
    char *text = format_text("%s=%s", name, value);
    if (!text)
        return -1;
    int i = place_of(k, m, name);
    memmove(&m->texts[i + 1], &m->texts[i], (size_t)(*m->count - i) * sizeof *m->texts);
    m->texts[i] = text;
    ++*m->count;
    return 0;
}

/* The name as it is compared: an epoch without leading zeros. */
static int read_name(const key *k, const char *bare, const char *where, pattern *out)
{
    long epoch;
    if (k->family == FAMILY_PATTERNS) {
        if (check_pattern(k, bare, where))
            return -1;
        snprintf(out->text, sizeof out->text, "%s", bare);
        return 0;
    }
    if (number_whole(bare, 1, EPOCH_MAX, &epoch) != NUMBER_OK) {
        const char *dot = strchr(k->name, '.');
        return fail(STATUS_USAGE,
                    "%s: %.80s is no epoch; the keys of [%.*s] are numbers of epochs, from 1, and "
                    "`every`",
                    where, bare, (int)(dot - k->name), k->name);
    }
    snprintf(out->text, sizeof out->text, "%ld", epoch);
    return 0;
}

int key_parse_member(const key *k, const char *bare, const char *text, bool in_order,
                     const char *where, void *object)
{
    members m = members_of(k, object);
    pattern name;
    bool epochs = k->family == FAMILY_EPOCHS, empty = !text[strspn(text, " \t,")];
    if (read_name(k, bare, where, &name) ||
        (!empty && (epochs ? check_patterns(k, text, where) : check_factor(k, text, where))))
        return -1;
    if (empty && in_order)
        return key_refuse(k, "", where, "empty", "");
    if (epochs && in_order && *m.count &&
        family_epoch(m.texts[*m.count - 1]) >= family_epoch(name.text))
        return fail(STATUS_USAGE, "%s: epoch %s comes after epoch %ld; put epochs in order", where,
                    name.text, family_epoch(m.texts[*m.count - 1]));
    int there = find_member(&m, name.text);
    if (there >= 0)
        remove_member(&m, there);
    return empty ? 0 : add_member(k, &m, name.text, text, where);
}
