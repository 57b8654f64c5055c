/*
 * The decoders behind image_read, one file each. They take a whole file in memory; path is for
 * messages. On success *picture owns its pixels; on failure it is untouched.
 */
#ifndef DATA_DECODE_H
#define DATA_DECODE_H

#include "data/image.h"

int decode_png(const char *path, const unsigned char *file, size_t length, struct image *picture);
int decode_jpeg(const char *path, const unsigned char *file, size_t length, struct image *picture);
int decode_pgm(const char *path, const unsigned char *file, size_t length, struct image *picture);

/* STATUS_DATA if a picture is empty or larger than image.h allows. */
int check_picture_size(const char *path, unsigned long width, unsigned long height);

#endif
