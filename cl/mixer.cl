/*
 * Random pictures of every source and their blend, see src/data/resident.c. Built with SOURCES (2 to 4)
 * and CHANNELS (1 or 3). The pictures of blend number `position`, and where they lie, follow from (seed,
 * stream, position). batches_draw() of src/data/batches.c draws the same pictures on the host.
 */
#include "mixed_source.h"
#include "philox.h"

/* Channel c of a picture's pixel (y, x), in 0..1; 0 outside of it. pictures: (n, height, width, CHANNELS). */
float source_value(global const uchar *pictures, int number, constant mixed_source *s, int y, int x,
                   int c)
{
    if (y < 0 || y >= s->height || x < 0 || x >= s->width)
        return 0.0f;
    return pictures[(((size_t)number * s->height + y) * s->width + x) * CHANNELS + c] / 255.0f;
}

/* Where a picture lies in a blend: its corner, and whether it is mirrored. */
typedef struct placement {
    int picture, top, left, mirrored;
} placement;

/* In the middle, but for what is drawn from one word. */
placement place(constant mixed_source *s, int height, int width, int picture, uint word)
{
    const int places = 2 * s->shift + 1;
    placement at = {picture, (height - s->height) / 2, (width - s->width) / 2, 0};
    at.top += (int)((word & 0x7fff) * places >> 15) - s->shift;
    at.left += (int)((word >> 15 & 0x7fff) * places >> 15) - s->shift;
    at.mirrored = s->flip && word >> 31;
    return at;
}

/* Which source is alone in blend `number`; -1: none. */
int lone_source(constant mixed_source *sources, ulong number, const uint key[2])
{
    const uint counter[4] = {(uint)number, (uint)(number >> 32), 2, 0};
    uint words[4];
    float any = 0.0f;
    for (int k = 0; k < SOURCES; k++)
        any += sources[k].clean;
    if (any == 0.0f)
        return -1;
    philox(counter, key, words);
    float below = (words[0] >> 8) * (1.0f / (1 << 24));
    for (int k = 0; k < SOURCES; k++) {
        if (below < sources[k].clean)
            return k;
        below -= sources[k].clean;
    }
    return -1;
}

/*
 * Item (y, n): row y of blend n. Sources behind SOURCES are not looked at.
 *
 *   blend  (batch, height, width, CHANNELS): the sources by their weights
 *   truth  (batch, height, width, SOURCES * CHANNELS): each source, in a border of zeros
 */
kernel void mix_sources(global const uchar *pictures_0, global const uchar *pictures_1,
                        global const uchar *pictures_2, global const uchar *pictures_3,
                        constant mixed_source *sources, uint seed, uint stream, ulong position,
                        int height, int width, global float *blend, global float *truth)
{
    const int y = get_global_id(0), n = get_global_id(1);
    if (y >= height)
        return;
    global const uchar *const pictures[] = {pictures_0, pictures_1, pictures_2, pictures_3};
    const ulong number = position + n;
    const uint counter[4] = {(uint)number, (uint)(number >> 32), 0, 0},
               again[4] = {(uint)number, (uint)(number >> 32), 1, 0}, key[2] = {seed, stream};
    uint words[4], place_words[4];
    philox(counter, key, words);
    philox(again, key, place_words);
    const int alone = lone_source(sources, number, key);
    placement at[SOURCES];
    for (int k = 0; k < SOURCES; k++)
        at[k] = place(sources + k, height, width,
                      sources[k].first + philox_below(words[k], sources[k].count), place_words[k]);
    for (int x = 0; x < width; x++)
        for (int c = 0; c < CHANNELS; c++) {
            const size_t pixel = ((size_t)n * height + y) * width + x;
            float sum = 0.0f;
            for (int k = 0; k < SOURCES; k++) {
                constant mixed_source *s = sources + k;
                const int column = x - at[k].left;
                const float value =
                    alone < 0 || alone == k
                        ? source_value(pictures[k], at[k].picture, s, y - at[k].top,
                                       at[k].mirrored ? s->width - 1 - column : column, c)
                        : 0.0f;
                truth[(pixel * SOURCES + k) * CHANNELS + c] = value;
                sum += alone < 0 ? s->weight * value : value;
            }
            blend[pixel * CHANNELS + c] = sum;
        }
}
