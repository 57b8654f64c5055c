/* Softmax over the last axis of (rows, width), in place, and its backward. Ranges: rows.h, with
 * rows for pixels and the width for channels. */
#include "rows.h"

kernel void softmax(global float *x, int rows, int width, int span)
{
    local float meeting[ROW_GROUP];
    FOR_PIXELS(row, rows, span) {
        global float *at = x + (size_t)row * width;
        lane most = -INFINITY, sum = 0.0f;
        FOR_LANES(i, width) {
            const lane score = or_other(load_lane(at + i, width - i), width - i, -INFINITY);
            most = LARGER(most, score);
        }
        const float top = row_largest(most, meeting);
        FOR_LANES(i, width) {
            const lane e = exp(or_other(load_lane(at + i, width - i), width - i, -INFINITY) - top);
            sum += e;
            store_lane(e, at + i, width - i);
        }
        const float part = 1.0f / row_sum(sum, meeting);
        FOR_LANES(i, width)
            store_lane(load_lane(at + i, width - i) * part, at + i, width - i);
    }
}

/* g, the gradient of y, becomes that of x: y * (g - sum of g * y). */
kernel void softmax_backward(global const float *y, global float *g, int rows, int width, int span)
{
    local float meeting[ROW_GROUP];
    FOR_PIXELS(row, rows, span) {
        global const float *value = y + (size_t)row * width;
        global float *at = g + (size_t)row * width;
        lane sum = 0.0f;
        FOR_LANES(i, width)
            sum += load_lane(value + i, width - i) * load_lane(at + i, width - i);
        const float around = row_sum(sum, meeting);
        FOR_LANES(i, width) {
            const int left = width - i;
            store_lane(load_lane(value + i, left) * (load_lane(at + i, left) - around), at + i,
                       left);
        }
    }
}
