#include "exchange/half.h"

#include <math.h>

enum { FRACTION_BITS = 10, EXPONENT_BIAS = 15, EXPONENT_SPECIAL = 31 };

/* A half is sign, exponent and fraction. Below the smallest normal number, 2^-14, and above it the step
 * between neighbours is 2^(exponent - 10); lrintf() rounds to even. */
uint16_t half_from_float(float value)
{
    const float largest = 65520; /* from here on rounding gives 65,536, which is too much */
    uint16_t sign = signbit(value) ? 0x8000 : 0;
    float size = fabsf(value);
    int exponent;
    if (isnan(value))
        return sign | 0x7e00;
    if (size >= largest)
        return sign | EXPONENT_SPECIAL << FRACTION_BITS;
    if (size < 0x1p-14f)
        return (uint16_t)(sign |
                          lrintf(size * 0x1p24f)); /* 1024 of them are the smallest normal one */
    frexpf(size, &exponent);
    exponent--;
    long steps = lrintf(ldexpf(size, FRACTION_BITS - exponent)); /* 1024 to 2048 */
    return (uint16_t)(sign + ((exponent + EXPONENT_BIAS - 1) << FRACTION_BITS) + steps);
}

float half_to_float(uint16_t half)
{
    int exponent = half >> FRACTION_BITS & EXPONENT_SPECIAL, fraction = half & 0x3ff;
    float size;
    if (exponent == EXPONENT_SPECIAL)
        size = fraction ? NAN : INFINITY;
    else if (exponent == 0)
        size = ldexpf((float)fraction, -24);
    else
        size = ldexpf((float)(fraction + 1024), exponent - EXPONENT_BIAS - FRACTION_BITS);
    return half & 0x8000 ? -size : size;
}
