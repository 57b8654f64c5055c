/*
 * A register tile: `rows` x VECTORS sums of 16 floats. A step adds, for each row r, a value times
 * VECTORS vectors of weights: one broadcast, VECTORS multiply-adds. rows * VECTORS sums, the weights
 * and a value must fit the register file.
 *
 *     TILE_CLEAR(sum, TILE);
 *     for (...)
 *         TILE_STEP(sum, TILE, value[r * step], weights);
 *
 * Macros, because the operands may lie in any address space.
 */
#ifndef TILE_H
#define TILE_H

#define LANES (16 * VECTORS)

#define TILE_CLEAR(sum, rows)                                                                      \
    float16 sum[rows][VECTORS];                                                                    \
    _Pragma("unroll") for (int r = 0; r < rows; r++)                                               \
        _Pragma("unroll") for (int v = 0; v < VECTORS; v++) sum[r][v] = 0.0f

#define TILE_STEP(sum, rows, value_of_row, weights)                                                \
    do {                                                                                           \
        float16 weight_[VECTORS];                                                                  \
        _Pragma("unroll") for (int v = 0; v < VECTORS; v++) weight_[v] = vload16(v, weights);      \
        _Pragma("unroll") for (int r = 0; r < rows; r++)                                           \
        {                                                                                          \
            const float16 value_ = (float16)(value_of_row);                                        \
            _Pragma("unroll") for (int v = 0; v < VECTORS; v++) sum[r][v] =                        \
                fma(value_, weight_[v], sum[r][v]);                                                \
        }                                                                                          \
    } while (0)

#endif
