/* What every JSON document of ours is made with, beside jansson itself. */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include <jansson.h>

/* A JSON string of any bytes, e.g. a file name: JSON is UTF-8, so a byte that is not part of UTF-8
 * text is written as \xNN. NULL without memory, as jansson's own constructors. */
json_t *text_as_json(const char *text);

/* null for what is not finite: JSON has no such numbers. */
json_t *number_as_json(double value);

/* Both take document over, NULL too: jansson gives it when memory ran out. */
int print_json(json_t *document);                   /* to stdout */
int write_json(const char *path, json_t *document); /* atomically */

#endif
