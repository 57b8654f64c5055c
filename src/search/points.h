/*
 * Points of a space: which values each trial has. They are drawn at random, follow from the base's
 * train.seed alone, and none comes twice; asking for fewer gives the first of the same ones.
 *
 *     points p = {0};
 *     if (points_draw(&p, space, space->trials)) ...
 *     p.items[7].values[0]
 *     points_release(&p);
 */
#ifndef SEARCH_POINTS_H
#define SEARCH_POINTS_H

#include "search/space.h"

typedef struct point {
    char **values; /* one per dimension, as written in an INI file */
} point;

typedef struct points {
    point *items;
    size_t count, capacity, dimensions;
} points;

/* At most `limit`; fewer where the space has no more. Release p also after a failure. */
int points_draw(points *p, const space *s, long limit);
void points_release(points *p);

#endif
