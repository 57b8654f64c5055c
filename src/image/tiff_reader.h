/* What the two halves of the TIFF decoder share: decode_tiff.c reads the directory, tiff_pixels.c the
 * pixels. */
#ifndef IMAGE_TIFF_READER_H
#define IMAGE_TIFF_READER_H

#include "image/decode.h"
#include <tiffio.h>

enum { TIFF_SAMPLES_MOST = 8 }; /* in a pixel */

/* What a decoding owns. libtiff knows it by its address. */
struct tiff_reader {
    const struct encoded *file;
    size_t place; /* in the file */
    TIFF *tiff;
    bool at_pixels; /* warnings about them are taken seriously */
    char why[200];  /* what libtiff said first; "": nothing */

    uint32_t width, height;
    uint16_t photometric;
    uint16_t bits;             /* a sample: 1 to 16 */
    uint16_t samples;          /* a pixel */
    int colours;               /* of them: 1 or 3 */
    int alpha;                 /* which of them the others are to be multiplied by; 0: none */
    bool separate;             /* each sample of the pixels is a plane of its own */
    bool converted_by_library; /* its pixels come as RGBA of 8 bits */
    const uint16_t *map[3];    /* of a palette, 2^bits entries each, */
    int map_shift;             /* which are shifted right by so much to be bytes */

    void *buffer;           /* a row, or blocks, as libtiff gives them */
    unsigned short *values; /* (width, samples): a row, unpacked */
    struct image picture;
};

/* STATUS_DATA, with what libtiff said, or else with `otherwise`. Returns -1. */
int tiff_damaged(const struct tiff_reader *r, const char *otherwise);

/* Into r->picture, which is there, in the orientation that is stored. */
int tiff_read_pixels(struct tiff_reader *r);

#endif
