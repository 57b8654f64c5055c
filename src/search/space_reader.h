/* The sections of a space's INI text that are not a training's config; for space.c. */
#ifndef SEARCH_SPACE_READER_H
#define SEARCH_SPACE_READER_H

#include "base/ini.h"
#include "search/space.h"

/* Reads the whole text and fills s with those sections. *file has all of it, for settings_take().
 * On failure s and *file are still to be released. */
int space_read(space *s, ini **file, const char *text, size_t length, const char *origin);

#endif
