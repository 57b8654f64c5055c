#define _POSIX_C_SOURCE 200809L
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static _Atomic enum log_level current = LOG_NORMAL; /* the library sets it in any thread */
static _Atomic bool line_open;                      /* a live line is on the terminal */

void log_set_level(enum log_level level)
{
    current = level;
}

bool log_is_live(void)
{
    const char *terminal = getenv("TERM");
    return current > LOG_QUIET && isatty(STDERR_FILENO) && terminal && strcmp(terminal, "dumb");
}

void log_live_end(void)
{
    if (line_open)
        fputs("\r\033[K", stderr);
    line_open = false;
}

/* What fits on one line: a line that wraps could not be rewritten in place. */
static int terminal_width(void)
{
    struct winsize size;
    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) || size.ws_col < 2)
        return 79;
    return size.ws_col - 1;
}

void log_live(const char *format, ...)
{
    if (!log_is_live())
        return;
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    /* One write that overwrites, then clears the rest: erasing first would flicker. */
    char line[sizeof text + 8];
    snprintf(line, sizeof line, "\r%.*s\033[K", terminal_width(), text);
    fputs(line, stderr);
    fflush(stderr);
    line_open = true;
}

static void print_line(const char *prefix, const char *format, va_list args)
{
    log_live_end();
    fputs(prefix, stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
}

void log_info(const char *format, ...)
{
    if (current < LOG_NORMAL)
        return;
    va_list args;
    va_start(args, format);
    print_line("", format, args);
    va_end(args);
}

void log_detail(const char *format, ...)
{
    if (current < LOG_VERBOSE)
        return;
    va_list args;
    va_start(args, format);
    print_line("", format, args);
    va_end(args);
}

void log_warning(const char *format, ...)
{
    if (current < LOG_QUIET)
        return;
    va_list args;
    va_start(args, format);
    print_line("unblend: warning: ", format, args);
    va_end(args);
}
