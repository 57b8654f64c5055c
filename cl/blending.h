/*
 * How a blend is drawn and made: one text for the kernel (mixer.cl) and for the host (src/data), which draws
 * the same pictures, crops, weights and noise. All of it follows from (seed, stream, number of the blend).
 */
#ifndef BLENDING_H
#define BLENDING_H

#include "philox.h"

#ifdef __OPENCL_VERSION__
#define BLEND_POWER pow
#define BLEND_ROOT sqrt
#define BLEND_LOG log
#define BLEND_COS cos
#define BLEND_SIN sin
#else
#include <math.h>
#define BLEND_POWER powf
#define BLEND_ROOT sqrtf
#define BLEND_LOG logf
#define BLEND_COS cosf
#define BLEND_SIN sinf
#endif

/* What words are drawn for. Each has four words a blend, one for each source. */
enum blend_words {
    WORDS_PICTURE,
    WORDS_PLACE, /* 15 bits for each of two shifts, the highest for the mirror */
    WORDS_CLEAN, /* the first: which source is alone */
    WORDS_CROP,  /* 16 bits for the row, 16 for the column */
    WORDS_TURN,
    WORDS_WEIGHT,
    WORDS_NOISE /* counted on by four values */
};

/* How what is larger than a blend is cropped: nowhere, anywhere, or to a window of a grid in its middle. */
enum blend_crop { CROP_NONE, CROP_ANYWHERE, CROP_GRID };

enum blend_kind { BLEND_SUM, BLEND_SCREEN, BLEND_MULTIPLY };

/* A source. */
typedef struct mixed_source {
    int first, count; /* which of its pictures are drawn from */
    int group;        /* the first source with the same pictures, maybe itself */
    int same;         /* how many of those come before it */
    int place;        /* where its pictures begin in the table of places */
    int shift;        /* moved by up to so many pixels, each way */
    int flip, turn;   /* half of them are mirrored, left to right; by quarter turns */
    int crop;         /* of enum blend_crop */
    float weight;     /* in the blend */
    float clean;      /* share of blends that are this source alone */
} mixed_source;

/* How sources become a blend. */
typedef struct blend_rule {
    int kind;          /* of enum blend_kind */
    int draws_weights; /* from the range below, for each blend; else the sources' own */
    float weight_low, weight_high;
    float gamma; /* values to this power are blended */
    float noise; /* standard deviation */
} blend_rule;

/* Where a picture's pixels are in the bytes of its source. */
typedef struct picture_place {
    philox_wide offset;
    int height, width;
} picture_place;

/* ---- Drawing ---- */

static inline void blend_words(philox_wide number, philox_word seed, philox_word stream,
                               philox_word what, philox_word counted, philox_word words[4])
{
    const philox_word counter[4] = {(philox_word)number, (philox_word)(number >> 32), what,
                                    counted};
    const philox_word key[2] = {seed, stream};
    philox(counter, key, words);
}

/* Which picture each source shows, counted from its first. Sources of the same pictures show different ones, as far as
 * there are enough: each draws among those that the ones before it have left. words: WORDS_PICTURE. */
static inline void blend_draw_pictures(const mixed_source *sources, int count,
                                       const philox_word words[4], int numbers[])
{
    for (int k = 0; k < count; k++) {
        const int left = sources[k].count - sources[k].same;
        const int all = left < 1;
        numbers[k] = (int)philox_below(words[k], (philox_word)(all ? sources[k].count : left));
        /* past those that are taken, the lowest first */
        for (int turn = 0, last = -1; turn < sources[k].same && !all; turn++) {
            int lowest = -1;
            for (int i = 0; i < k; i++)
                if (sources[i].group == sources[k].group && numbers[i] > last &&
                    (lowest < 0 || numbers[i] < lowest))
                    lowest = numbers[i];
            if (lowest >= 0 && numbers[k] >= lowest)
                numbers[k]++;
            last = lowest < 0 ? last : lowest;
        }
    }
}

/* Which source is alone in a blend; -1: none. words: WORDS_CLEAN. */
static inline int blend_lone_source(const mixed_source *sources, int count,
                                    const philox_word words[4])
{
    float below = philox_uniform(words[0]);
    for (int k = 0; k < count; k++) {
        if (below < sources[k].clean)
            return k;
        below -= sources[k].clean;
    }
    return -1;
}

/* Of two sources the first one's weight is drawn, and the other has the rest; of more, each one's, and they are
 * divided by their sum. words: WORDS_WEIGHT. */
static inline void blend_draw_weights(blend_rule rule, int count, const philox_word words[4],
                                      float weights[])
{
    float sum = 0.0f;
    for (int k = 0; k < count; k++) {
        weights[k] =
            rule.weight_low + (rule.weight_high - rule.weight_low) * philox_uniform(words[k]);
        sum += weights[k];
    }
    if (count == 2)
        weights[1] = 1.0f - weights[0];
    for (int k = 0; k < count && count > 2; k++)
        weights[k] = sum > 0.0f ? weights[k] / sum : 1.0f / (float)count;
}

/* Four normally distributed numbers, by Box and Muller. words: WORDS_NOISE. */
static inline void blend_normals(const philox_word words[4], float normals[4])
{
    for (int i = 0; i < 4; i += 2) {
        const float above_zero = (float)((words[i] >> 8) + 1) * (1.0f / 16777216.0f);
        const float radius = BLEND_ROOT(-2.0f * BLEND_LOG(above_zero));
        const float angle = 6.28318531f * philox_uniform(words[i + 1]);
        normals[i] = radius * BLEND_COS(angle);
        normals[i + 1] = radius * BLEND_SIN(angle);
    }
}

/* ---- Where a picture lies ---- */

/* A window of a picture, and where in the blend it lies. */
typedef struct placement {
    int top, left;     /* in the picture */
    int height, width; /* not larger than the blend */
    int row, column;   /* in the blend */
    int mirrored, turns;
} placement;

static inline int blend_crop_start(int crop, int side, int window, philox_word word)
{
    if (side <= window || crop == CROP_NONE)
        return 0;
    const int count = crop == CROP_GRID ? side / window : side - window + 1;
    const int at = (int)(word * (philox_word)count >> 16);
    return crop == CROP_GRID ? (side - count * window) / 2 + at * window : at;
}

/* A picture smaller than the blend lies in its middle, but for the shift. Each word is one source's of what it is
 * called. */
static inline placement blend_place(mixed_source s, int height, int width, int picture_height,
                                    int picture_width, philox_word place, philox_word crop,
                                    philox_word turn)
{
    const philox_word places = 2 * (philox_word)s.shift + 1;
    placement at;
    at.height = picture_height < height ? picture_height : height;
    at.width = picture_width < width ? picture_width : width;
    at.top = blend_crop_start(s.crop, picture_height, height, crop & 0xffff);
    at.left = blend_crop_start(s.crop, picture_width, width, crop >> 16);
    at.row = (height - at.height) / 2 + (int)((place & 0x7fff) * places >> 15) - s.shift;
    at.column = (width - at.width) / 2 + (int)((place >> 15 & 0x7fff) * places >> 15) - s.shift;
    at.mirrored = s.flip && place >> 31;
    at.turns = s.turn ? (int)(turn & (at.height == at.width ? 3 : 2)) : 0;
    return at;
}

/* Which pixel of a picture that wide is at row y, column x of the blend; -1: none. */
static inline int blend_pixel(placement at, int picture_width, int y, int x)
{
    int i = y - at.row, j = x - at.column;
    if (i < 0 || i >= at.height || j < 0 || j >= at.width)
        return -1;
    if (at.mirrored)
        j = at.width - 1 - j;
    if (at.turns & 2) {
        i = at.height - 1 - i;
        j = at.width - 1 - j;
    }
    if (at.turns & 1) {
        const int before = i;
        i = j;
        j = at.height - 1 - before;
    }
    return (at.top + i) * picture_width + at.left + j;
}

/* ---- Blending ---- */

/* What a source that is absent looks like: it changes no blend. */
static inline float blend_absent(int kind)
{
    return kind == BLEND_MULTIPLY ? 1.0f : 0.0f;
}

static inline float blend_linear(blend_rule rule, int count, const float *weights,
                                 const float *values)
{
    float blend = rule.kind == BLEND_SUM ? 0.0f : 1.0f;
    for (int k = 0; k < count; k++)
        if (rule.kind == BLEND_SUM)
            blend += weights[k] * values[k];
        else
            blend *= rule.kind == BLEND_SCREEN ? 1.0f - values[k] : values[k];
    return rule.kind == BLEND_SCREEN ? 1.0f - blend : blend;
}

/* One value of a blend, from one of each source, without noise. Values become values to the power of gamma. */
static inline float blend_values(blend_rule rule, int count, const float *weights, float *values)
{
    if (rule.gamma == 1.0f)
        return blend_linear(rule, count, weights, values);
    for (int k = 0; k < count; k++)
        values[k] = BLEND_POWER(values[k], rule.gamma);
    return BLEND_POWER(blend_linear(rule, count, weights, values), 1.0f / rule.gamma);
}

/* With noise, and clipped to what a picture can hold. */
static inline float blend_noisy(float value, float noise)
{
    const float noisy = value + noise;
    return noisy < 0.0f ? 0.0f : noisy > 1.0f ? 1.0f : noisy;
}

#endif
