#include "base/guess.h"
#include "base/memory.h"
#include "base/number.h"
#include "base/quoting.h"
#include "config/config.h"
#include "config/family.h"
#include "config/keys.h"
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ---- Where values are ---- */

static bool holds_text(const key *k)
{
    return k->type == KEY_TEXT || k->type == KEY_WORD;
}

static size_t item_size(const key *k)
{
    switch (k->type) {
    case KEY_INT:
    case KEY_CHOICE:
        return sizeof(int);
    case KEY_REAL:
        return sizeof(double);
    case KEY_FLAG:
        return sizeof(bool);
    case KEY_TEXT:
    case KEY_WORD:
        return sizeof(char *);
    case KEY_NAME:
        return KEY_NAME_LIMIT + 1;
    case KEY_RANGE:
        return sizeof(struct value_range);
    case KEY_SIZE:
        break;
    }
    return sizeof(struct image_format);
}

static void *item(const key *k, const void *object, int i)
{
    return (char *)object + k->field + (size_t)i * item_size(k);
}

static int *list_count(const key *k, const void *object)
{
    return (int *)((char *)object + k->count);
}

static int item_count(const key *k, const void *object)
{
    return k->most ? *list_count(k, object) : 1;
}

/* ---- What is allowed ---- */

/* In lists of numbers blanks do as well as commas. */
static bool separated_by_blanks(const key *k)
{
    return k->type == KEY_INT || k->type == KEY_REAL;
}

static void write_choices(const char *choices, FILE *out)
{
    for (; *choices; choices++) {
        if (*choices == '|')
            fputs(", ", out);
        else
            fputc(*choices, out);
    }
}

void key_write_allowed(const key *k, FILE *out)
{
    if (k->family == FAMILY_EPOCHS) {
        fputs("EPOCH = PATTERN, PATTERN ...", out);
        return;
    }
    if (k->family == FAMILY_PATTERNS) {
        fprintf(out, "PATTERN = NUMBER above %g, to %g", k->low, k->high);
        return;
    }
    const char *items = separated_by_blanks(k) ? " numbers, each" : ", separated by commas:";
    if (k->most && k->fewest)
        fprintf(out, "%d to %d%s ", k->fewest, k->most, items);
    else if (k->most)
        fprintf(out, "none, or up to %d%s ", k->most, items);
    if (k->choices) {
        write_choices(k->choices, out);
        return;
    }
    switch (k->type) {
    case KEY_INT:
    case KEY_REAL:
        fprintf(out, k->above_low ? "above %.10g, to %.10g" : "%.10g to %.10g", k->low, k->high);
        break;
    case KEY_SIZE:
        fprintf(out, "HEIGHTxWIDTH, each %.10g to %.10g", k->low, k->high);
        break;
    case KEY_RANGE:
        fprintf(out, "LOW .. HIGH, each %.10g to %.10g", k->low, k->high);
        break;
    case KEY_FLAG:
        fputs("true, false", out);
        break;
    case KEY_NAME:
        fprintf(out, "1 to %d of a-z, 0-9, _ and -", KEY_NAME_LIMIT);
        break;
    case KEY_TEXT:
    case KEY_CHOICE:
    case KEY_WORD:
        fprintf(out, "text of at most %d bytes", KEY_TEXT_LIMIT);
        break;
    }
}

int key_refuse(const key *k, const char *text, const char *where, const char *why, const char *hint)
{
    char allowed[256] = "";
    FILE *out = fmemopen(allowed, sizeof allowed, "w");
    if (out) {
        key_write_allowed(k, out);
        fclose(out);
    }
    return fail(STATUS_USAGE, "%s: %s = %.80s: %s (allowed: %s)%s", where, k->name,
                *text ? text : "(nothing)", why, allowed, hint);
}

/* ---- Text to value ---- */

/* *index is which of the choices text is. */
static int parse_choice(const key *k, const char *text, const char *where, int *index)
{
    guess g = guess_of(text);
    *index = 0;
    for (const char *word = k->choices; *word; ++*index) {
        char name[64];
        size_t length = strcspn(word, "|");
        snprintf(name, sizeof name, "%.*s", (int)length, word);
        if (!strcmp(name, text))
            return 0;
        guess_offer(&g, name, name);
        word += length + (word[length] == '|');
    }
    return key_refuse(k, text, where, "no such choice", k->type == KEY_INT ? "" : g.hint);
}

static int parse_whole(const key *k, const char *text, const char *where, int *out)
{
    long value;
    int index;
    enum number result = number_whole(text, (long)k->low, (long)k->high, &value);
    if (result == NUMBER_MALFORMED)
        return key_refuse(k, text, where, "not a whole number", "");
    if (result == NUMBER_OUT_OF_RANGE || (k->above_low && (double)value <= k->low))
        return key_refuse(k, text, where, "out of range", "");
    if (k->choices && parse_choice(k, text, where, &index))
        return -1;
    *out = (int)value;
    return 0;
}

static int parse_real(const key *k, const char *text, const char *where, double *out)
{
    double value;
    enum number result = number_real(text, k->low, k->high, &value);
    if (result == NUMBER_MALFORMED)
        return key_refuse(k, text, where, "not a number", "");
    if (result == NUMBER_OUT_OF_RANGE || (k->above_low && value <= k->low))
        return key_refuse(k, text, where, "out of range", "");
    *out = value;
    return 0;
}

static int parse_flag(const key *k, const char *text, const char *where, bool *out)
{
    *out = !strcasecmp(text, "true");
    if (!*out && strcasecmp(text, "false"))
        return key_refuse(k, text, where, "neither true nor false", "");
    return 0;
}

static int parse_text(const key *k, const char *text, const char *where, char **out)
{
    size_t written = value_written_length(text);
    int index;
    if (k->type == KEY_WORD && parse_choice(k, text, where, &index))
        return -1;
    if (k->filled && !*text)
        return key_refuse(k, text, where, "empty", "");
    if (written > KEY_TEXT_LIMIT)
        return key_refuse(
            k, text, where,
            written > strlen(text) ? "too long, as \\xHH takes four bytes" : "too long", "");
    char *copy = copy_text(text);
    if (!copy)
        return -1;
    free(*out);
    *out = copy;
    return 0;
}

static int parse_name(const key *k, const char *text, const char *where, char *out)
{
    size_t length = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_-");
    if (text[length] || length < 1 || length > KEY_NAME_LIMIT)
        return key_refuse(k, text, where, "not a name", "");
    memcpy(out, text, length + 1);
    return 0;
}

static int parse_size(const key *k, const char *text, const char *where, struct image_format *out)
{
    char height[16];
    size_t length = strcspn(text, "x");
    long sides[2];
    if (text[length] != 'x' || length >= sizeof height)
        return key_refuse(k, text, where, "not a size", "");
    snprintf(height, sizeof height, "%.*s", (int)length, text);
    const char *const parts[2] = {height, text + length + 1};
    for (int i = 0; i < 2; i++) {
        enum number result = number_whole(parts[i], (long)k->low, (long)k->high, &sides[i]);
        if (result != NUMBER_OK)
            return key_refuse(k, text, where,
                              result == NUMBER_MALFORMED ? "not a size" : "out of range", "");
    }
    out->height = (int)sides[0];
    out->width = (int)sides[1];
    return 0;
}

static int parse_range(const key *k, const char *text, const char *where, struct value_range *out)
{
    char low[32];
    struct value_range range;
    const char *dots = strstr(text, "..");
    size_t length = dots ? (size_t)(dots - text) : strlen(text);
    while (length && strchr(" \t", text[length - 1]))
        length--;
    if (length >= sizeof low)
        return key_refuse(k, text, where, "not a range", "");
    snprintf(low, sizeof low, "%.*s", (int)length, text);
    const char *high = dots ? dots + 2 + strspn(dots + 2, " \t") : low;
    enum number results[] = {number_real(low, k->low, k->high, &range.low),
                             number_real(high, k->low, k->high, &range.high)};
    for (int i = 0; i < 2; i++)
        if (results[i] != NUMBER_OK)
            return key_refuse(k, text, where,
                              results[i] == NUMBER_MALFORMED ? "not a range" : "out of range", "");
    if (range.low > range.high)
        return key_refuse(k, text, where, "the first number is above the second", "");
    *out = range;
    return 0;
}

static int parse_item(const key *k, const char *text, const char *where, void *out)
{
    switch (k->type) {
    case KEY_INT:
        return parse_whole(k, text, where, out);
    case KEY_CHOICE:
        return parse_choice(k, text, where, out);
    case KEY_REAL:
        return parse_real(k, text, where, out);
    case KEY_FLAG:
        return parse_flag(k, text, where, out);
    case KEY_TEXT:
    case KEY_WORD:
        return parse_text(k, text, where, out);
    case KEY_NAME:
        return parse_name(k, text, where, out);
    case KEY_RANGE:
        return parse_range(k, text, where, out);
    case KEY_SIZE:
        break;
    }
    return parse_size(k, text, where, out);
}

/* ---- Lists ---- */

/* Adds the item that *text begins with, and moves *text behind the comma after it, or to the end. */
static int parse_next(const key *k, char **text, const char *whole, const char *where, void *object)
{
    int *count = list_count(k, object);
    bool blanks = separated_by_blanks(k);
    char *begin = *text + strspn(*text, " \t"), *end = value_item_end(begin, blanks ? ", \t" : ",");
    if (!end)
        return fail(STATUS_USAGE, "%s: %s: the closing %c is missing", where, k->name, *begin);
    char *behind = end + strspn(end, " \t");
    bool comma = *behind == ',';
    if (*behind && !comma && !(blanks && behind > end))
        return fail(STATUS_USAGE, "%s: %s: there is text after the closing %c", where, k->name,
                    *begin);
    bool last = !*behind;
    *end = '\0';
    if (!*begin)
        return key_refuse(k, whole, where, "an item is empty", "");
    if (*count == k->most)
        return key_refuse(k, whole, where, "too many items", "");
    if (value_unquote(&begin, k->name, where) ||
        parse_item(k, begin, where, item(k, object, *count)))
        return -1;
    ++*count;
    *text = last ? NULL : behind + comma;
    return 0;
}

/* The list as key_write() writes it must fit on a line. */
static size_t written_length(const key *k, const void *object)
{
    size_t length = 0;
    for (int i = 0; holds_text(k) && i < item_count(k, object); i++)
        length += value_written_length(*(char **)item(k, object, i)) + strlen("\"\", ");
    return length;
}

static int parse_list(const key *k, const char *text, const char *where, void *object)
{
    char *copy = copy_text(text), *rest = copy;
    int result = copy ? 0 : -1;
    key_release(k, object);
    if (rest && !rest[strspn(rest, " \t")])
        rest = NULL; /* no items */
    while (rest && !result)
        result = parse_next(k, &rest, text, where, object);
    if (!result && item_count(k, object) < k->fewest)
        result = key_refuse(k, text, where, "too few items", "");
    if (!result && written_length(k, object) > KEY_TEXT_LIMIT)
        result = key_refuse(k, text, where, "too long", "");
    free(copy);
    return result;
}

int key_parse(const key *k, const char *text, const char *where, void *object)
{
    return k->most ? parse_list(k, text, where, object)
                   : parse_item(k, text, where, item(k, object, 0));
}

/* ---- Ownership ---- */

int key_own(const key *k, void *copy)
{
    int result = 0;
    for (int i = 0; holds_text(k) && i < item_count(k, copy); i++) {
        char **text = item(k, copy, i);
        *text = *text && !result ? copy_text(*text) : NULL; /* what is not ours must not stay */
        result = *text ? result : -1;
    }
    return result;
}

void key_release(const key *k, void *object)
{
    for (int i = 0; holds_text(k) && i < item_count(k, object); i++) {
        char **text = item(k, object, i);
        free(*text);
        *text = NULL;
    }
    if (k->most)
        *list_count(k, object) = 0;
}

/* ---- Value to text ---- */

/* As few digits as read back to the same number. */
static void write_real(double value, FILE *out)
{
    char text[32];
    for (int digits = 1; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            break;
    }
    fputs(text, out);
}

static void write_choice(const char *choices, int index, FILE *out)
{
    while (index--)
        choices += strcspn(choices, "|") + 1;
    fprintf(out, "%.*s", (int)strcspn(choices, "|"), choices);
}

static void write_item(const key *k, const void *value, FILE *out)
{
    const struct image_format *size = value;
    const struct value_range *range = value;
    switch (k->type) {
    case KEY_INT:
        fprintf(out, "%d", *(const int *)value);
        break;
    case KEY_REAL:
        write_real(*(const double *)value, out);
        break;
    case KEY_FLAG:
        fputs(*(const bool *)value ? "true" : "false", out);
        break;
    case KEY_CHOICE:
        write_choice(k->choices, *(const int *)value, out);
        break;
    case KEY_WORD:
        fputs(*(char *const *)value, out);
        break;
    case KEY_NAME:
        fputs(value, out);
        break;
    case KEY_TEXT:
        value_write(*(char *const *)value, out);
        break;
    case KEY_SIZE:
        fprintf(out, "%dx%d", size->height, size->width);
        break;
    case KEY_RANGE:
        write_real(range->low, out);
        fputs(range->high > range->low ? " .. " : "", out);
        if (range->high > range->low)
            write_real(range->high, out);
        break;
    }
}

static void write_value(const key *k, const void *object, FILE *out)
{
    for (int i = 0; i < item_count(k, object); i++) {
        fputs(i ? ", " : "", out);
        write_item(k, item(k, object, i), out);
    }
}

void key_write(const key *k, const void *object, FILE *out)
{
    for (int i = 0; k->family && i < item_count(k, object); i++) {
        const char *text = *(char **)item(k, object, i);
        fprintf(out, "%s = %s\n", family_name(text).text, family_value(text));
    }
    if (k->family)
        return;
    fprintf(out, "%s = ", strrchr(k->name, '.') + 1);
    write_value(k, object, out);
    fputc('\n', out);
}

/* What a value of the object is as text. */
static char *value_text(const key *k, const void *object)
{
    char *text = NULL;
    size_t length;
    FILE *out = open_memstream(&text, &length);
    bool broken = !out;
    if (out) {
        write_value(k, object, out);
        broken = ferror(out);
        broken = fclose(out) || broken;
    }
    if (!broken)
        return text;
    free(text);
    fail(STATUS_MEMORY, "out of memory: %s", k->name);
    return NULL;
}

char *key_normalize(const key *k, const char *text, const char *where)
{
    struct config scratch = {0};
    char *normal = key_parse(k, text, where, &scratch) ? NULL : value_text(k, &scratch);
    key_release(k, &scratch);
    return normal;
}
