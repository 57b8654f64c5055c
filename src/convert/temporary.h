/*
 * A file in a directory of its own below $TMPDIR (/tmp):
 *
 *     temporary t;
 *     if (temporary_make(&t, "unpacked.safetensors")) ...
 *     int result = write(t.file);
 *     return temporary_remove(&t, result);
 *
 * In between, signals are caught (base/signals.h), so that none leaves the directory behind.
 */
#ifndef CONVERT_TEMPORARY_H
#define CONVERT_TEMPORARY_H

typedef struct temporary {
    char *directory, *file; /* the file is not made */
} temporary;

int temporary_make(temporary *out, const char *name);

/* What was done with the file: `result`, or -1 after fail() with the exit code of a signal that came meanwhile. */
int temporary_remove(temporary *t, int result);

#endif
