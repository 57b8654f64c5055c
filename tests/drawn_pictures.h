/* Which pictures a blend is made of, by the definition. */
#ifndef TESTS_DRAWN_PICTURES_H
#define TESTS_DRAWN_PICTURES_H

#include "../cl/philox.h"
#include <stdint.h>

/* Of sets of so many, all different sets, blend number `position`. */
static inline void drawn_pictures(const int counts[], int sources, uint64_t seed, unsigned stream,
                                  uint64_t position, int numbers[])
{
    const philox_word counter[4] = {(philox_word)position, (philox_word)(position >> 32), 0, 0};
    const philox_word key[2] = {(philox_word)seed, stream};
    philox_word words[4] = {0};
    philox(counter, key, words);
    for (int k = 0; k < sources; k++)
        numbers[k] = (int)philox_below(words[k], (philox_word)counts[k]);
}

#endif
