/* Transposes 16 x 16 floats in registers: four steps, each of which exchanges blocks half as large.
 * */
#ifndef TRANSPOSE_H
#define TRANSPOSE_H

/* One step: in each pair of rows, what of two blocks side by side becomes upper, and lower, row. */
#define EXCHANGE(rows, distance, upper, lower)                                                     \
    _Pragma("unroll") for (int i = 0; i < 16; i++)                                                 \
    {                                                                                              \
        if (!(i & distance)) {                                                                     \
            const float16 a = rows[i], b = rows[i + distance];                                     \
            rows[i] = shuffle2(a, b, (uint16)upper);                                               \
            rows[i + distance] = shuffle2(a, b, (uint16)lower);                                    \
        }                                                                                          \
    }

void transpose(float16 rows[16])
{
    EXCHANGE(rows, 8, (0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23),
             (8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31))
    EXCHANGE(rows, 4, (0, 1, 2, 3, 16, 17, 18, 19, 8, 9, 10, 11, 24, 25, 26, 27),
             (4, 5, 6, 7, 20, 21, 22, 23, 12, 13, 14, 15, 28, 29, 30, 31))
    EXCHANGE(rows, 2, (0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29),
             (2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31))
    EXCHANGE(rows, 1, (0, 16, 2, 18, 4, 20, 6, 22, 8, 24, 10, 26, 12, 28, 14, 30),
             (1, 17, 3, 19, 5, 21, 7, 23, 9, 25, 11, 27, 13, 29, 15, 31))
}

#endif
