#include "separate/gallery.h"

#include "base/error.h"
#include "base/files.h"
#include "base/memory.h"
#include <stdlib.h>
#include <string.h>

/* The template, its style and its script; the Makefile makes strings of these files. */
extern const char gallery_html[], gallery_css[], gallery_js[];

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

/* The page with the text in its place, which it has once; the page itself is released. Each of them
 * may be NULL after fail(). */
static char *fill(char *page, const char *place, const char *text)
{
    const char *at = page && text ? strstr(page, place) : NULL;
    char *filled =
        at ? format_text("%.*s%s%s", (int)(at - page), page, text, at + strlen(place)) : NULL;
    free(page);
    return filled;
}

int gallery_write(const char *path, const json_t *manifest)
{
    char *text = script_text(manifest);
    char *page = fill(copy_text(gallery_html), "@STYLE@", gallery_css);
    page = fill(page, "@SCRIPT@", gallery_js);
    page = fill(page, "@MANIFEST@", text); /* last: it may hold anything */
    int result = page ? file_write_atomic(path, page, strlen(page)) : -1;
    free(page);
    free(text);
    return result;
}
