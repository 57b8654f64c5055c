/*
 * Dropout (Srivastava et al. 2014), inverted: what is kept is scaled up in training, so that
 * nothing happens in inference.
 *
 * Whether element i is kept depends only on (seed, stream, i): it takes word i of that stream, as
 * base/rng.h draws it on the host. So the backward draws the mask again rather than keeping it.
 */
#include "lanes.h"
#include "philox.h"

#ifdef VECTOR_DEVICE
typedef uint16 lane_words;
#else
typedef uint lane_words;
#endif

void draw_block(int block, ulong seed, ulong stream, uint words[4])
{
    const uint counter[4] = {block, 0, (uint)stream, (uint)(stream >> 32)};
    const uint key[2] = {(uint)seed, (uint)(seed >> 32)};
    philox(counter, key, words);
}

/* The words of element i and, in a lane, those behind it. */
lane_words draw_lane(int i, ulong seed, ulong stream)
{
#ifdef VECTOR_DEVICE
    uint words[LANE + 4];
    for (int k = 0; k < LANE + i % 4; k += 4)
        draw_block(i / 4 + k / 4, seed, stream, words + k);
    return vload16(0, words + i % 4);
#else
    uint words[4];
    draw_block(i / 4, seed, stream, words);
    return words[i % 4];
#endif
}

/* Forward: to = y, from = x. Backward: to = dx, from = g. An element whose word is below `dropped`
 * becomes 0, others are multiplied by scale. All (pixels, channels); from and to may be the same.
 * Layout of ranges: lanes.h. */
kernel void drop_and_scale(global const float *from, global float *to, int pixels, int channels,
                           int span, uint dropped, float scale, ulong seed, ulong stream,
                           int accumulate)
{
    FOR_PIXELS(p, pixels, span)
        FOR_LANES(c, channels) {
            const int left = channels - c, i = p * channels + c;
            const lane_mask kept = draw_lane(i, seed, stream) >= dropped;
            lane value = select((lane)(0.0f), scale * load_lane(from + i, left), kept);
            if (accumulate)
                value += load_lane(to + i, left);
            store_lane(value, to + i, left);
        }
}
