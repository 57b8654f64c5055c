#include "image/resize.h"

#include "base/memory.h"
#include <stdint.h>
#include <stdlib.h>

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

/* Weights sum up to the picture's pixels, at most 2^28 (image.h), so the sums are below 2^36. */
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

/* ---- Enlarging ---- */

/* Between which two pixels of a side a place of the result lies, and how far behind the first. */
typedef struct between {
    int first, second;
    double part;
} between;

static between find_between(int place, int from, int to)
{
    double at = (place + 0.5) * from / to - 0.5;
    int first = at < 0 ? 0 : (int)at;
    int second = first + 1 < from ? first + 1 : first;
    return (between){first, second, at < 0 ? 0 : at - first};
}

void pixels_enlarge(const unsigned char *pixels, struct image_format from, unsigned char *enlarged,
                    int height, int width)
{
    size_t channels = (size_t)from.channels, stride = (size_t)from.width * channels;
    for (int y = 0; y < height; y++) {
        between rows = find_between(y, from.height, height);
        const unsigned char *upper = pixels + (size_t)rows.first * stride;
        const unsigned char *lower = pixels + (size_t)rows.second * stride;
        for (int x = 0; x < width; x++) {
            between columns = find_between(x, from.width, width);
            size_t left = (size_t)columns.first * channels,
                   right = (size_t)columns.second * channels;
            for (size_t c = 0; c < channels; c++) {
                double above =
                    upper[left + c] + columns.part * (upper[right + c] - upper[left + c]);
                double below =
                    lower[left + c] + columns.part * (lower[right + c] - lower[left + c]);
                *enlarged++ = (unsigned char)(above + rows.part * (below - above) + 0.5);
            }
        }
    }
}

int pixels_resize(const unsigned char *pixels, struct image_format from, unsigned char *resized,
                  int height, int width)
{
    struct image_format small = from;
    small.height = height < from.height ? height : from.height;
    small.width = width < from.width ? width : from.width;
    unsigned char *reduced = allocate(image_values(small), 1);
    if (!reduced)
        return -1;
    pixels_reduce(pixels, from, reduced, small.height, small.width);
    pixels_enlarge(reduced, small, resized, height, width);
    free(reduced);
    return 0;
}
