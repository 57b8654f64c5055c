/*
 * IDX image files, the format MNIST and its relatives come in: a big-endian header, then one byte per
 * value, row by row. Plain or gzip.
 *
 *   gray     magic number 0x00000803, count, height, width
 *   colour   magic number 0x00000804, count, height, width, 3; a pixel is red, green, blue
 *
 *     struct image_set set;
 *     if (idx_read_images("train-images-idx3-ubyte.gz", &set)) ...
 *     image_set_release(&set);
 */
#ifndef DATA_IDX_H
#define DATA_IDX_H

#include "image/format.h"

/* Images of one format; the set owns its pixels. */
struct image_set {
    size_t count;
    struct image_format format;
    unsigned char *pixels; /* (count, height, width, channels) */
};

/* Reads at least one image. The file's length must be exactly what its header promises; if not,
 * STATUS_DATA with the byte offset. *set is empty on failure. */
int idx_read_images(const char *path, struct image_set *set);

/* *found: the file of that part, "train" or "t10k", in a folder, under any of the names that idx_dataset.c
 * has, for idx_read_images(); released with free(). NULL if there is none. Fails only where that cannot be
 * told. */
int idx_find_images(const char *folder, const char *part, char **found);

/* Writes atomically, as gzip if path ends in ".gz"; the same set gives the same bytes. */
int idx_write_images(const char *path, const struct image_set *set);

void image_set_release(struct image_set *set); /* leaves an empty set */

#endif
