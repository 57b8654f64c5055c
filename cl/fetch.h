/*
 * Fetching ahead: memory that will soon be read or written is brought into the cache while
 * arithmetic goes on, so that nobody waits for it. A hint for CPUs; with FETCH 0, and where the
 * compiler has no such builtin, nothing happens.
 *
 * A processor has room for few requests at a time: a burst of them makes it wait after all. So what
 * the next block needs is spread evenly over the turns of an inner loop, by a pace:
 *
 *     fetch_walk next = fetch_walk_of(first_pixel, pixels, turns);
 *     for (turn = 0; turn < turns; turn++) {
 *         fetch_share(x, &next);
 *         ... arithmetic ...
 *     }
 */
#ifndef FETCH_H
#define FETCH_H

#include "view.h"

#if FETCH && defined(VECTOR_DEVICE) && defined(__has_builtin)
#if __has_builtin(__builtin_prefetch)
#define CAN_FETCH 1
#endif
#endif

/* So many floats, in whole lines of 16: for kernels that stream through memory, a fixed distance
 * ahead. The builtin wants a pointer without address space. */
void fetch(global const float *from, int floats)
{
#ifdef CAN_FETCH
    for (int i = 0; i < floats; i += 16)
        __builtin_prefetch((const void *)(uintptr_t)(from + i));
#endif
}

/* `width` channels from c of `pixels` pixels of a tensor, from pixel `first` on. */
void fetch_channels(global const float *data, int channels, int c, int width, size_t first,
                    int pixels)
{
    for (int i = 0; i < pixels; i++)
        fetch(data + (first + i) * channels + c, width);
}

/* All channels of them, of both parts of a view. */
void fetch_view(view v, size_t first, int pixels)
{
    fetch(v.a.data + first * v.a.channels, pixels * v.a.channels);
    if (v.b.channels)
        fetch(v.b.data + first * v.b.channels, pixels * v.b.channels);
}

/* A row of w pixels, counted through all images; nothing behind the last of all `rows`. */
void fetch_view_row(view v, int row, int rows, int w)
{
    if (row < rows)
        fetch_view(v, (size_t)row * w, w);
}

/* `count` things, spread over `turns` turns: at the end of turn t, (t + 1) * count / turns of them
 * have been due (Bresenham's way, without a division). */
typedef struct pace {
    int count, turns, owed;
} pace;

pace pace_of(int count, int turns)
{
    pace p = {0, turns, 0};
#ifdef CAN_FETCH
    p.count = count;
#endif
    return p;
}

/* How many are due in this turn. */
int pace_turn(pace *p)
{
    int due = 0;
    for (p->owed += p->count; p->owed >= p->turns; p->owed -= p->turns)
        due++;
    return due;
}

/* Pixels of a view that are fetched ahead, a share at each turn. */
typedef struct fetch_walk {
    size_t next;
    pace pace;
} fetch_walk;

fetch_walk fetch_walk_of(size_t first, int pixels, int turns)
{
    const fetch_walk walk = {first, pace_of(pixels, turns)};
    return walk;
}

void fetch_share(view v, fetch_walk *walk)
{
    const int due = pace_turn(&walk->pace);
    fetch_view(v, walk->next, due);
    walk->next += due;
}

#endif
