#include "base/streams.h"

static uint64_t add_byte(uint64_t hash, unsigned char byte)
{
    return (hash ^ byte) * UINT64_C(0x100000001B3);
}

uint64_t stream_of_name(enum stream purpose, const char *name)
{
    uint64_t hash = add_byte(UINT64_C(0xCBF29CE484222325), (unsigned char)purpose);
    for (; *name; name++)
        hash = add_byte(hash, (unsigned char)*name);
    return hash;
}
