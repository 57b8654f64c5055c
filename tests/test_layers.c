/* Every layer's kernels against the plain-C reference, at odd shapes, in both kernel families. */
#include "layer_cases.h"

static void conv2d_matches(void **state)
{
    static const struct {
        shape x;
        int y[3]; /* filters, kernel, stride */
    } cases[] = {
        {{1, 3, 3, 1}, {1, 1, 1}},    {{2, 4, 5, 3}, {2, 3, 1}},     {{1, 6, 6, 2}, {3, 3, 2}},
        {{3, 7, 5, 3}, {17, 3, 2}},   {{3, 5, 9, 16}, {33, 3, 1}},   {{1, 8, 8, 1}, {32, 3, 1}},
        {{1, 9, 11, 2}, {1, 7, 1}},   {{2, 8, 8, 20}, {64, 3, 2}},   {{3, 1, 1, 5}, {7, 3, 1}},
        {{1, 2, 17, 70}, {18, 5, 1}}, {{2, 16, 16, 64}, {96, 1, 1}}, {{1, 1, 4, 3}, {4, 3, 2}},
    };
    for (size_t i = 0; i < limited(COUNT(cases)); i++) {
        const int *y = cases[i].y;
        struct conv2d_options options = {y[0], y[1], y[2], 0};
        check(state, &(layer_case){&conv2d_layer, &options, {cases[i].x}, 1, false});
    }
}

/* What Winograd's method computes in the vector family; any other in the tiled one. */
static void conv2d_of_many_channels_matches(void **state)
{
    static const struct {
        shape x;
        int filters;
    } cases[] = {
        {{1, 4, 4, 16}, 16},  {{3, 5, 9, 16}, 32},  {{2, 3, 1, 32}, 48},
        {{2, 13, 6, 48}, 64}, {{5, 8, 8, 128}, 32}, {{9, 11, 10, 16}, 16},
    };
    for (size_t i = 0; i < (simulated_shapes() ? 1 : COUNT(cases)); i++) {
        struct conv2d_options options = {cases[i].filters, 3, 1, 0};
        check(state, &(layer_case){&conv2d_layer, &options, {cases[i].x}, 1, false});
    }
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
    static const shape shapes[] = {{1, 2, 2, 1},  {1, 3, 5, 3}, {3, 4, 6, 17},
                                   {2, 8, 8, 32}, {1, 3, 4, 3}, {1, 4, 3, 3}};
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
    static const shape shapes[] = {{1, 1, 1, 1}, {3, 5, 7, 4}, {2, 32, 32, 3}, {1, 9, 5, 9}};
    static const struct mse_options options[] = {
        {1, {1}}, {4, {1, 0.5f, 2, 1}}, {1, {1}}, {3, {1, 3, 0.25f}}};
    for (size_t i = 0; i < limited(COUNT(shapes)); i++)
        check(state, &(layer_case){&mse_layer, &options[i], {shapes[i], shapes[i]}, 2, false});
}

/* Spans of pixels: one, several, uneven, as many as there may be. */
static void assignment_matches(void **state)
{
    static const struct {
        shape s;
        struct assignment_options options;
    } cases[] = {{{5, 3, 7, 2}, {2}},   {{3, 13, 17, 9}, {3}}, {{9, 1, 1, 4}, {4}},
                 {{4, 11, 5, 3}, {3}},  {{3, 32, 32, 6}, {2}}, {{7, 9, 13, 12}, {4}},
                 {{1, 97, 101, 2}, {2}}};
    for (size_t i = 0; i < limited(COUNT(cases)); i++)
        check(state, &(layer_case){
                         &assignment_layer, &cases[i].options, {cases[i].s, cases[i].s}, 2, false});
}

/* Those of the list have one, or nothing would link. */
static void a_layer_without_reference_is_not_passed(void **state)
{
    layer_type unlisted = add_layer;
    check_report report;
    layer_case c = {&unlisted, NULL, {images[0], images[0]}, 2, false};
    assert_int_equal(layer_check(*state, &c, CHECK_QUICK, &report), -1);
    assert_int_equal(error_status(), STATUS_SELFTEST);
    assert_non_null(strstr(error_message(), "no reference"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(conv2d_matches),
        cmocka_unit_test(conv2d_of_many_channels_matches),
        cmocka_unit_test(conv2d_transpose_matches),
        cmocka_unit_test(activation_matches),
        cmocka_unit_test(batch_norm_matches),
        cmocka_unit_test(max_pool_matches),
        cmocka_unit_test(concat_matches),
        cmocka_unit_test(mse_matches),
        cmocka_unit_test(assignment_matches),
        cmocka_unit_test(a_layer_without_reference_is_not_passed),
    };
    const struct CMUnitTest sized[] = {
        cmocka_unit_test(conv2d_matches),
        cmocka_unit_test(conv2d_of_many_channels_matches),
        cmocka_unit_test(conv2d_transpose_matches),
    };
    return RUN_FAMILIES("layers", tests) + RUN_CLASSES("layers", sized);
}
