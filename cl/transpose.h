/* Transposes 16 x 16 floats in registers: four steps, each of which exchanges blocks half as large. */
#ifndef TRANSPOSE_H
#define TRANSPOSE_H

/* One step of a transposition: exchanges the off-diagonal halves of blocks in each pair of rows. */
#define EXCHANGE(rows, distance, upper, lower)                                                     \
    _Pragma("unroll") for (int i = 0; i < 16; i++)                                                 \
    {                                                                                              \
        if (!(i & distance)) {                                                                     \
            const float16 a = rows[i], b = rows[i + distance];                                     \
            rows[i] = upper;                                                                       \
            rows[i + distance] = lower;                                                            \
        }                                                                                          \
    }

void transpose(float16 rows[16])
{
    EXCHANGE(rows, 8, (float16)(a.s01234567, b.s01234567), (float16)(a.s89abcdef, b.s89abcdef))
    EXCHANGE(rows, 4, (float16)(a.s0123, b.s0123, a.s89ab, b.s89ab),
             (float16)(a.s4567, b.s4567, a.scdef, b.scdef))
    EXCHANGE(rows, 2, (float16)(a.s01, b.s01, a.s45, b.s45, a.s89, b.s89, a.scd, b.scd),
             (float16)(a.s23, b.s23, a.s67, b.s67, a.sab, b.sab, a.sef, b.sef))
    EXCHANGE(rows, 1, (float16)(a.s0, b.s0, a.s2, b.s2, a.s4, b.s4, a.s6, b.s6, a.s8, b.s8, a.sa,
                                b.sa, a.sc, b.sc, a.se, b.se),
             (float16)(a.s1, b.s1, a.s3, b.s3, a.s5, b.s5, a.s7, b.s7, a.s9, b.s9, a.sb, b.sb, a.sd,
                       b.sd, a.sf, b.sf))
}

#endif
