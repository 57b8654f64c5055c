/* UTF-8, strictly: no character longer than need be, no surrogates, nothing beyond U+10FFFF. */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stddef.h>

/* How many bytes the character at text takes; 0 if it is none, also at the end of text. */
size_t utf8_length(const char *text);

#endif
