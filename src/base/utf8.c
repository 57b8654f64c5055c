#include "base/utf8.h"

/* By the first byte alone. */
static size_t promised_length(unsigned char first)
{
    if (first < 0x80)
        return first != 0;
    if (first < 0xC2)
        return 0;
    if (first < 0xE0)
        return 2;
    if (first < 0xF0)
        return 3;
    return first < 0xF5 ? 4 : 0;
}

size_t utf8_length(const char *text)
{
    const unsigned char *bytes = (const unsigned char *)text;
    size_t length = promised_length(bytes[0]);
    for (size_t i = 1; i < length; i++) /* stops at the final zero */
        if ((bytes[i] & 0xC0) != 0x80)
            return 0;
    if ((bytes[0] == 0xE0 && bytes[1] < 0xA0) || (bytes[0] == 0xF0 && bytes[1] < 0x90))
        return 0; /* longer than need be */
    if ((bytes[0] == 0xED && bytes[1] >= 0xA0) || (bytes[0] == 0xF4 && bytes[1] >= 0x90))
        return 0; /* a surrogate; beyond U+10FFFF */
    return length;
}
