/* Muon (src/train/muon.h) without its matrix products. Layout of ranges: lanes.h. */
#include "muon_place.h"
#include "rows.h"

#define MOMENTUM 0.95f

/* moments = MOMENTUM * moments + (1 - MOMENTUM) * gradients, and the same once more for x (Nesterov). While
 * status is not 0, moments stay and x is 0. */
kernel void muon_start(global const float *gradients, global float *moments, global float *x,
                       global const int *status, global const float *scale, ulong offset,
                       int pixels, int channels, int span)
{
    FOR_PIXELS(p, pixels, span)
        FOR_LANES(c, channels) {
            const size_t i = (size_t)p * channels + c;
            const int left = channels - c;
            if (status[0]) {
                store_lane(0.0f, x + i, left);
                continue;
            }
            const lane g = load_lane(gradients + offset + i, left) * scale[0];
            lane m = load_lane(moments + offset + i, left);
            m += (g - m) * (1 - MOMENTUM);
            store_lane(m, moments + offset + i, left);
            store_lane(m + (g - m) * (1 - MOMENTUM), x + i, left);
        }
}

/*
 * The Gram matrix of a matrix becomes that of the matrix over its Frobenius norm, and polynomial what the matrix
 * is to be multiplied by before the first iteration. A group (vector: an item) for each.
 */
kernel void muon_normalise(global float *grams, global float *polynomials,
                           constant muon_place *places)
{
    constant muon_place *place = places + get_global_id(1);
    const int side = place->side;
    global float *gram = grams + place->gram, *polynomial = polynomials + place->gram;
    float trace = 0.0f;
    for (int i = 0; i < side; i++)
        trace += gram[(size_t)i * (side + 1)];
    barrier(CLK_GLOBAL_MEM_FENCE); /* all items have read it */
    const float scale = 1.0f / (sqrt(trace) + 1e-7f);
    for (int row = 0; row < side; row++)
        FOR_LANES(c, side) {
            const size_t at = (size_t)row * side + c;
            const int left = side - c;
            store_lane(load_lane(gram + at, left) * scale * scale, gram + at, left);
            store_lane(select((lane)(0.0f), (lane)(scale * place->length), LANE_OFFSETS + c == row),
                       polynomial + at, left);
        }
}
