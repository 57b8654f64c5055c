/*
 * Dropout (Srivastava et al. 2014), inverted: what is kept is scaled up in training, so that nothing
 * happens in inference.
 *
 * Whether element i is kept depends only on (seed, stream, step, i): it is word i % 4 of block i / 4
 * of the generator. So the backward draws the mask again rather than keeping it.
 */
#include "flat.h"
#include "philox.h"

#ifdef VECTOR_DEVICE
typedef uint16 lane_words;
#else
typedef uint lane_words;
#endif

void draw_block(int block, ulong step, uint seed, uint stream, uint words[4])
{
    const uint counter[4] = {block, 0, (uint)step, (uint)(step >> 32)}, key[2] = {seed, stream};
    philox(counter, key, words);
}

/* The words of elements i and on. */
lane_words draw_lane(int i, ulong step, uint seed, uint stream)
{
#ifdef VECTOR_DEVICE
    uint words[LANE];
    for (int k = 0; k < LANE; k += 4)
        draw_block((i + k) / 4, step, seed, stream, words + k);
    return vload16(0, words);
#else
    uint words[4];
    draw_block(i / 4, step, seed, stream, words);
    return words[i % 4];
#endif
}

/* Forward: to = y, from = x. Backward: to = dx, from = g. An element whose word is below `dropped`
 * becomes 0, others are multiplied by scale. from and to may be the same. */
kernel void drop_and_scale(global const float *from, global float *to, int count, int span,
                           uint dropped, float scale, uint seed, uint stream, ulong step,
                           int accumulate)
{
    FOR_FLAT(i, count, span)
    {
        const int left = last_i - i;
        const lane_mask kept = draw_lane(i, step, seed, stream) >= dropped;
        lane value = select((lane)(0.0f), scale * load_lane(from + i, left), kept);
        if (accumulate)
            value += load_lane(to + i, left);
        store_lane(value, to + i, left);
    }
}
