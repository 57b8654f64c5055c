/* The sections of a space's INI text that are not a training's config; for space.c. */
#ifndef SEARCH_SPACE_READER_H
#define SEARCH_SPACE_READER_H

#include "search/space.h"

/* Fills s with them and leaves blanks in their place, so that what remains is a config in which
 * every line has the number it had. On failure s is still to be released. */
int space_read_sections(space *s, char *text, const char *origin);

#endif
