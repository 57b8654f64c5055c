/*
 * A file in a directory of its own below $TMPDIR (/tmp):
 *
 *     temporary t;
 *     if (temporary_make(&t, "unpacked.safetensors")) ...
 *     write(t.file) ...
 *     temporary_remove(&t);
 */
#ifndef CONVERT_TEMPORARY_H
#define CONVERT_TEMPORARY_H

typedef struct temporary {
    char *directory, *file; /* the file is not made */
} temporary;

int temporary_make(temporary *out, const char *name);
void temporary_remove(temporary *t);

#endif
