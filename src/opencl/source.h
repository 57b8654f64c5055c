/* The text of a .cl file as the compiler gets it. */
#ifndef OPENCL_SOURCE_H
#define OPENCL_SOURCE_H

#include <stddef.h>

/*
 * cl/<file>.cl with every #include "x" replaced by cl/x, each file once, and #line directives so
 * that the compiler's messages name file and line. An #include is expanded unconditionally: the
 * first one counts, whatever #if it is in. Release with free(); NULL on failure.
 */
char *source_expand(const char *file);

/* Every cl/x.cl, expanded, in the order of their names. Release with sources_free(). */
int sources_expand(char ***texts, size_t *count);
void sources_free(char **texts, size_t count);

#endif
