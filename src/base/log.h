/* Messages for the person at the terminal. They go to stderr; results go to stdout. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>

enum log_level { LOG_SILENT, LOG_QUIET, LOG_NORMAL, LOG_VERBOSE };

void log_set_level(enum log_level level);

void log_info(const char *format, ...) __attribute__((format(printf, 1, 2)));    /* not if quiet */
void log_detail(const char *format, ...) __attribute__((format(printf, 1, 2)));  /* if verbose */
void log_warning(const char *format, ...) __attribute__((format(printf, 1, 2))); /* not if silent */

/* The live progress line: rewritten in place on a terminal, dropped elsewhere and if quiet.
 * log_info and the others clear it before they print. */
bool log_is_live(void);
void log_live(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_live_end(void);

#endif
