#include "separate/gallery.h"

#include "base/error.h"
#include "base/files.h"
#include "base/memory.h"
#include <stdlib.h>
#include <string.h>

/* The template; the Makefile makes a string of it. */
extern const char gallery_html[];

static const char place[] = "@MANIFEST@"; /* there once, where the manifest goes */

/* "<" may not stand in a script, where "</script>" or "<!--" would be read as HTML. JSON has it only
 * inside of strings. */
static char *escape(const char *json)
{
    static const char escaped[] = "\\u003c";
    size_t more = 0;
    for (const char *c = json; *c; c++)
        if (*c == '<')
            more += sizeof escaped - 2;
    char *text = allocate(strlen(json) + more + 1, 1), *end = text;
    for (const char *c = json; text && *c; c++) {
        if (*c == '<')
            end = stpcpy(end, escaped);
        else
            *end++ = *c;
    }
    return text;
}

/* In ASCII: JavaScript once took U+2028 and U+2029 for ends of lines. */
static char *script_text(const json_t *manifest)
{
    char *json = manifest ? json_dumps(manifest, JSON_COMPACT | JSON_ENSURE_ASCII) : NULL;
    if (!json) {
        fail(STATUS_MEMORY, "out of memory: a gallery");
        return NULL;
    }
    char *text = escape(json);
    free(json);
    return text;
}

int gallery_write(const char *path, const json_t *manifest)
{
    char *text = script_text(manifest);
    if (!text)
        return -1;
    const char *at = strstr(gallery_html, place);
    char *page =
        format_text("%.*s%s%s", (int)(at - gallery_html), gallery_html, text, at + strlen(place));
    free(text);
    int result = page ? file_write_atomic(path, page, strlen(page)) : -1;
    free(page);
    return result;
}
