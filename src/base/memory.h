/*
 * Host memory that fails the way everything else does: NULL after fail(STATUS_MEMORY, ...).
 * What these return is released with free().
 */
#ifndef BASE_MEMORY_H
#define BASE_MEMORY_H

#include <stddef.h>

/* count * size zeroed bytes; the product is checked for overflow. */
void *allocate(size_t count, size_t size);

/*
 * Grows an array (of item_size bytes each) so that it holds at least `needed`; the new part is not
 * zeroed. pointer is the address of the pointer to it, whatever its type. Returns 0, or -1 with pointer
 * and capacity untouched.
 *
 *     grow(&list->items, &list->capacity, list->count + 1, sizeof *list->items)
 */
int grow(void *pointer, size_t *capacity, size_t needed, size_t item_size);

/* A copy of text, or printf into a string of just the right length. */
char *copy_text(const char *text);
char *format_text(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
