/*
 * Images cut into tiles of 4 x 4 pixels, and fetching what tiles need ahead.
 */
#ifndef TILING_H
#define TILING_H

#include "fetch.h"
#include "view.h"

/* Images of h x w pixels, each cut into tiles. Tiles are counted through all images. */
typedef struct tiling {
    int h, w, tiles_y, tiles_x;
} tiling;

/* Where a tile stands. */
typedef struct tile {
    size_t image; /* its image's first pixel */
    int y, x;     /* its first pixel */
} tile;

static inline tile tile_at(int index, tiling of)
{
    tile t;
    t.image = (size_t)(index / (of.tiles_y * of.tiles_x)) * of.h * of.w;
    t.y = index / of.tiles_x % of.tiles_y * 4;
    t.x = index % of.tiles_x * 4;
    return t;
}

/* Some tiles, first to end. */
typedef struct range {
    int first, end;
} range;

/* The next so many tiles behind r, at most up to end. */
static inline range range_behind(range r, int count, int end)
{
    const range next = {min(r.end, end), min(r.end + count, end)};
    return next;
}

static inline tile next_tile(tile t, tiling of)
{
    t.x += 4;
    if (t.x < of.w)
        return t;
    t.x = 0;
    t.y += 4;
    if (t.y < of.h)
        return t;
    t.y = 0;
    t.image += of.h * of.w;
    return t;
}

/*
 * Fetching ahead (fetch.h) goes by rows of pixels of tiles, a few at each turn of an inner loop, as the
 * processor has room for few requests at a time:
 *
 *     ahead a = ahead_of(tiles, turns, of);
 *     for (...)
 *         for (a.due += a.step; next_row(&a, of);)
 *             fetch_row(data, ..., &a);
 */
typedef struct ahead {
    tile at;
    int row, left; /* of the tile; of all tiles */
    int step, turns, due;
    size_t pixel; /* what next_row() found: the first of so many pixels */
    int pixels;
} ahead;

static inline ahead ahead_of(range tiles, int turns, tiling of)
{
    ahead a;
    a.at = tile_at(tiles.first, of);
    a.step = (tiles.end - tiles.first) * 4;
    a.turns = turns;
    a.row = a.due = 0;
#ifdef CAN_FETCH
    a.left = a.step;
#else
    a.left = 0;
#endif
    return a;
}

static inline int next_row(ahead *a, tiling of)
{
    if (!a->left || a->due < a->turns)
        return 0;
    const int y = a->at.y + a->row;
    a->pixel = a->at.image + y * of.w + a->at.x;
    a->pixels = y < of.h ? min(4, of.w - a->at.x) : 0;
    a->due -= a->turns;
    a->left--;
    if (++a->row == 4) {
        a->row = 0;
        a->at = next_tile(a->at, of);
    }
    return 1;
}

/* `width` channels from c. */
static inline void fetch_row(global const float *data, int channels, int c, int width,
                             const ahead *a)
{
    for (int i = 0; i < a->pixels; i++)
        fetch(data + (a->pixel + i) * channels + c, width);
}

static inline void fetch_view_row(view v, const ahead *a)
{
    fetch(v.a.data + a->pixel * v.a.channels, a->pixels * v.a.channels);
    if (v.b.channels)
        fetch(v.b.data + a->pixel * v.b.channels, a->pixels * v.b.channels);
}

#endif
