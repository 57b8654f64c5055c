#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static _Thread_local char message[1 << 14]; /* a compiler's log fits */
static _Thread_local enum status status;

/* Names of files, values and what drivers say may hold anything; a terminal acts on some of it. */
static void disarm(char *text)
{
    for (; *text; text++)
        if ((*text >= 0 && *text < ' ' && *text != '\n' && *text != '\t') || *text == 0x7F)
            *text = '?';
}

int fail(enum status code, const char *format, ...)
{
    char text[sizeof message]; /* the arguments may point into message */
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    disarm(text);
    memcpy(message, text, sizeof message);
    status = code;
    return -1;
}

int fail_while(const char *format, ...)
{
    char what[512], inner[sizeof message];
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    disarm(what);
    memcpy(inner, message, sizeof inner);
    snprintf(message, sizeof message, "%s: %.*s", what, (int)(sizeof message - sizeof what - 4),
             inner);
    return -1;
}

const char *error_message(void)
{
    return message;
}

enum status error_status(void)
{
    return status;
}

void error_clear(void)
{
    message[0] = '\0';
    status = STATUS_OK;
}
