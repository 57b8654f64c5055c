#include "image/resize.h"

#include <stdint.h>

typedef struct reduction {
    const unsigned char *pixels; /* (from.height, from.width, from.channels) */
    struct image_format from;
    int height, width; /* of the result */
} reduction;

/*
 * Lengths along a side are counted in units in which a pixel of the result is `from` long and one
 * of the picture `to`, so that the ends of both are whole numbers.
 */

/* The pixels of the picture, first <= i < end, of which some part lies in pixel `place`. */
static int first_pixel(int place, int from, int to)
{
    return (int)((int64_t)place * from / to);
}

static int end_pixel(int place, int from, int to)
{
    return (int)(((int64_t)(place + 1) * from + to - 1) / to);
}

/* How long the common part of the two is. */
static uint64_t overlap(int i, int place, int from, int to)
{
    int64_t start = (int64_t)place * from, end = start + from;
    int64_t left = (int64_t)i * to, right = left + to;
    return (uint64_t)((right < end ? right : end) - (left > start ? left : start));
}

/* Weights sum up to the picture's pixels, at most 2^26 (image.h), so the sums are below 2^34. */
static void average(const reduction *r, int y, int x, unsigned char *mean)
{
    const struct image_format from = r->from;
    uint64_t sums[3] = {0}, area = (uint64_t)from.height * (uint64_t)from.width;
    int end_row = end_pixel(y, from.height, r->height);
    int end_column = end_pixel(x, from.width, r->width);
    for (int i = first_pixel(y, from.height, r->height); i < end_row; i++) {
        uint64_t share = overlap(i, y, from.height, r->height);
        for (int k = first_pixel(x, from.width, r->width); k < end_column; k++) {
            uint64_t weight = share * overlap(k, x, from.width, r->width);
            size_t pixel = (size_t)i * (size_t)from.width + (size_t)k;
            for (int c = 0; c < from.channels; c++)
                sums[c] += weight * r->pixels[pixel * (size_t)from.channels + (size_t)c];
        }
    }
    for (int c = 0; c < from.channels; c++)
        mean[c] = (unsigned char)((sums[c] + area / 2) / area);
}

void pixels_reduce(const unsigned char *pixels, struct image_format from, unsigned char *reduced,
                   int height, int width)
{
    const reduction r = {pixels, from, height, width};
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++, reduced += from.channels)
            average(&r, y, x, reduced);
}
