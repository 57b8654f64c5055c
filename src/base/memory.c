#define _POSIX_C_SOURCE 200809L
#include "base/memory.h"

#include "base/error.h"
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void *allocate(size_t count, size_t size)
{
    void *p = calloc(count ? count : 1, size ? size : 1);
    if (!p)
        fail(STATUS_MEMORY, "out of memory: %zu x %zu bytes", count, size);
    return p;
}

/* The pointer is copied rather than read through a void **, which may not alias a T **. */
int grow(void *pointer, size_t *capacity, size_t needed, size_t item_size)
{
    if (needed <= *capacity)
        return 0;
    size_t larger = *capacity < 8 ? 8 : *capacity * 2;
    if (larger < needed)
        larger = needed;
    if (larger > SIZE_MAX / item_size)
        return fail(STATUS_MEMORY, "out of memory: %zu x %zu bytes", larger, item_size);
    void *moved;
    memcpy(&moved, pointer, sizeof moved);
    moved = realloc(moved, larger * item_size);
    if (!moved)
        return fail(STATUS_MEMORY, "out of memory: %zu x %zu bytes", larger, item_size);
    memcpy(pointer, &moved, sizeof moved);
    *capacity = larger;
    return 0;
}

char *copy_text(const char *text)
{
    char *copy = strdup(text);
    if (!copy)
        fail(STATUS_MEMORY, "out of memory: a string of %zu bytes", strlen(text));
    return copy;
}

char *format_text(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int length = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (length < 0) {
        fail(STATUS_RUNTIME, "cannot format \"%s\"", format);
        return NULL;
    }
    char *text = allocate((size_t)length + 1, 1);
    if (!text)
        return NULL;
    va_start(args, format);
    vsnprintf(text, (size_t)length + 1, format, args);
    va_end(args);
    return text;
}
