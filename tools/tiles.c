/*
 * How far results in tiles are from those of the whole picture, for docs/benchmarks.md: a random picture, separated
 * whole and in tiles.
 *
 *     build/tools/tiles MODEL WIDTH HEIGHT PIXELS        PIXELS: of a tile, at most
 */
#include "base/error.h"
#include "base/memory.h"
#include "base/rng.h"
#include "separate/separator.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct comparison {
    separation item;
    size_t values;            /* of the picture, and of each source */
    float *picture, *sources; /* (2, sources, values): whole, tiled */
} comparison;

static int prepare(comparison *c, const mixture *m, int width, int height)
{
    rng random = rng_start(1, 1);
    c->values = (size_t)width * (size_t)height * (size_t)m->format.channels;
    c->picture = allocate(c->values, sizeof *c->picture);
    c->sources = allocate(2 * (size_t)m->sources * c->values, sizeof *c->sources);
    if (!c->picture || !c->sources)
        return -1;
    for (size_t i = 0; i < c->values; i++)
        c->picture[i] = (float)rng_below(&random, 256) / 255;
    c->item = (separation){.width = width,
                           .height = height,
                           .type = PIXELS_FLOATS,
                           .result_type = PIXELS_FLOATS,
                           .mixture = c->picture};
    return 0;
}

static int take_apart(comparison *c, const char *path, const model_file *file,
                      struct separator_options options, float *sources)
{
    separator *s;
    for (size_t k = 0; k < (size_t)file->mixture.sources; k++)
        c->item.sources[k] = sources + k * c->values;
    int result = separator_open(&s, path, file, options);
    if (result)
        return -1;
    result = separator_run(s, &c->item, 1);
    separator_close(s);
    return result;
}

static void print(const float *whole, const float *tiled, size_t count)
{
    double most = 0, largest = 0, sum = 0;
    for (size_t i = 0; i < count; i++) {
        double difference = fabs((double)whole[i] - tiled[i]);
        most = fmax(most, difference);
        largest = fmax(largest, fabs(whole[i]));
        sum += difference * difference;
    }
    printf("largest difference %.2g, of values up to %.3g; root mean square %.2g\n", most, largest,
           sqrt(sum / (double)count));
}

static int compare(const char *path, int width, int height, size_t pixels)
{
    model_file file = {0};
    comparison c = {0};
    int result = -1;
    if (!model_open(path, NULL, 0, &file) && !prepare(&c, &file.mixture, width, height)) {
        size_t all = (size_t)file.mixture.sources * c.values;
        result =
            take_apart(&c, path, &file,
                       (struct separator_options){.batch = 1, .memory = SIZE_MAX / 2}, c.sources) ||
                    take_apart(&c, path, &file,
                               (struct separator_options){.batch = 4, .tile_pixels = pixels},
                               c.sources + all)
                ? -1
                : 0;
        if (!result)
            print(c.sources, c.sources + all, all);
    }
    free(c.picture);
    free(c.sources);
    model_close(&file);
    return result;
}

int main(int argc, char **argv)
{
    int width = argc == 5 ? atoi(argv[2]) : 0, height = argc == 5 ? atoi(argv[3]) : 0;
    int pixels = argc == 5 ? atoi(argv[4]) : 0;
    if (width < 1 || height < 1 || pixels < 1) {
        fprintf(stderr, "usage: %s MODEL WIDTH HEIGHT PIXELS\n", argv[0]);
        return STATUS_USAGE;
    }
    if (!compare(argv[1], width, height, (size_t)pixels))
        return 0;
    fprintf(stderr, "%s: %s\n", argv[0], error_message());
    return (int)error_status();
}
