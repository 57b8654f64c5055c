#include "base/quoting.h"

#include "base/error.h"
#include "base/log.h"
#include "base/utf8.h"
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* ---- Reading ---- */

char *value_strip(char *text)
{
    text += strspn(text, " \t");
    size_t length = strlen(text);
    while (length && is_blank(text[length - 1]))
        length--;
    text[length] = '\0';
    return text;
}

static char *find_end(char *text, const char *stops, bool comments)
{
    if (*text == '"' || *text == '\'') {
        char *closing = strchr(text + 1, *text);
        return closing ? closing + 1 : NULL;
    }
    char *end = text;
    for (char *at = text; *at && !strchr(stops, *at); at++) {
        if (comments && (*at == ';' || *at == '#') && (at == text || is_blank(at[-1])))
            break;
        if (!is_blank(*at))
            end = at + 1;
    }
    return end;
}

char *value_end(char *text, const char *stops)
{
    return find_end(text, stops, true);
}

char *value_item_end(char *text, const char *stops)
{
    return find_end(text, stops, false);
}

void value_warn_of_comment(const char *value, const char *name, const char *where)
{
    const char *mark = *value == '"' || *value == '\'' ? NULL : strpbrk(value, ";#");
    if (mark)
        log_warning("%s: %s = %.80s: the %c belongs to the value, as no blank is in front of it; "
                    "put the value into \"...\" to say so, or a blank in front of a comment",
                    where, name, value, *mark);
}

/* The byte of two hexadecimal digits; -1 if they are none. */
static int hexadecimal(const char *digits)
{
    if (!isxdigit((unsigned char)digits[0]) || !isxdigit((unsigned char)digits[1]))
        return -1;
    char pair[3] = {digits[0], digits[1]};
    return (int)strtol(pair, NULL, 16);
}

int value_unescape(char *text, const char *name, const char *where)
{
    char *out = text;
    while (*text) {
        if (*text != '\\') {
            *out++ = *text++;
        } else if (text[1] == '\\') {
            *out++ = '\\';
            text += 2;
        } else {
            int byte = text[1] == 'x' ? hexadecimal(text + 2) : -1;
            if (!byte)
                return fail(STATUS_USAGE, "%s: %s: \\x00 is a zero byte, which no value can hold",
                            where, name);
            if (byte < 0)
                return fail(STATUS_USAGE,
                            "%s: %s: \\%.1s is no escape; inside \"...\" a backslash is written "
                            "\\\\, any other byte \\xHH, and '...' takes both as they are",
                            where, name, text + 1);
            *out++ = (char)byte;
            text += 4;
        }
    }
    *out = '\0';
    return 0;
}

int value_unquote(char **text, const char *name, const char *where)
{
    char quote = **text;
    size_t length = strlen(*text);
    if ((quote != '"' && quote != '\'') || length < 2 || (*text)[length - 1] != quote)
        return 0;
    (*text)[length - 1] = '\0';
    ++*text;
    return quote == '"' ? value_unescape(*text, name, where) : 0;
}

/* ---- Writing ---- */

/* How many bytes are written as they are in "...": a character of UTF-8, or 0. */
static size_t plain_length(const char *text)
{
    unsigned char byte = (unsigned char)*text;
    return byte < ' ' || byte == 0x7F || byte == '"' || byte == '\\' ? 0 : utf8_length(text);
}

void value_write(const char *text, FILE *out)
{
    fputc('"', out);
    for (size_t length; *text; text += length ? length : 1) {
        length = plain_length(text);
        if (length)
            fwrite(text, 1, length, out);
        else if (*text == '\\')
            fputs("\\\\", out);
        else
            fprintf(out, "\\x%02X", (unsigned)(unsigned char)*text);
    }
    fputc('"', out);
}

size_t value_written_length(const char *text)
{
    size_t total = 0;
    for (size_t length; *text; text += length ? length : 1) {
        length = plain_length(text);
        total += length ? length : *text == '\\' ? strlen("\\\\") : strlen("\\xHH");
    }
    return total;
}
