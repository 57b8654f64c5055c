/* Numbers of 16 bits (IEEE 754 binary16), as F16 tensors hold them. */
#ifndef EXCHANGE_HALF_H
#define EXCHANGE_HALF_H

#include <stdint.h>

#define HALF_LARGEST 65504.0f

/* The nearest; of two equally near the even one. Beyond HALF_LARGEST infinity; a NaN stays a NaN. */
uint16_t half_from_float(float value);

/* Exactly. */
float half_to_float(uint16_t half);

#endif
