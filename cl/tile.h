/*
 * A register tile: `rows` x VECTORS sums of 16 floats.
 *
 *                          vectors of weights, shared by all rows
 *                             [ w0 ........ ][ w1 ........ ]
 *     value of row 0, spread  [ sum[0][0]   ][ sum[0][1]   ]
 *     value of row 1, spread  [ sum[1][0]   ][ sum[1][1]   ]
 *     ...
 *
 * A step adds, for each row r, its value times the weights: a broadcast and VECTORS multiply-adds.
 * rows * VECTORS sums, the weights and a value must fit the register file.
 *
 *     TILE_CLEAR(sum, TILE);
 *     for (...)
 *         TILE_STEP(sum, TILE, value[r * step], weights);
 *
 * TILE_CLEAR declares the sums. TILE_STEP evaluates the value for each row, with its number in r.
 * They are macros, because the operands may lie in any address space.
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
