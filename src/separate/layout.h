/*
 * How a picture is computed, on paper: the frame that it is laid into, and the tiles that the frame is cut into.
 *
 *     layout l;
 *     if (layout_make(&l, &rules, height, width)) ...
 *     for (each of l.rows.count * l.columns.count tiles) compute it, add it up by its weights
 *     layout_release(&l);
 *
 * The frame. A picture of the model's own size is its own frame. One of the size that training pictures had before
 * they got a border gets the same border of black. Any other begins in the frame's corner and continues to the right
 * and below as its mirror image, up to what the network can halve.
 *
 * The tiles. All are of one size, and together cover the frame. A network that looks only so far around (nn/reach.h)
 * gets tiles that overlap by that much, and of each tile the pixels are taken which see what they would see in the
 * whole picture: the result is that of the whole picture. One that reads whole images gets tiles of the size it was
 * trained with, and where they overlap, by a quarter, one fades into the next.
 */
#ifndef SEPARATE_LAYOUT_H
#define SEPARATE_LAYOUT_H

#include "image/format.h"
#include "nn/reach.h"

/* What holds for all pictures of a model. */
typedef struct layout_rules {
    struct image_format format;    /* of the model */
    int inner_height, inner_width; /* of its training pictures without their border */
    reach reach;
    size_t tile_pixels; /* of a tile at most; more where one pixel's surroundings take more */
} layout_rules;

/* Where a tile lies along one side of the frame, and which of its pixels count. */
typedef struct slice {
    int start;
    int first, last; /* of the tile's own pixels */
} slice;

/* One side of the frame. */
typedef struct cut {
    int side, length, count; /* of the frame, of a tile; tiles */
    slice *slices;           /* (count) */
    float *
        weights; /* (count, length); at each pixel of the frame those of all tiles sum to 1; NULL: they are 1 */
} cut;

typedef struct layout {
    int height, width; /* of the picture */
    int top, left;     /* where it lies in the frame, */
    bool black;        /* with black around it rather than its mirror image */
    cut rows, columns;
} layout;

/* Any picture with a pixel has a layout; only memory can fail. */
int layout_make(layout *out, const layout_rules *rules, int height, int width);
void layout_release(layout *l);

/* The least tile_pixels that keep a network of that reach within them. */
size_t layout_least_pixels(const reach *r);

/* Which of `side` pixels from `start` on is at that place in the frame; -1: none, it is black. */
int layout_source(int place, int start, int side, bool black);

/* What the tile's pixel i along that side counts. */
static inline float cut_weight(const cut *c, int tile, int i)
{
    return c->weights ? c->weights[(size_t)tile * (size_t)c->length + (size_t)i] : 1;
}

#endif
