/*
 * The references' forwards against values computed by hand from Keras' definitions: what finite
 * differences cannot see, such as where the padding lies and which axis of a kernel is which.
 */
#include "check/reference.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

static void check_values(const double *found, const double *expected, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!(fabs(found[i] - expected[i]) <= 1e-12 * fmax(1, fabs(expected[i]))))
            fail_msg("value %zu is %.15g, expected %.15g", i, found[i], expected[i]);
}

/* The result a function wrote into y, against the values listed. */
#define CHECK_VALUES(y, ...)                                                                       \
    check_values(y, (const double[]){__VA_ARGS__}, COUNT(((const double[]){__VA_ARGS__})))

/* ---- Where 'same' padding lies ---- */

static void same_padding_rule(void **state)
{
    (void)state;
    const struct {
        int size, kernel, stride, output, before;
    } rules[] = {{4, 3, 1, 4, 1}, {5, 7, 1, 5, 3}, {4, 1, 1, 4, 0}, {4, 3, 2, 2, 0},
                 {5, 3, 2, 3, 1}, {1, 3, 2, 1, 1}, {2, 3, 2, 1, 0}, {4, 5, 2, 2, 1},
                 {7, 5, 2, 4, 2}, {4, 1, 2, 2, 0}, {5, 1, 2, 3, 0}};
    for (size_t i = 0; i < COUNT(rules); i++) {
        int output = reference_same_size(rules[i].size, rules[i].stride);
        int before = reference_same_padding_before(rules[i].size, rules[i].kernel, rules[i].stride);
        assert_int_equal(output, rules[i].output);
        assert_int_equal(before, rules[i].before);
    }
}

/* One row of pixels 1, 2, 3, ... under a K x K kernel whose middle row is 1, 10, 100, ...: each
 * digit of a result tells which pixel met which place of the kernel. */
static void convolve_row(int width, int kernel, int stride, double *y)
{
    double x[8], weights[5 * 5] = {0}, power = 1;
    for (int i = 0; i < width; i++)
        x[i] = i + 1;
    for (int i = 0; i < kernel; i++, power *= 10)
        weights[kernel / 2 * kernel + i] = power;
    struct reference_conv shape = {
        .n = 1, .h = 1, .w = width, .cin = 1, .cout = 1, .kernel = kernel, .stride = stride};
    reference_conv2d_forward(&shape, x, weights, NULL, y);
}

static void conv2d_padding(void **state)
{
    (void)state;
    double y[8];
    convolve_row(4, 3, 1, y);
    CHECK_VALUES(y, 210, 321, 432, 43);
    convolve_row(4, 3, 2, y); /* even size: nothing before, one behind */
    CHECK_VALUES(y, 321, 43);
    convolve_row(5, 3, 2, y); /* odd size: one on each side */
    CHECK_VALUES(y, 210, 432, 54);
    convolve_row(4, 5, 2, y); /* one before, two behind */
    CHECK_VALUES(y, 43210, 432);
    convolve_row(4, 1, 2, y);
    CHECK_VALUES(y, 1, 3);
}

/* A single 1 in the middle shows the kernel mirrored, rows as rows and columns as columns. */
static void conv2d_orientation(void **state)
{
    (void)state;
    const struct reference_conv shape = {
        .n = 1, .h = 3, .w = 3, .cin = 1, .cout = 1, .kernel = 3, .stride = 1};
    const double x[] = {0, 0, 0, 0, 1, 0, 0, 0, 0}, kernel[] = {1, 2, 3, 4, 5, 6, 7, 8, 9};
    const double bias = 0.5;
    double y[9];
    reference_conv2d_forward(&shape, x, kernel, &bias, y);
    CHECK_VALUES(y, 9.5, 8.5, 7.5, 6.5, 5.5, 4.5, 3.5, 2.5, 1.5);
}

static void conv2d_channels(void **state)
{
    (void)state;
    const struct reference_conv shape = {
        .n = 1, .h = 1, .w = 1, .cin = 2, .cout = 3, .kernel = 1, .stride = 1};
    const double x[] = {1, 2}, bias[] = {1000, 2000, 3000};
    const double kernel[] = {1, 2, 3, 10, 20, 30}; /* (Ci, Co) */
    double y[3];
    reference_conv2d_forward(&shape, x, kernel, bias, y);
    CHECK_VALUES(y, 1021, 2042, 3063);
}

static void conv2d_transpose_padding(void **state)
{
    (void)state;
    const struct reference_conv shape = {
        .n = 1, .h = 1, .w = 2, .cin = 1, .cout = 1, .kernel = 3, .stride = 2};
    const double x[] = {1, 2}, bias = 0.5;
    const double kernel[] = {1, 10, 100, 3, 30, 300, 7, 7, 7}; /* the last row is dropped */
    double y[8];
    reference_conv2d_transpose_forward(&shape, x, kernel, &bias, y);
    CHECK_VALUES(y, 1.5, 10.5, 102.5, 20.5, 3.5, 30.5, 306.5, 60.5);
}

static void conv2d_transpose_channels(void **state)
{
    (void)state;
    const struct reference_conv shape = {
        .n = 1, .h = 1, .w = 1, .cin = 2, .cout = 3, .kernel = 1, .stride = 1};
    const double x[] = {1, 2};
    const double kernel[] = {1, 2, 10, 20, 100, 200}; /* (Co, Ci) */
    double y[3];
    reference_conv2d_transpose_forward(&shape, x, kernel, NULL, y);
    CHECK_VALUES(y, 5, 50, 500);
}

/* ---- Normalisation ---- */

static void batch_norm_statistics(void **state)
{
    (void)state;
    const struct reference_rows shape = {.rows = 2, .channels = 2};
    const double x[] = {1, 10, 3, 14}, gamma[] = {1, 2}, beta[] = {0, 5};
    double mean[] = {0, 2}, variance[] = {3, 1}, y[4];
    reference_batch_norm_forward(&shape, x, gamma, beta, mean, variance, y);
    double first = 1 / sqrt(1 + 1e-3), second = 4 / sqrt(4 + 1e-3);
    CHECK_VALUES(y, -first, 5 - second, first, 5 + second);
    CHECK_VALUES(mean, 0.02, 2 * 0.99 + 0.12);
    CHECK_VALUES(variance, 3 * 0.99 + 0.01, 0.99 + 0.04);
}

static void batch_norm_inference(void **state)
{
    (void)state;
    const struct reference_rows shape = {.rows = 2, .channels = 1};
    const double x[] = {1, 3}, gamma = 2, beta = 5, mean = 1, variance = 3.999;
    double y[2];
    reference_batch_norm_inference(&shape, x, &gamma, &beta, &mean, &variance, y);
    CHECK_VALUES(y, 5, 7);
}

static void layer_norm_rows(void **state)
{
    (void)state;
    const struct reference_rows shape = {.rows = 2, .channels = 2};
    const double x[] = {1, 3, 20, 10}, gamma[] = {1, 2}, beta[] = {0, 7};
    double y[4];
    reference_layer_norm_forward(&shape, x, gamma, beta, y);
    double first = 1 / sqrt(1 + 1e-6), second = 5 / sqrt(25 + 1e-6);
    CHECK_VALUES(y, -first, 7 + 2 * first, second, 7 - 2 * second);
}

/* ---- Element by element ---- */

static void activations(void **state)
{
    (void)state;
    const double x[] = {-2, 0, 3};
    double y[3];
    reference_relu_forward(3, x, y);
    CHECK_VALUES(y, 0, 0, 3);
    reference_leaky_relu_forward(3, x, y);
    CHECK_VALUES(y, -0.4, 0, 3);
    reference_sigmoid_forward(3, (const double[]){-log(3), 0, log(3)}, y);
    CHECK_VALUES(y, 0.25, 0.5, 0.75);
    reference_tanh_forward(3, (const double[]){-log(3), 0, log(2)}, y);
    CHECK_VALUES(y, -0.8, 0, 0.6);
}

static void slopes_at_zero(void **state)
{
    (void)state;
    const double zero = 0, g = 1;
    double dx;
    reference_relu_backward(1, &zero, &g, &dx);
    CHECK_VALUES(&dx, 0);
    reference_leaky_relu_backward(1, &zero, &g, &dx);
    CHECK_VALUES(&dx, 0.2);
}

static void joins_and_loss(void **state)
{
    (void)state;
    const double a[] = {1, 2}, b[] = {10, 20, 30, 40};
    double y[6];
    reference_concat_forward(2, 1, 2, a, b, y);
    CHECK_VALUES(y, 1, 10, 20, 2, 30, 40);
    double losses[2];
    const struct reference_mse one = {2, 1, 1, NULL}, two = {2, 2, 1, NULL};
    reference_mse_forward(&one, (const double[]){1, 5}, (const double[]){2, 2}, losses);
    CHECK_VALUES(losses, 5);
    reference_mse_forward(&two, (const double[]){1, 5, 3, 5}, (const double[]){2, 2, 2, 4}, losses);
    CHECK_VALUES(losses, 1, 5);
}

/* The first step moves by the rate whatever the gradient's size, but for epsilon; a zero gradient
 * later still moves by what the moments remember. */
static void adam_steps(void **state)
{
    (void)state;
    struct reference_adam options = {
        .learning_rate = 0.1, .beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-7, .step = 1};
    double gradient = 4, p = 1, m = 0, v = 0;
    reference_adam_step(&options, 1, &gradient, &p, &m, &v);
    double after_first = 1 - 0.1 * sqrt(0.001) / 0.1 * 0.4 / (sqrt(0.016) + 1e-7);
    CHECK_VALUES(&p, after_first);
    CHECK_VALUES(&m, 0.4);
    CHECK_VALUES(&v, 0.016);
    options.step = 2;
    gradient = 0;
    reference_adam_step(&options, 1, &gradient, &p, &m, &v);
    double rate = 0.1 * sqrt(1 - 0.999 * 0.999) / (1 - 0.9 * 0.9);
    double after_second = after_first - rate * 0.36 / (sqrt(0.016 * 0.999) + 1e-7);
    CHECK_VALUES(&p, after_second);
}

/* ---- Pools ---- */

static void max_pool_edges_and_ties(void **state)
{
    (void)state;
    const struct reference_image shape = {.n = 1, .h = 3, .w = 5, .c = 1};
    const double x[] = {1, 7, 4, 4, 99, 7, 2, 4, 4, 99, 99, 99, 99, 99, 99};
    const double g[] = {5, 6};
    double y[2], dx[15];
    reference_max_pool_forward(&shape, x, y);
    CHECK_VALUES(y, 7, 4);
    reference_max_pool_backward(&shape, x, g, dx);
    CHECK_VALUES(dx, 0, 5, 6, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
}

static void global_pools(void **state)
{
    (void)state;
    const struct reference_image shape = {.n = 2, .h = 1, .w = 2, .c = 2};
    const double x[] = {1, 8, 3, 8, 5, -2, 6, -4}, g[] = {1, 2, 3, 4};
    double y[4], dx[8];
    reference_global_average_forward(&shape, x, y);
    CHECK_VALUES(y, 2, 8, 5.5, -3);
    reference_global_max_forward(&shape, x, y);
    CHECK_VALUES(y, 3, 8, 6, -2);
    reference_global_max_backward(&shape, x, g, dx);
    CHECK_VALUES(dx, 0, 2, 1, 0, 0, 4, 3, 0);
}

static void channel_pools(void **state)
{
    (void)state;
    const struct reference_rows shape = {.rows = 2, .channels = 3};
    const double x[] = {1, 8, 3, -5, -7, -5}, g[] = {1, 2};
    double y[2], dx[6];
    reference_channel_mean_forward(&shape, x, y);
    CHECK_VALUES(y, 4, -17.0 / 3);
    reference_channel_max_forward(&shape, x, y);
    CHECK_VALUES(y, 8, -5);
    reference_channel_max_backward(&shape, x, g, dx);
    CHECK_VALUES(dx, 0, 1, 0, 2, 0, 0);
}

static void scales(void **state)
{
    (void)state;
    const double x[] = {1, 2, 3, 4};
    double y[4];
    const struct reference_image image = {.n = 1, .h = 1, .w = 2, .c = 2};
    reference_scale_channels_forward(&image, x, (const double[]){10, 100}, y);
    CHECK_VALUES(y, 10, 200, 30, 400);
    const struct reference_rows rows = {.rows = 2, .channels = 2};
    reference_scale_pixels_forward(&rows, x, (const double[]){10, 100}, y);
    CHECK_VALUES(y, 10, 20, 300, 400);
}

/* ---- Transformer ---- */

static void dense_and_softmax(void **state)
{
    (void)state;
    const struct reference_dense dense = {.rows = 2, .cin = 2, .cout = 1};
    double y[4];
    reference_dense_forward(&dense, (const double[]){1, 2, 3, 4}, (const double[]){1, 10},
                            (const double[]){100}, y);
    CHECK_VALUES(y, 121, 143);
    const struct reference_rows rows = {.rows = 2, .channels = 2};
    reference_softmax_forward(&rows, (const double[]){0, log(3), 1000 + log(4), 1000}, y);
    CHECK_VALUES(y, 0.25, 0.75, 0.8, 0.2);
}

/* Two heads of depth 4 over two tokens. Head 0: q . k is 0 and 2 log 3, so over sqrt(4) the
 * weights are 1/4 and 3/4. Head 1: q is 0, so the weights are equal. */
static void attention_weights(void **state)
{
    (void)state;
    const struct reference_attention shape = {.n = 1, .tokens = 2, .heads = 2, .depth = 4};
    const double q[16] = {[0] = 2, [8] = 2}, k[16] = {[4] = 9, [8] = log(3)};
    const double v[16] = {[0] = 4, [4] = 10, [8] = 8, [12] = 20};
    double weights[8], y[16];
    reference_attention_forward(&shape, q, k, v, weights, y);
    CHECK_VALUES(weights, 0.25, 0.75, 0.25, 0.75, 0.5, 0.5, 0.5, 0.5);
    CHECK_VALUES(y, 7, 0, 0, 0, 15, 0, 0, 0, 7, 0, 0, 0, 15, 0, 0, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_padding_rule),
        cmocka_unit_test(conv2d_padding),
        cmocka_unit_test(conv2d_orientation),
        cmocka_unit_test(conv2d_channels),
        cmocka_unit_test(conv2d_transpose_padding),
        cmocka_unit_test(conv2d_transpose_channels),
        cmocka_unit_test(batch_norm_statistics),
        cmocka_unit_test(batch_norm_inference),
        cmocka_unit_test(layer_norm_rows),
        cmocka_unit_test(activations),
        cmocka_unit_test(slopes_at_zero),
        cmocka_unit_test(joins_and_loss),
        cmocka_unit_test(adam_steps),
        cmocka_unit_test(max_pool_edges_and_ties),
        cmocka_unit_test(global_pools),
        cmocka_unit_test(channel_pools),
        cmocka_unit_test(scales),
        cmocka_unit_test(dense_and_softmax),
        cmocka_unit_test(attention_weights),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
