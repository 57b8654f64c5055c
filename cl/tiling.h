/*
 * Images cut into tiles of 4 x 4 pixels, as Winograd's method takes them. The last tiles of a row
 * or column may hang over the edge. Tiles are counted row by row, through all images:
 *
 *            w = 10                   tiles_x = 3, tiles_y = 2
 *       +----+----+--.-+
 *       | 0  | 1  |2 . |              image 0: 0 1 2     image 1: 6  7  8
 * h = 6 +----+----+--.-+                       3 4 5              9 10 11
 *       |.3..|.4..|5...|
 *       +----+----+--.-+
 */
#ifndef TILING_H
#define TILING_H

#include "convolution_shape.h"

/* Images of h x w pixels, each cut into tiles. */
typedef struct tiling {
    int h, w, tiles_y, tiles_x;
} tiling;

/* Where a tile stands. */
typedef struct tile {
    size_t image; /* its image's first pixel */
    int y, x;     /* its first pixel */
} tile;

tile tile_at(int index, tiling of)
{
    tile t;
    t.image = (size_t)(index / (of.tiles_y * of.tiles_x)) * of.h * of.w;
    t.y = index / of.tiles_x % of.tiles_y * WINOGRAD_SIDE;
    t.x = index % of.tiles_x * WINOGRAD_SIDE;
    return t;
}

/* Some tiles, first to end. */
typedef struct tile_range {
    int first, end;
} tile_range;

/* The next so many tiles behind r, at most up to end. */
tile_range range_behind(tile_range r, int count, int end)
{
    const tile_range next = {min(r.end, end), min(r.end + count, end)};
    return next;
}

tile next_tile(tile t, tiling of)
{
    t.x += WINOGRAD_SIDE;
    if (t.x < of.w)
        return t;
    t.x = 0;
    t.y += WINOGRAD_SIDE;
    if (t.y < of.h)
        return t;
    t.y = 0;
    t.image += of.h * of.w;
    return t;
}

/* A walk through tiles, a row of (up to 4) pixels at a time. */
typedef struct row_walk {
    tile at;
    int row; /* of the tile */
} row_walk;

/* Consecutive pixels; none where a tile hangs over. */
typedef struct pixel_row {
    size_t first;
    int count;
} pixel_row;

row_walk walk_from(int tile_index, tiling of)
{
    const row_walk w = {tile_at(tile_index, of), 0};
    return w;
}

pixel_row next_row(row_walk *walk, tiling of)
{
    const int y = walk->at.y + walk->row;
    pixel_row pixels;
    pixels.first = walk->at.image + y * of.w + walk->at.x;
    pixels.count = y < of.h ? min(WINOGRAD_SIDE, of.w - walk->at.x) : 0;
    if (++walk->row == WINOGRAD_SIDE) {
        walk->row = 0;
        walk->at = next_tile(walk->at, of);
    }
    return pixels;
}

#endif
