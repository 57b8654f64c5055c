#include "base/json.h"

#include "base/error.h"
#include "base/files.h"
#include "base/memory.h"
#include "base/utf8.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

json_t *text_as_json(const char *text)
{
    json_t *value = json_string(text);
    if (value)
        return value;
    char *legible = allocate(strlen(text) + 1, sizeof "\\xNN" - 1), *end = legible;
    for (size_t length; legible && *text; text += length) {
        length = utf8_length(text);
        if (length) {
            memcpy(end, text, length);
            end += length;
        } else {
            end += sprintf(end, "\\x%02X", (unsigned char)*text);
            length = 1;
        }
    }
    value = legible ? json_string(legible) : NULL;
    free(legible);
    return value;
}

json_t *number_as_json(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

static char *to_text(json_t *document)
{
    char *text = document ? json_dumps(document, JSON_INDENT(2)) : NULL;
    json_decref(document);
    if (!text)
        fail(STATUS_MEMORY, "out of memory: a JSON document");
    return text;
}

int print_json(json_t *document)
{
    char *text = to_text(document);
    if (!text)
        return -1;
    puts(text);
    free(text);
    return 0;
}

int write_json(const char *path, json_t *document)
{
    char *text = to_text(document);
    if (!text)
        return -1;
    size_t length = strlen(text);
    text[length] = '\n'; /* in place of the final zero */
    int result = file_write_atomic(path, text, length + 1);
    free(text);
    return result;
}
