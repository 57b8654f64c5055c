#include "base/rng.h"

#include "../cl/philox.h"
#include <math.h>

static void load_block(rng *r)
{
    const uint64_t block = r->drawn / 4;
    const uint32_t counter[4] = {(uint32_t)block, (uint32_t)(block >> 32), (uint32_t)r->stream,
                                 (uint32_t)(r->stream >> 32)};
    const uint32_t key[2] = {(uint32_t)r->seed, (uint32_t)(r->seed >> 32)};
    philox(counter, key, r->words);
}

rng rng_start(uint64_t seed, uint64_t stream)
{
    return (rng){.seed = seed, .stream = stream};
}

rng rng_resume(uint64_t seed, uint64_t stream, uint64_t drawn)
{
    rng r = {.seed = seed, .stream = stream, .drawn = drawn};
    load_block(&r);
    return r;
}

uint32_t rng_word(rng *r)
{
    if (r->drawn % 4 == 0)
        load_block(r);
    return r->words[r->drawn++ % 4];
}

float rng_uniform(rng *r)
{
    return philox_uniform(rng_word(r));
}

uint32_t rng_below(rng *r, uint32_t n)
{
    return philox_below(rng_word(r), n);
}

/* Box and Muller. Half a step is added so that the logarithm never sees 0; the second normal is
 * dropped, so that every call draws the same number of words. */
double rng_normal(rng *r)
{
    const double step = 1.0 / 4294967296.0, two_pi = 6.283185307179586;
    double radius = sqrt(-2.0 * log((rng_word(r) + 0.5) * step));
    return radius * cos(two_pi * (rng_word(r) * step));
}

/* Fisher and Yates, from the end; count is below 2^32. */
void rng_permutation(rng *r, uint32_t *items, size_t count)
{
    for (size_t i = 0; i < count; i++)
        items[i] = (uint32_t)i;
    for (size_t i = count; i > 1; i--) {
        uint32_t j = rng_below(r, (uint32_t)i), kept = items[i - 1];
        items[i - 1] = items[j];
        items[j] = kept;
    }
}
