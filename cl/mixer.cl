/*
 * Random pictures of every source and their blend, see src/data/batches.c. Built with SOURCES (2 to 4)
 * and CHANNELS (1 or 3). What is drawn for blend number `position` follows from (seed, stream, position):
 * blending.h.
 */
#include "blending.h"

/* Channel c of pixel number `pixel` of a picture, in 0..1; 0 outside of it. */
static float source_value(global const uchar *pixels, int pixel, int c)
{
    return pixel < 0 ? 0.0f : pixels[(size_t)pixel * CHANNELS + c] / 255.0f;
}

/* What row y of a blend is made of. */
typedef struct blended_row {
    placement at[SOURCES];
    picture_place places[SOURCES];
    float weights[SOURCES];
    int alone;
} blended_row;

/* slot < 0: the pictures are drawn among all; else they are picture number `slot` of each source. */
static void draw_row(blended_row *row, const mixed_source *sources,
                     global const picture_place *places, blend_rule rule, uint seed, uint stream,
                     ulong number, int slot, int height, int width)
{
    uint words[4], place_words[4], crop_words[4] = {0, 0, 0, 0}, turn_words[4] = {0, 0, 0, 0};
    int crops = 0, turns = 0;
    float clean = 0.0f;
    for (int k = 0; k < SOURCES; k++) {
        crops |= sources[k].crop;
        turns |= sources[k].turn;
        clean += sources[k].clean;
        row->weights[k] = sources[k].weight;
    }
    blend_words(number, seed, stream, WORDS_PLACE, 0, place_words);
    if (crops)
        blend_words(number, seed, stream, WORDS_CROP, 0, crop_words);
    if (turns)
        blend_words(number, seed, stream, WORDS_TURN, 0, turn_words);
    int numbers[SOURCES];
    blend_words(number, seed, stream, WORDS_PICTURE, 0, words);
    blend_draw_pictures(sources, SOURCES, words, numbers);
    for (int k = 0; k < SOURCES; k++) {
        const int drawn = sources[k].first + numbers[k];
        row->places[k] = places[sources[k].place + (slot < 0 ? drawn : slot)];
        row->at[k] =
            blend_place(sources[k], height, width, row->places[k].height, row->places[k].width,
                        place_words[k], crop_words[k], turn_words[k]);
    }
    row->alone = -1;
    if (clean > 0.0f) {
        blend_words(number, seed, stream, WORDS_CLEAN, 0, words);
        row->alone = blend_lone_source(sources, SOURCES, words);
    }
    if (rule.draws_weights) {
        blend_words(number, seed, stream, WORDS_WEIGHT, 0, words);
        blend_draw_weights(rule, SOURCES, words, row->weights);
    }
}

/*
 * Item (y, n): row y of blend n. Sources behind SOURCES are not looked at.
 *
 *   pictures_k   bytes of the pictures of source k, each (height, width, CHANNELS)
 *   places       where they are
 *   streamed     1: picture n of each source is that of blend n, its window already cut out
 *   blend        (batch, height, width, CHANNELS): the sources by the rule
 *   truth        (batch, height, width, SOURCES * CHANNELS): each source, in a border of zeros
 */
kernel void mix_sources(global const uchar *pictures_0, global const uchar *pictures_1,
                        global const uchar *pictures_2, global const uchar *pictures_3,
                        global const picture_place *places, constant mixed_source *sources,
                        blend_rule rule, int streamed, uint seed, uint stream, ulong position,
                        int height, int width, global float *blend, global float *truth)
{
    const int y = get_global_id(0), n = get_global_id(1);
    if (y >= height)
        return;
    global const uchar *const pictures[] = {pictures_0, pictures_1, pictures_2, pictures_3};
    const ulong number = position + n;
    mixed_source of[SOURCES];
    blended_row row;
    for (int k = 0; k < SOURCES; k++)
        of[k] = sources[k];
    draw_row(&row, of, places, rule, seed, stream, number, streamed ? n : -1, height, width);
    const float absent = blend_absent(rule.kind);
    const uint groups =
        (width * CHANNELS + 3) / 4; /* of four values that share their noise's words */
    uint words[4];
    float normals[4];
    for (int x = 0; x < width; x++) {
        int pixels[SOURCES];
        for (int k = 0; k < SOURCES; k++)
            pixels[k] = blend_pixel(row.at[k], row.places[k].width, y, x);
        for (int c = 0; c < CHANNELS; c++) {
            const size_t pixel = ((size_t)n * height + y) * width + x;
            float values[SOURCES], alone = 0.0f;
            for (int k = 0; k < SOURCES; k++) {
                const bool is_there = row.alone < 0 || row.alone == k;
                values[k] = is_there
                                ? source_value(pictures[k] + row.places[k].offset, pixels[k], c)
                                : absent;
                truth[(pixel * SOURCES + k) * CHANNELS + c] = values[k];
                alone = row.alone == k ? values[k] : alone;
            }
            float value = row.alone < 0 ? blend_values(rule, SOURCES, row.weights, values) : alone;
            if (rule.noise > 0.0f) {
                const uint i = x * CHANNELS + c;
                if (i % 4 == 0) {
                    blend_words(number, seed, stream, WORDS_NOISE, y * groups + i / 4, words);
                    blend_normals(words, normals);
                }
                value = blend_noisy(value, rule.noise * normals[i % 4]);
            }
            blend[pixel * CHANNELS + c] = value;
        }
    }
}
