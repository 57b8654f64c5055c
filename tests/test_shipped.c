/* The model that comes with unblend, through the C API: pictures go in and come out as bytes, and the
 * sources blend to the input again. */
#include "read_picture.h"
#include "unblend.h"

#include "data/dataset.h"
#include "test_choice.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

enum { SIDE = 28, PIXELS = SIDE * SIDE, COUNT = 64 };

static unsigned char blends[COUNT * PIXELS], found[2 * COUNT * PIXELS], sources[2][COUNT * PIXELS];

/* Test images as scanned pictures have them: blended, then rounded to bytes. */
static void blend_test_images(void)
{
    static const char *const names[] = {"mnist", "fashion-mnist"};
    for (int k = 0; k < 2; k++) {
        dataset *set;
        struct data_config c = {.directory = "tests/sample", .directories = {(char *)names[k]}};
        assert_int_equal(dataset_open(&set, &c, 0, DATASET_TEST), 0);
        for (size_t i = 0; i < COUNT; i++)
            assert_int_equal(read_picture(set, i * 7, sources[k] + i * PIXELS), 0);
        dataset_close(set);
    }
    for (int i = 0; i < COUNT * PIXELS; i++)
        blends[i] = (unsigned char)((sources[0][i] + sources[1][i] + 1) / 2);
}

static void results_blend_to_the_input(void **state)
{
    (void)state;
    ub_model *model = ub_open("digits-fashion", NULL);
    if (!model)
        fail_msg("%s", ub_error());
    assert_int_equal(ub_sources(model), 2);
    blend_test_images();
    assert_int_equal(ub_separate_bytes(model, COUNT, SIDE, SIDE, blends, found), 0);
    double error = 0;
    for (int i = 0; i < COUNT * PIXELS; i++) {
        int a = found[i], b = found[COUNT * PIXELS + i];
        assert_true(abs(a + b - 2 * blends[i]) <= 2);
        error += (double)(a - sources[0][i]) * (a - sources[0][i]);
        error += (double)(b - sources[1][i]) * (b - sources[1][i]);
    }
    error /= 2.0 * COUNT * PIXELS * 255 * 255;
    assert_true(error < 0.0015); /* of the picture alone, without the border, which is black */
    ub_close(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(results_blend_to_the_input),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
