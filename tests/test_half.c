/* 16-bit numbers: all of them back and forth, and rounding beside a search among them. */
#include "exchange/half.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { ALL = 1 << 16, SIGN = 0x8000, INFINITE = 0x7c00, LARGEST = 0x7bff };

static void every_half_comes_back(void **state)
{
    (void)state;
    for (int i = 0; i < ALL; i++) {
        float value = half_to_float((uint16_t)i);
        if (isnan(value))
            assert_true((i & ~SIGN) > INFINITE && isnan(half_to_float(half_from_float(value))));
        else
            assert_int_equal(half_from_float(value), i);
    }
}

static void halves_have_their_values(void **state)
{
    static const struct {
        uint16_t half;
        float value;
    } known[] = {{0x0000, 0},           {0x3c00, 1},        {0xc000, -2},
                 {0x3555, 0.33325195f}, {0x7bff, 65504},    {0x0001, 0x1p-24f},
                 {0x0400, 0x1p-14f},    {0x7c00, INFINITY}, {0xfc00, -INFINITY}};
    (void)state;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        assert_true(half_to_float(known[i].half) == known[i].value);
    assert_true(signbit(half_to_float(SIGN)));
}

/* The half on either side of the middle between two, and of the middle itself the even one. */
static void numbers_between_go_to_the_nearest(void **state)
{
    (void)state;
    for (int i = 0; i < LARGEST; i++) {
        float below = half_to_float((uint16_t)i), above = half_to_float((uint16_t)(i + 1)),
              middle = below + (above - below) / 2; /* exactly */
        assert_int_equal(half_from_float(nextafterf(middle, 0)), i);
        assert_int_equal(half_from_float(middle), i + (i & 1));
        assert_int_equal(half_from_float(nextafterf(middle, INFINITY)), i + 1);
        assert_int_equal(half_from_float(-nextafterf(middle, INFINITY)), SIGN | (i + 1));
    }
}

static void too_large_numbers_are_infinite(void **state)
{
    (void)state;
    assert_int_equal(half_from_float(nextafterf(65520, 0)), LARGEST);
    assert_int_equal(half_from_float(65520), INFINITE);
    assert_int_equal(half_from_float(-1e30f), SIGN | INFINITE);
    assert_int_equal(half_from_float(INFINITY), INFINITE);
    assert_int_equal(half_from_float(-1e-30f), SIGN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_half_comes_back),
        cmocka_unit_test(halves_have_their_values),
        cmocka_unit_test(numbers_between_go_to_the_nearest),
        cmocka_unit_test(too_large_numbers_are_infinite),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
