/*
 * Random pairs and their mixtures, see src/data/mixer.h. Which images pair number `position` takes
 * depends only on (seed, stream, position); mixer_pair() of mixer.c draws the same on the host.
 */
#include "philox.h"

/* One row of source image `image` (size x size bytes), zero-padded to `width` and scaled to 0..1. */
float source_value(global const uchar *images, int image, int size, int width, int y, int x)
{
    const int border = (width - size) / 2;
    const int sy = y - border, sx = x - border;
    if (sy < 0 || sy >= size || sx < 0 || sx >= size)
        return 0.0f;
    return images[((size_t)image * size + sy) * size + sx] / 255.0f;
}

/* Item (row, n). mixture, a, b: (batch, width, width, 1). */
kernel void mix_pairs(global const uchar *images_a, global const uchar *images_b, int size_a,
                      int size_b, int first_a, int first_b, int count_a, int count_b, uint seed,
                      uint stream, ulong position, int width, global float *mixture, global float *a,
                      global float *b)
{
    const int y = get_global_id(0), n = get_global_id(1);
    const ulong pair = position + n;
    const uint counter[4] = {(uint)pair, (uint)(pair >> 32), 0, 0}, key[2] = {seed, stream};
    uint words[4];
    philox(counter, key, words);
    const int image_a = first_a + philox_below(words[0], count_a);
    const int image_b = first_b + philox_below(words[1], count_b);
    const size_t row = ((size_t)n * width + y) * width;
    for (int x = 0; x < width; x++) {
        const float value_a = source_value(images_a, image_a, size_a, width, y, x);
        const float value_b = source_value(images_b, image_b, size_b, width, y, x);
        a[row + x] = value_a;
        b[row + x] = value_b;
        mixture[row + x] = (value_a + value_b) * 0.5f;
    }
}
