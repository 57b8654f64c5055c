/*
 * Pictures: PNG, JPEG, TIFF, WebP, PGM and PPM in, PNG out.
 *
 *     struct image picture;
 *     if (image_read("photo.jpg", 3, &picture)) ...
 *     image_release(&picture);
 *
 * The format is recognised by the file's first bytes, never by its name. The caller says how many
 * channels it wants, whatever the file has: colour becomes gray by luma
 * (0.299 R + 0.587 G + 0.114 B), gray becomes three equal channels; 0 means what the file has.
 * Transparency shows black behind it, 16 bits are scaled to 8 unless they are asked for. The orientation
 * in EXIF data or in a TIFF is applied: pictures are upright.
 */
#ifndef IMAGE_IMAGE_H
#define IMAGE_IMAGE_H

#include <stdbool.h>
#include <stddef.h>

/* Larger pictures are refused before memory is taken for them. */
#define IMAGE_SIDE_LIMIT 65535
#define IMAGE_PIXEL_LIMIT ((size_t)256 << 20)

/* What a file says about its picture beside its pixels, to be carried from input to output. All zero:
 * nothing. */
struct image_tags {
    double per_metre[2];    /* pixels per metre across and down; 0: unknown */
    unsigned char *profile; /* ICC colour profile, owned; NULL: none */
    size_t profile_length;
    /* What a PNG may say in place of a profile. */
    int srgb;                 /* colours are sRGB: 1 + the rendering intent; 0: not said */
    double gamma;             /* as in a gAMA chunk, 0.45455 for example; 0: not said */
    double chromaticities[8]; /* x and y of white, red, green, blue; 0: not said */
};

/* Owns its pixels and its tags. */
struct image {
    int width, height;
    int channels;  /* 1: gray, 3: red, green, blue */
    int depth;     /* 8 or 16 bits a sample */
    bool coloured; /* the file stores colour, whatever channels were asked for */
    unsigned char
        *pixels; /* (height, width, channels): bytes, or at depth 16 unsigned shorts in the
                              machine's order */
    struct image_tags tags;
};

/* A black picture of 8 bits a sample, or of 8 or 16. *picture is empty on failure. */
int image_new(struct image *picture, int width, int height, int channels);
int image_new_deep(struct image *picture, int width, int height, int channels, int depth);

struct image_request {
    int channels; /* 1, 3, or 0 for the file's own */
    bool deep;    /* files of more than 8 bits give depth 16; else everything is scaled to 8 */
    bool tags;    /* fill picture->tags, which are empty otherwise */
};

/* STATUS_DATA, with the file's name and the cause, for anything but a whole picture; *picture is empty
 * then. Prints nothing. Threads may read at the same time. */
int image_read_as(const char *path, const struct image_request *wanted, struct image *picture);

/* The same with 8 bits and without tags. */
int image_read(const char *path, int channels, struct image *picture);

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

/*
 * A PNG in memory, to be released with free(), of a picture with its depth and tags. A profile goes
 * along where PNG allows it: one for gray into gray, one for RGB into RGB. The same picture gives the
 * same file. path is for messages.
 */
int image_pack(const char *path, const struct image *picture, unsigned char **file, size_t *length);

/* Into a file, atomically: bytes (height, width, channels), channels 1 (gray) or 3 (red, green, blue). */
int image_write_png(const char *path, int width, int height, int channels,
                    const unsigned char *bytes);

#endif
