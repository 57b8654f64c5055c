/*
 * The format of a picture in memory, and what is blended: a mixture of sources of one format.
 *
 * A tensor of pictures is (n, height, width, channels). All sources of a mixture lie side by side in one
 * tensor (n, height, width, sources * channels): channel c of source k is k * channels + c.
 */
#ifndef IMAGE_FORMAT_H
#define IMAGE_FORMAT_H

#include <stdbool.h>
#include <stddef.h>

enum { SOURCES_MIN = 2, SOURCES_MAX = 4, SOURCE_NAME_MAX = 32 };

struct image_format {
    int height, width;
    int channels; /* 1: gray, 3: red, green, blue */
};

/* Which sources are blended, and how large the pictures are. */
typedef struct mixture {
    int sources; /* SOURCES_MIN to SOURCES_MAX */
    char names[SOURCES_MAX][SOURCE_NAME_MAX + 1];
    float
        weights[SOURCES_MAX]; /* of the sources in the blend; they sum to 1; all 0: equal weights */
    struct image_format format; /* of the blend and of each source, as the network sees them */
    /* Of the pictures in it: where they are smaller than the format, they have a border of zeros. */
    int inner_height, inner_width;
} mixture;

/* The weight of source k in the blend. */
static inline float mixture_weight(const mixture *m, int k)
{
    float sum = 0;
    for (int i = 0; i < m->sources; i++)
        sum += m->weights[i];
    return sum > 0 ? m->weights[k] : 1.0f / (float)m->sources;
}

/* Values of one picture. */
static inline size_t image_values(struct image_format f)
{
    return (size_t)f.height * (size_t)f.width * (size_t)f.channels;
}

static inline bool image_format_equal(struct image_format a, struct image_format b)
{
    return a.height == b.height && a.width == b.width && a.channels == b.channels;
}

#endif
