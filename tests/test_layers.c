/* Every layer's kernels against the plain-C reference, at odd shapes, in both kernel families. */
#include "base/error.h"
#include "check/layer_check.h"
#include "layers/layers.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
// cmocka last: it defines fail()
#include <cmocka.h>

static int open_family(void **state, enum kernel_family family)
{
    device *d;
    if (device_open(&d, getenv("UNBLEND_PLATFORM"), getenv("UNBLEND_DEVICE"), family)) {
        print_error("%s\n", error_message());
        return -1;
    }
    *state = d;
    return 0;
}

static int open_vector(void **state)
{
    return open_family(state, KERNELS_VECTOR);
}

static int open_tiled(void **state)
{
    return open_family(state, KERNELS_TILED);
}

static int close_device(void **state)
{
    device_close(*state);
    return 0;
}

static void check(void **state, const layer_case *c)
{
    check_report report = {0};
    if (layer_check(*state, c, CHECK_FULL, &report))
        fail_msg("%s", error_message());
}

/* Under Oclgrind, which takes seconds where a device takes milliseconds, only the first shapes. */
static size_t limited(size_t count)
{
    const char *limit = getenv("UNBLEND_TEST_SHAPES");
    size_t most = limit ? strtoul(limit, NULL, 10) : count;
    return most < count ? most : count;
}

#define COUNT(array) (sizeof(array) / sizeof *(array))

static void conv2d_matches(void **state)
{
    static const struct {
        shape x;
        struct conv2d_options options;
    } cases[] = {
        {{1, 3, 3, 1}, {1, 1, 1}},    {{2, 4, 5, 3}, {2, 3, 1}},     {{1, 6, 6, 2}, {3, 3, 2}},
        {{3, 7, 5, 3}, {17, 3, 2}},   {{3, 5, 9, 16}, {33, 3, 1}},   {{1, 8, 8, 1}, {32, 3, 1}},
        {{1, 9, 11, 2}, {1, 7, 1}},   {{2, 8, 8, 20}, {64, 3, 2}},   {{3, 1, 1, 5}, {7, 3, 1}},
        {{1, 2, 17, 70}, {18, 5, 1}}, {{2, 16, 16, 64}, {96, 1, 1}}, {{1, 1, 4, 3}, {4, 3, 2}},
    };
    for (size_t i = 0; i < limited(COUNT(cases)); i++)
        check(state, &(layer_case){&conv2d_layer, &cases[i].options, {cases[i].x}, 1, false});
}

static void conv2d_transpose_matches(void **state)
{
    static const struct {
        shape x;
        struct conv2d_transpose_options options;
    } cases[] = {
        {{1, 2, 3, 2}, {1}},   {{2, 3, 2, 3}, {5}},   {{1, 1, 1, 4}, {3}},
        {{3, 5, 4, 16}, {17}}, {{1, 8, 8, 64}, {32}}, {{2, 9, 3, 33}, {40}},
    };
    for (size_t i = 0; i < limited(COUNT(cases)); i++)
        check(state,
              &(layer_case){&conv2d_transpose_layer, &cases[i].options, {cases[i].x}, 1, false});
}

static const enum activation kinds[] = {ACT_RELU, ACT_LEAKY_RELU, ACT_SIGMOID, ACT_TANH,
                                        ACT_LINEAR};
static const shape images[] = {{1, 2, 3, 1}, {3, 5, 3, 3}, {1, 7, 11, 33}, {2, 16, 16, 32}};

static void activation_matches(void **state)
{
    for (size_t k = 0; k < COUNT(kinds); k++)
        for (size_t i = 0; i < limited(COUNT(images)); i++)
            check(state, &(layer_case){&activation_layer, &kinds[k], {images[i]}, 1, false});
}

static void batch_norm_matches(void **state)
{
    for (size_t k = 0; k < COUNT(kinds); k++) {
        for (size_t i = 0; i < limited(COUNT(images)); i++) {
            check(state, &(layer_case){&batch_norm_layer, &kinds[k], {images[i]}, 1, false});
            check(state, &(layer_case){&batch_norm_layer, &kinds[k], {images[i]}, 1, true});
        }
    }
}

static void max_pool_matches(void **state)
{
    static const shape shapes[] = {{1, 2, 2, 1}, {1, 3, 5, 3}, {3, 4, 6, 17}, {2, 8, 8, 32}};
    for (size_t i = 0; i < limited(COUNT(shapes)); i++)
        check(state, &(layer_case){&max_pool_layer, NULL, {shapes[i]}, 1, false});
}

static void concat_matches(void **state)
{
    static const shape pairs[][2] = {{{1, 2, 3, 1}, {1, 2, 3, 2}},
                                     {{3, 4, 1, 3}, {3, 4, 1, 17}},
                                     {{2, 8, 8, 32}, {2, 8, 8, 16}}};
    for (size_t i = 0; i < limited(COUNT(pairs)); i++)
        check(state, &(layer_case){&concat_layer, NULL, {pairs[i][0], pairs[i][1]}, 2, false});
}

static void mse_matches(void **state)
{
    static const shape shapes[] = {{1, 1, 1, 1}, {3, 5, 7, 1}, {2, 32, 32, 3}};
    for (size_t i = 0; i < limited(COUNT(shapes)); i++)
        check(state, &(layer_case){&mse_layer, NULL, {shapes[i], shapes[i]}, 2, false});
}

static void every_layer_has_a_reference(void **state)
{
    (void)state;
    assert_int_equal(layer_table_count, layer_reference_count);
    for (size_t i = 0; i < layer_table_count; i++)
        assert_ptr_equal(layer_table[i], layer_references[i].type);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(conv2d_matches),     cmocka_unit_test(conv2d_transpose_matches),
        cmocka_unit_test(activation_matches), cmocka_unit_test(batch_norm_matches),
        cmocka_unit_test(max_pool_matches),   cmocka_unit_test(concat_matches),
        cmocka_unit_test(mse_matches),        cmocka_unit_test(every_layer_has_a_reference),
    };
    int failed =
        cmocka_run_group_tests_name("layers, vector kernels", tests, open_vector, close_device);
    return failed +
           cmocka_run_group_tests_name("layers, tiled kernels", tests, open_tiled, close_device);
}
