/*
 * Pictures: PNG, JPEG, PGM and PPM in, PNG out.
 *
 *     struct image picture;
 *     if (image_read("photo.jpg", 3, &picture)) ...
 *     image_release(&picture);
 *
 * The format is recognised by the file's first bytes, never by its name. The caller says how many
 * channels it wants, whatever the file has: colour becomes gray by luma
 * (0.299 R + 0.587 G + 0.114 B), gray becomes three equal channels; 0 means what the file has.
 * Transparency shows black behind it, 16 bits are scaled to 8. The orientation in EXIF data is applied:
 * pictures are upright.
 */
#ifndef IMAGE_IMAGE_H
#define IMAGE_IMAGE_H

#include <stdbool.h>
#include <stddef.h>

/* Larger pictures are refused before memory is taken for them. */
#define IMAGE_SIDE_LIMIT 16384
#define IMAGE_PIXEL_LIMIT ((size_t)64 << 20)

/* Owns its pixels. */
struct image {
    int width, height;
    int channels;          /* 1: gray, 3: red, green, blue */
    unsigned char *pixels; /* (height, width, channels) */
};

/* A black picture. *picture is empty on failure. */
int image_new(struct image *picture, int width, int height, int channels);

/* Into a picture of that many channels, 1 or 3, or 0 for the file's. STATUS_DATA, with the file's
 * name and the cause, for anything but a whole picture; *picture is empty then. Prints nothing. */
int image_read(const char *path, int channels, struct image *picture);

/* The same for pictures of some sizes only: fits(context, ...) returns -1 after fail() for others.
 * It is asked as soon as the size is known, before pixels are decoded. */
typedef int image_fits(const void *context, int width, int height);
int image_read_if(const char *path, int channels, image_fits *fits, const void *context,
                  struct image *picture);

/* What a file says of its picture. */
struct image_head {
    int width, height; /* upright */
    bool coloured;     /* what is stored is; its pixels may be gray all the same */
};

/* Reads only as far as the pixels: what is damaged behind that is not noticed. Otherwise it fails as
 * image_read() does. */
int image_look(const char *path, struct image_head *head);

/* Whether the first bytes of the file at path, whatever its name, are those of a picture that
 * image_read() takes. False for what cannot be read. */
bool image_is_one(const char *path);

void image_release(struct image *picture); /* leaves an empty picture */

/* A PNG in memory, to be released with free(). bytes is (height, width, channels), channels 1
 * (gray) or 3 (red, green, blue). The same bytes give the same file. path is for messages. */
int image_pack_png(const char *path, int width, int height, int channels,
                   const unsigned char *bytes, unsigned char **file, size_t *length);

/* The same into a file, atomically. */
int image_write_png(const char *path, int width, int height, int channels,
                    const unsigned char *bytes);

#endif
