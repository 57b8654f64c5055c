#include "opencl/source.h"

#include "base/error.h"
#include "base/files.h"
#include "base/memory.h"
#include "opencl/kernel.h"
#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SOURCE_LIMIT = 4 << 20, NAME_LIMIT = 128 };

typedef struct expansion {
    const char *directory;
    void *text; /* char, zero-terminated */
    size_t length, capacity;
    void *seen; /* char[NAME_LIMIT], the files included so far */
    size_t seen_count, seen_capacity;
} expansion;

static int append(expansion *e, const char *bytes, size_t length)
{
    if (grow(&e->text, &e->capacity, e->length + length + 1, 1))
        return -1;
    char *end = (char *)e->text + e->length;
    memcpy(end, bytes, length);
    end[length] = '\0';
    e->length += length;
    return 0;
}

static int append_position(expansion *e, int line, const char *name)
{
    char text[NAME_LIMIT + 32];
    int length = snprintf(text, sizeof text, "#line %d \"%s\"\n", line, name);
    return append(e, text, (size_t)length);
}

static bool is_seen(const expansion *e, const char *name)
{
    const char(*seen)[NAME_LIMIT] = e->seen;
    for (size_t i = 0; i < e->seen_count; i++)
        if (!strcmp(seen[i], name))
            return true;
    return false;
}

static int mark_seen(expansion *e, const char *name)
{
    if (grow(&e->seen, &e->seen_capacity, e->seen_count + 1, NAME_LIMIT))
        return -1;
    char(*seen)[NAME_LIMIT] = e->seen;
    snprintf(seen[e->seen_count++], NAME_LIMIT, "%s", name);
    return 0;
}

/* Whether the line is #include "name"; <name> is left to the compiler. */
static bool read_include(const char *line, char name[NAME_LIMIT])
{
    int end = 0;
    line += strspn(line, " \t");
    if (*line++ != '#')
        return false;
    line += strspn(line, " \t");
    return sscanf(line, "include \"%127[^\"\n]\"%n", name, &end) == 1 && end;
}

static int expand_file(expansion *e, const char *name);

static int expand_line(expansion *e, const char *name, int number, const char *line, size_t length)
{
    char included[NAME_LIMIT];
    if (!read_include(line, included))
        return append(e, line, length);
    if (!is_seen(e, included) && expand_file(e, included))
        return fail_while("%s:%d: #include \"%s\"", name, number, included);
    return append_position(e, number + 1, name);
}

/* An include nests at most as deep as there are files, because each is read once. */
static int expand_file(expansion *e, const char *name)
{
    unsigned char *bytes = NULL;
    size_t length;
    int result = -1;
    char *path = path_join(e->directory, name);
    if (!path || mark_seen(e, name) ||
        file_read(path, SOURCE_LIMIT, STATUS_DEVICE, &bytes, &length) ||
        append_position(e, 1, name))
        goto done;
    const char *line = (const char *)bytes;
    for (int number = 1; *line; number++) {
        size_t line_length = strcspn(line, "\n");
        line_length += line[line_length] == '\n';
        if (expand_line(e, name, number, line, line_length))
            goto done;
        line += line_length;
    }
    result = append(e, "\n", 1); /* the file's last line may lack one */
done:
    free(bytes);
    free(path);
    return result;
}

char *source_expand(const char *file)
{
    expansion e = {.directory = kernel_directory()};
    char name[NAME_LIMIT];
    int length = snprintf(name, sizeof name, "%s.cl", file);
    if (!e.directory)
        return NULL;
    if (length < 0 || (size_t)length >= sizeof name) {
        fail(STATUS_RUNTIME, "the kernel file name \"%s\" is too long", file);
        return NULL;
    }
    int result = expand_file(&e, name);
    free(e.seen);
    if (result) {
        free(e.text);
        return NULL;
    }
    return e.text;
}

/* ---- All of them ---- */

static int is_source(const struct dirent *entry)
{
    const char *dot = strrchr(entry->d_name, '.');
    return entry->d_name[0] != '.' && dot && !strcmp(dot, ".cl");
}

/* The same in every locale. */
static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

int sources_expand(char ***texts, size_t *count)
{
    struct dirent **entries;
    const char *directory = kernel_directory();
    int found = directory ? scandir(directory, &entries, is_source, by_name) : -1, result = 0;
    if (found < 0)
        return directory ? fail(STATUS_DEVICE, "%s: %s", directory, strerror(errno)) : -1;
    *count = (size_t)found;
    *texts = allocate(*count, sizeof **texts);
    for (size_t i = 0; i < *count; i++) {
        *strrchr(entries[i]->d_name, '.') = '\0';
        if (*texts && !result && !((*texts)[i] = source_expand(entries[i]->d_name)))
            result = -1;
        free(entries[i]);
    }
    free(entries);
    if (*texts && !result)
        return 0;
    sources_free(*texts, *count);
    return -1;
}

void sources_free(char **texts, size_t count)
{
    for (size_t i = 0; texts && i < count; i++)
        free(texts[i]);
    free(texts);
}
