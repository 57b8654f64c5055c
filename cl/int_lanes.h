/* Lanes of ints, for the places of maxima. See lanes.h. */
#ifndef INT_LANES_H
#define INT_LANES_H

#include "lanes.h"

#ifdef VECTOR_DEVICE
/* The offset of each value from the lane's first. */
#define LANE_OFFSETS ((lane_mask)(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15))

lane_mask load_ints(global const int *from, int left)
{
    if (left >= LANE)
        return vload16(0, from);
    int part[LANE];
    for (int i = 0; i < LANE; i++)
        part[i] = i < left ? from[i] : 0;
    return vload16(0, part);
}

void store_ints(lane_mask values, global int *to, int left)
{
    if (left >= LANE) {
        vstore16(values, 0, to);
        return;
    }
    int part[LANE];
    vstore16(values, 0, part);
    for (int i = 0; i < left; i++)
        to[i] = part[i];
}
#else
#define LANE_OFFSETS 0

lane_mask load_ints(global const int *from, int left)
{
    return *from;
}

void store_ints(lane_mask values, global int *to, int left)
{
    *to = values;
}
#endif

#endif
