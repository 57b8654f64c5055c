/* Time that only runs forward, and how to say it. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stddef.h>

double clock_seconds(void);

/* "0:07", "12:40", "3:05:00"; returns text. */
const char *clock_text(double seconds, char *text, size_t size);

#endif
