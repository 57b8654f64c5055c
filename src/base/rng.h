/*
 * Random numbers on the host: Philox4x32-10 streams (cl/philox.h).
 *
 *     rng weights = rng_start(seed, stream_of_name(STREAM_WEIGHTS, name));
 *     value = scale * rng_normal(&weights);
 *
 * A stream is fixed by (seed, id); drawn tells how far it was read. The three numbers are all there
 * is to save: rng_resume() continues from them.
 */
#ifndef BASE_RNG_H
#define BASE_RNG_H

#include <stddef.h>
#include <stdint.h>

typedef struct rng {
    uint64_t seed, stream;
    uint64_t drawn;    /* words drawn so far */
    uint32_t words[4]; /* the block that word number `drawn` is in, unless it opens a new one */
} rng;

rng rng_start(uint64_t seed, uint64_t stream);
rng rng_resume(uint64_t seed, uint64_t stream, uint64_t drawn);

uint32_t rng_word(rng *r);
float rng_uniform(rng *r);                                   /* [0, 1); draws one word */
uint32_t rng_below(rng *r, uint32_t n);                      /* 0 .. n-1; draws one word */
double rng_normal(rng *r);                                   /* mean 0, variance 1; two words */
void rng_permutation(rng *r, uint32_t *items, size_t count); /* of 0 .. count-1 */

#endif
