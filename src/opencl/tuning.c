#include "opencl/tuning.h"

#include <stddef.h>
#include <string.h>

/* A class's values: what the others have no reason to differ in is written once. */
#define VALUES(vectors_, tile_)                                                                    \
    {                                                                                              \
        .vectors = (vectors_), .tile = (tile_), .winograd_channels = 16, .winograd_tiles = 16,     \
        .gradient_tiles = 32, .weight_chunks = 2, .fetch = 1, .rows = 64, .columns = 64,           \
        .depth = 16                                                                                \
    }

const tuning tuning_default = VALUES(2, 8);

/*
 * A register tile keeps tile * vectors sums, `vectors` weights and a value in registers. Each is 16
 * floats: 1 register of AVX-512, 2 of AVX2, 4 of SSE and NEON.
 *
 *   vectors  tile  registers            available
 *   2        8     16 + 2 + 1 = 19      32 (AVX-512; 12 and 6 would fit as well)
 *   1        6     12 + 2 + 1 = 15      16 (AVX2; the value takes one: it is the same 16 times)
 *   1        4     16 + 4 + 1 = 21      32 (NEON; the 16 of SSE do not hold it, nor a tile of 3)
 *
 * Only the first class was measured; the others follow from this table. GPUs: the tiled kernels'
 * sizes were chosen without one at hand.
 */
static const tuning_class classes[] = {
    {"cpu16", "CPU with vectors of 16 floats", true, 16, VALUES(2, 8)},
    {"cpu8", "CPU with vectors of 8 floats", true, 8, VALUES(1, 6)},
    {"cpu4", "CPU with vectors of 4 floats", true, 0, VALUES(1, 4)},
    {"gpu", "GPU", false, 0,
     VALUES(2, 8)}, /* vector kernels: only if device.kernels asks for them */
};

const tuning_class *tuning_class_of(bool cpu, unsigned vector_width)
{
    const tuning_class *c = classes;
    while (c->cpu != cpu || (cpu && vector_width < c->vector_width))
        c++;
    return c;
}

const tuning_class *tuning_class_named(const char *key)
{
    for (size_t i = 0; i < sizeof classes / sizeof *classes; i++)
        if (!strcmp(classes[i].key, key))
            return &classes[i];
    return NULL;
}
