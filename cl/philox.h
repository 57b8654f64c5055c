/*
 * Philox4x32-10, the counter-based random generator of Salmon et al., "Parallel random numbers: as
 * easy as 1, 2, 3" (SC'11). The four words for a counter and a key depend on nothing else, so any
 * work-item can draw its own without state, and a run can be repeated from a seed and a position.
 *
 * One text for OpenCL C and for the host (base/rng.c): both draw the same words.
 */
#ifndef PHILOX_H
#define PHILOX_H

#ifdef __OPENCL_VERSION__
typedef uint philox_word;
typedef ulong philox_wide;
#else
#include <stdint.h>
typedef uint32_t philox_word;
typedef uint64_t philox_wide;
#endif

static inline philox_word philox_high(philox_word a, philox_word b)
{
    return (philox_word)((philox_wide)a * b >> 32);
}

/* words = ten rounds over counter; the key takes a Weyl step after each. */
static inline void philox(const philox_word counter[4], const philox_word key[2],
                          philox_word words[4])
{
    const philox_word multiplier_0 = 0xD2511F53u, multiplier_1 = 0xCD9E8D57u;
    philox_word c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3];
    philox_word k0 = key[0], k1 = key[1];
    for (int round = 0; round < 10; round++) {
        const philox_word high_0 = philox_high(multiplier_0, c0), low_0 = multiplier_0 * c0;
        const philox_word high_1 = philox_high(multiplier_1, c2), low_1 = multiplier_1 * c2;
        c0 = high_1 ^ c1 ^ k0;
        c1 = low_1;
        c2 = high_0 ^ c3 ^ k1;
        c3 = low_0;
        k0 += 0x9E3779B9u; /* the golden ratio */
        k1 += 0xBB67AE85u; /* the square root of 3, less 1 */
    }
    words[0] = c0;
    words[1] = c1;
    words[2] = c2;
    words[3] = c3;
}

/* [0, 1) in steps of 2^-24, which a float holds exactly. */
static inline float philox_uniform(philox_word word)
{
    return (float)(word >> 8) * (1.0f / 16777216.0f);
}

/* 0 .. n-1; no value is favoured by more than n / 2^32. */
static inline philox_word philox_below(philox_word word, philox_word n)
{
    return philox_high(word, n);
}

#endif
