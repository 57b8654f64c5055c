/*
 * The decoders behind image_read, one file each. On success *picture owns its pixels; on failure it
 * is empty.
 */
#ifndef IMAGE_DECODE_H
#define IMAGE_DECODE_H

#include "image/image.h"
#include <stdbool.h>

/* A whole file in memory, and what the caller wants of it. */
struct encoded {
    const char *path; /* for messages */
    const unsigned char *bytes;
    size_t length;
    const struct image_request *wanted;
    struct image_head *head; /* NULL, or all that is wanted: no picture is made then */
};

int decode_png(const struct encoded *file, struct image *picture);
int decode_jpeg(const struct encoded *file, struct image *picture);
int decode_tiff(const struct encoded *file, struct image *picture);
int decode_webp(const struct encoded *file, struct image *picture);
int decode_pnm(const struct encoded *file, struct image *picture);

/* For the size that a header promises, before memory is taken for pixels: STATUS_DATA if a picture
 * is empty, larger than image.h allows, or not of a size that the caller can use. */
int check_picture_size(const struct encoded *file, unsigned long width, unsigned long height);

/* What a file stores. */
struct stored {
    unsigned long width, height;
    bool coloured;
    int depth; /* 16 where samples have more than 8 bits */
};

/* A picture of it in the channels and the depth that are wanted. */
int new_picture(const struct encoded *file, struct stored is, struct image *picture);

/* What the header of a file says, where that is all that is wanted; orientation is EXIF's. Returns 0. */
int note_head(const struct encoded *file, struct stored is, int orientation);

/* A pixel as files have it, at the depth of the picture that it is for. Gray is red, green and blue
 * alike; alpha 255 or, at depth 16, 65535 is opaque. */
typedef struct pixel {
    unsigned short red, green, blue, alpha;
} pixel;

/* Sets pixel number i, in as many channels as the picture has: of colour only its luma, and black
 * behind what is transparent. */
void put_pixel(struct image *picture, size_t i, pixel p);

/* A colour profile of a file, copied; empty ones are none. */
int keep_profile(struct image_tags *tags, const void *profile, size_t length);

/* Whether a file starts as PGM or PPM does. A letter and a digit prove little, so a blank
 * or a comment must follow. */
bool starts_as_pnm(const unsigned char *bytes, size_t length);

/* What EXIF data say, which start with a TIFF header. */
struct exif {
    int orientation;     /* 1, upright, to 8; from 5 on rows are stored as columns */
    double per_metre[2]; /* 0: not said */
};

/* EXIF is often damaged by programs that edit pictures: whatever cannot be read is not said. */
struct exif exif_read(const unsigned char *tiff, size_t length);

/* The resolution in EXIF data, where the file itself says none. */
void add_exif_resolution(struct image_tags *tags, const struct exif *e);

/* Turns and mirrors a picture that was stored in that orientation, so that it is upright; its resolution
 * with it. */
int set_upright(struct image *picture, int orientation);

#endif
