/*
 * Element by element over a tensor whose shape does not matter. An item takes `span` elements that
 * stand together: many on CPU devices (a multiple of LANE), one elsewhere. Ranges: src/layers/ranges.h.
 *
 *     FOR_FLAT(i, count, span)
 *         store_lane(2 * load_lane(x + i, last_i - i), y + i, last_i - i);
 */
#ifndef FLAT_H
#define FLAT_H

#include "lanes.h"

#define FOR_FLAT(i, count, span)                                                                   \
    for (int i = get_global_id(0) * (span), last_##i = min((count), i + (span)); i < last_##i;     \
         i += LANE)

#endif
