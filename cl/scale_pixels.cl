/* y = x * factor, one factor per pixel. x, y, g, dx: (pixels, channels), factor (pixels). */
#include "rows.h"

/* Layout of ranges: lanes.h. */
kernel void scale_pixels_forward(global const float *x, global const float *factor, global float *y,
                                 int pixels, int channels, int span)
{
    FOR_PIXELS(p, pixels, span) {
        const float by = factor[p];
        FOR_LANES(c, channels) {
            const size_t at = (size_t)p * channels + c;
            store_lane(by * load_lane(x + at, channels - c), y + at, channels - c);
        }
    }
}

/*
 * dx = g * factor and dfactor = sum over channels of g * x, in one reading of g. write_dx and
 * write_dfactor: 0 if unwanted (then any buffer), 1 to overwrite, 2 to add to.
 */
kernel void scale_pixels_backward(global const float *x, global const float *factor,
                                  global const float *g, global float *dx, global float *dfactor,
                                  int pixels, int channels, int span, int write_dx,
                                  int write_dfactor)
{
    local float meeting[ROW_GROUP];
    FOR_PIXELS(p, pixels, span) {
        const float by = factor[p];
        lane sum = 0.0f;
        FOR_LANES(c, channels) {
            const int left = channels - c;
            const size_t at = (size_t)p * channels + c;
            const lane value = load_lane(g + at, left);
            sum += value * load_lane(x + at, left);
            if (write_dx == 1)
                store_lane(by * value, dx + at, left);
            else if (write_dx == 2)
                store_lane(by * value + load_lane(dx + at, left), dx + at, left);
        }
        const float total = row_sum(sum, meeting);
        if (write_dfactor && get_local_id(0) == 0)
            dfactor[p] = write_dfactor == 2 ? dfactor[p] + total : total;
    }
}
