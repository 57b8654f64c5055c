/* Arithmetic on whole numbers, and numbers from text. */
#ifndef BASE_NUMBER_H
#define BASE_NUMBER_H

/* a / b, rounded up; neither is negative. */
static inline int ceil_divide(int a, int b)
{
    return (a + b - 1) / b;
}

/* From text, strictly: the whole text must be the number, and the number in range. */
enum number { NUMBER_OK, NUMBER_MALFORMED, NUMBER_OUT_OF_RANGE };

/* Decimal digits after an optional minus. *out is set only for NUMBER_OK. */
enum number number_whole(const char *text, long low, long high, long *out);

/* A decimal fraction with an optional exponent; no hexadecimal, infinity or NaN. */
enum number number_real(const char *text, double low, double high, double *out);

#endif
