/*
 * Pictures: PNG, JPEG and PGM in, PNG out.
 *
 *     struct image picture;
 *     if (image_read("photo.jpg", &picture)) ...
 *     image_release(&picture);
 *
 * The format is told by the file's first bytes, never by its name. Colour becomes gray by luma
 * (0.299 R + 0.587 G + 0.114 B), transparency shows black behind it, 16 bits are scaled to 8.
 */
#ifndef DATA_IMAGE_H
#define DATA_IMAGE_H

#include <stddef.h>

/* Larger pictures are refused before memory is taken for them. */
#define IMAGE_SIDE_LIMIT 16384
#define IMAGE_PIXEL_LIMIT ((size_t)64 << 20)

/* Owns its pixels. */
struct image {
    int width, height;
    unsigned char *gray; /* (height, width) */
};

/* STATUS_DATA, with the file's name and the cause, for anything but a whole picture; *picture is
 * empty then. Nothing is printed. */
int image_read(const char *path, struct image *picture);
void image_release(struct image *picture); /* leaves an empty picture */

/* bytes is (height, width, channels), channels 1 (gray) or 3 (red, green, blue). Atomic; the same
 * bytes give the same file. */
int image_write_png(const char *path, int width, int height, int channels,
                    const unsigned char *bytes);

#endif
