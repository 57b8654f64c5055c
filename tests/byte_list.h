/* Bytes that a test puts a file together of. */
#ifndef TESTS_BYTE_LIST_H
#define TESTS_BYTE_LIST_H

#include "scratch.h"

typedef struct bytes {
    unsigned char at[1 << 16];
    size_t length;
} bytes;

static inline void append(bytes *b, const void *from, size_t length)
{
    assert_true(b->length + length <= sizeof b->at);
    memcpy(b->at + b->length, from, length);
    b->length += length;
}

#endif
