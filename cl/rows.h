/*
 * Reductions over a row: the channels of one pixel. On CPU devices one item walks the row lane by
 * lane; elsewhere a group of ROW_GROUP items does, side by side, and their results meet in local
 * memory. All items of a group get the result. Ranges: src/compute/reductions.h.
 *
 *     local float meeting[ROW_GROUP];
 *     FOR_PIXELS(p, pixels, span)
 *     {
 *         lane sum = 0.0f;
 *         FOR_LANES(c, channels)
 *             sum += load_lane(x + (size_t)p * channels + c, channels - c);
 *         const float total = row_sum(sum, meeting);
 *     }
 */
#ifndef ROWS_H
#define ROWS_H

#include "constants.h"
#include "int_lanes.h"

#define SUM(a, b) ((a) + (b))
#define LARGER(a, b) select((a), (b), (b) > (a) || (b) != (b)) /* NaN stays visible */
#define SMALLER_INT(a, b) min((a), (b))

#ifdef VECTOR_DEVICE
#define ROW_GROUP 1

/* By index, because Oclgrind takes what .lo and .hi give for uninitialised. */
#define ROW_REDUCTION(name, type, combine)                                                         \
    type name(type##16 values, local type *meeting)                                                \
    {                                                                                              \
        type part[16];                                                                             \
        vstore16(values, 0, part);                                                                 \
        for (int half_lane = 8; half_lane > 0; half_lane /= 2)                                     \
            for (int i = 0; i < half_lane; i++)                                                    \
                part[i] = combine(part[i], part[i + half_lane]);                                   \
        return part[0];                                                                            \
    }

/* What stands behind the row's end in a partial lane becomes `other`. */
lane or_other(lane value, int left, float other)
{
    return left >= LANE ? value : select((lane)(other), value, LANE_OFFSETS < left);
}
#else
#define ROW_GROUP ROW_GROUP_ITEMS

/* The first barrier waits until everyone has read the result before this one. */
#define ROW_REDUCTION(name, type, combine)                                                         \
    type name(type value, local type *meeting)                                                     \
    {                                                                                              \
        const int i = get_local_id(0);                                                             \
        barrier(CLK_LOCAL_MEM_FENCE);                                                              \
        meeting[i] = value;                                                                        \
        for (int half_group = ROW_GROUP / 2; half_group > 0; half_group /= 2) {                    \
            barrier(CLK_LOCAL_MEM_FENCE);                                                          \
            if (i < half_group)                                                                    \
                meeting[i] = combine(meeting[i], meeting[i + half_group]);                         \
        }                                                                                          \
        barrier(CLK_LOCAL_MEM_FENCE);                                                              \
        return meeting[0];                                                                         \
    }

lane or_other(lane value, int left, float other)
{
    return value;
}
#endif

ROW_REDUCTION(row_sum, float, SUM)
ROW_REDUCTION(row_largest, float, LARGER)
ROW_REDUCTION(row_smallest_int, int, SMALLER_INT)

#endif
