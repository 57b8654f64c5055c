/*
 * The references judge the kernels; this judges the references: every backward of the
 * convolutional network against finite differences. The layers of the transformer and of CBAM are
 * in test_reference_transformer.c, forwards computed by hand in test_reference_values.c.
 */
#include "finite_differences.h"

#include "check/reference.h"

/* ---- Convolutions ---- */

static void conv_forward(const void *shape, double **in, double *y)
{
    reference_conv2d_forward(shape, in[0], in[1], in[2], y);
}

static void conv_backward(const void *shape, double **in, const double *g, double **d)
{
    reference_conv2d_backward(shape, in[0], in[1], g, d[0], d[1], d[2]);
}

static const struct layer conv2d = {"conv2d", 3, conv_forward, conv_backward};

static void transpose_forward(const void *shape, double **in, double *y)
{
    reference_conv2d_transpose_forward(shape, in[0], in[1], in[2], y);
}

static void transpose_backward(const void *shape, double **in, const double *g, double **d)
{
    reference_conv2d_transpose_backward(shape, in[0], in[1], g, d[0], d[1], d[2]);
}

static const struct layer conv2d_transpose = {"conv2d_transpose", 3, transpose_forward,
                                              transpose_backward};

static size_t conv_input_count(const struct reference_conv *s)
{
    return (size_t)s->n * s->h * s->w * s->cin;
}

static size_t conv_kernel_count(const struct reference_conv *s)
{
    return (size_t)s->kernel * s->kernel * s->cin * s->cout;
}

static void conv2d_gradients(void **state)
{
    (void)state;
    const struct reference_conv shapes[] = {
        {1, 1, 1, 1, 1, 3, 1}, {3, 4, 5, 1, 3, 3, 1}, {1, 7, 2, 3, 2, 3, 1}, {3, 3, 6, 3, 1, 1, 1},
        {1, 4, 5, 2, 1, 7, 1}, {1, 1, 1, 3, 1, 3, 2}, {1, 6, 4, 2, 3, 3, 2}, {3, 5, 7, 1, 2, 3, 2},
        {1, 5, 4, 3, 2, 5, 2}, {1, 3, 2, 1, 3, 1, 2}};
    for (size_t i = 0; i < COUNT(shapes); i++) {
        const struct reference_conv *s = &shapes[i];
        size_t outputs = (size_t)s->n * s->cout * reference_same_size(s->h, s->stride) *
                         reference_same_size(s->w, s->stride);
        check_layer(&conv2d, s, outputs,
                    (const size_t[]){conv_input_count(s), conv_kernel_count(s), s->cout});
    }
}

static void conv2d_transpose_gradients(void **state)
{
    (void)state;
    const struct reference_conv shapes[] = {
        {1, 1, 1, 1, 1, 3, 2}, {3, 2, 3, 1, 3, 3, 2}, {1, 5, 1, 3, 2, 3, 2}, {1, 3, 4, 2, 1, 3, 2}};
    for (size_t i = 0; i < COUNT(shapes); i++) {
        const struct reference_conv *s = &shapes[i];
        check_layer(&conv2d_transpose, s, (size_t)s->n * 2 * s->h * 2 * s->w * s->cout,
                    (const size_t[]){conv_input_count(s), conv_kernel_count(s), s->cout});
    }
}

/* ---- Pooling and normalisation ---- */

static void max_pool_forward(const void *shape, double **in, double *y)
{
    reference_max_pool_forward(shape, in[0], y);
}

static void max_pool_backward(const void *shape, double **in, const double *g, double **d)
{
    reference_max_pool_backward(shape, in[0], g, d[0]);
}

static const struct layer max_pool = {"max_pool", 1, max_pool_forward, max_pool_backward};

static void max_pool_gradients(void **state)
{
    (void)state;
    const struct reference_image shapes[] = {
        {1, 1, 1, 1}, {1, 2, 2, 1}, {3, 5, 4, 3}, {1, 7, 6, 3}, {3, 1, 3, 2}};
    for (size_t i = 0; i < COUNT(shapes); i++) {
        const struct reference_image *s = &shapes[i];
        size_t outputs = (size_t)s->n * (s->h / 2) * (s->w / 2) * s->c;
        size_t inputs = (size_t)s->n * s->h * s->w * s->c;
        check_layer(&max_pool, s, outputs, &inputs);
    }
}

static void batch_norm_forward(const void *shape, double **in, double *y)
{
    const struct reference_rows *s = shape;
    double *mean = random_numbers(s->channels), *variance = random_numbers(s->channels);
    reference_batch_norm_forward(s, in[0], in[1], in[2], mean, variance, y);
    test_free(mean);
    test_free(variance);
}

static void batch_norm_backward(const void *shape, double **in, const double *g, double **d)
{
    reference_batch_norm_backward(shape, in[0], in[1], g, d[0], d[1], d[2]);
}

static const struct layer batch_norm = {"batch_norm", 3, batch_norm_forward, batch_norm_backward};

/* By x alone; the rest is constant. */
static const double frozen_gamma[] = {0.7, -1.3, 2}, frozen_beta[] = {0.1, 0, -2},
                    frozen_mean[] = {0.4, -3, 1}, frozen_variance[] = {0.2, 1.5, 4};

static void frozen_norm_forward(const void *shape, double **in, double *y)
{
    reference_batch_norm_inference(shape, in[0], frozen_gamma, frozen_beta, frozen_mean,
                                   frozen_variance, y);
}

static void frozen_norm_backward(const void *shape, double **in, const double *g, double **d)
{
    (void)in;
    reference_batch_norm_frozen_backward(shape, frozen_gamma, frozen_variance, g, d[0]);
}

static const struct layer frozen_norm = {"frozen batch_norm", 1, frozen_norm_forward,
                                         frozen_norm_backward};

static void frozen_batch_norm_gradients(void **state)
{
    (void)state;
    const struct reference_rows shapes[] = {{1, 1}, {7, 3}, {4, 2}};
    for (size_t i = 0; i < COUNT(shapes); i++) {
        size_t count = shapes[i].rows * shapes[i].channels;
        check_layer(&frozen_norm, &shapes[i], count, &count);
    }
}

static void batch_norm_gradients(void **state)
{
    (void)state;
    const struct reference_rows shapes[] = {{1, 1}, {1, 3}, {2, 1}, {7, 3}, {12, 5}, {3, 17}};
    for (size_t i = 0; i < COUNT(shapes); i++) {
        size_t count = shapes[i].rows * shapes[i].channels, channels = shapes[i].channels;
        check_layer(&batch_norm, &shapes[i], count, (const size_t[]){count, channels, channels});
    }
}

/* ---- Element by element, joins and loss ---- */

struct activation {
    const char *name;
    void (*forward)(size_t count, const double *x, double *y);
    void (*backward)(size_t count, const double *y, const double *g, double *dx);
};

enum { ELEMENTS = 21 };
static const size_t elements = ELEMENTS;

static void activation_forward(const void *shape, double **in, double *y)
{
    const struct activation *activation = shape;
    activation->forward(ELEMENTS, in[0], y);
}

static void activation_backward(const void *shape, double **in, const double *g, double **d)
{
    const struct activation *activation = shape;
    double y[ELEMENTS];
    activation->forward(ELEMENTS, in[0], y);
    activation->backward(ELEMENTS, y, g, d[0]);
}

static void activation_gradients(void **state)
{
    (void)state;
    const struct activation activations[] = {
        {"relu", reference_relu_forward, reference_relu_backward},
        {"leaky_relu", reference_leaky_relu_forward, reference_leaky_relu_backward},
        {"sigmoid", reference_sigmoid_forward, reference_sigmoid_backward},
        {"tanh", reference_tanh_forward, reference_tanh_backward}};
    for (size_t i = 0; i < COUNT(activations); i++) {
        struct layer layer = {activations[i].name, 1, activation_forward, activation_backward};
        check_layer(&layer, &activations[i], ELEMENTS, &elements);
    }
}

struct concat {
    size_t rows, a, b;
};

static void concat_forward(const void *shape, double **in, double *y)
{
    const struct concat *s = shape;
    reference_concat_forward(s->rows, s->a, s->b, in[0], in[1], y);
}

static void concat_backward(const void *shape, double **in, const double *g, double **d)
{
    const struct concat *s = shape;
    (void)in;
    reference_concat_backward(s->rows, s->a, s->b, g, d[0], d[1]);
}

static const struct layer concat = {"concat", 2, concat_forward, concat_backward};

static void add_forward(const void *shape, double **in, double *y)
{
    (void)shape;
    reference_add_forward(ELEMENTS, in[0], in[1], y);
}

static void add_backward(const void *shape, double **in, const double *g, double **d)
{
    (void)shape;
    (void)in;
    reference_add_backward(ELEMENTS, g, d[0], d[1]);
}

static const struct layer add = {"add", 2, add_forward, add_backward};

static void join_gradients(void **state)
{
    (void)state;
    const struct concat shapes[] = {{1, 1, 1}, {7, 1, 3}, {6, 3, 2}};
    for (size_t i = 0; i < COUNT(shapes); i++) {
        const struct concat *s = &shapes[i];
        check_layer(&concat, s, s->rows * (s->a + s->b),
                    (const size_t[]){s->rows * s->a, s->rows * s->b});
    }
    check_layer(&add, NULL, ELEMENTS, (const size_t[]){ELEMENTS, ELEMENTS});
}

static void gate_forward(const void *shape, double **in, double *y)
{
    const size_t *rows_channels = shape;
    reference_gate_forward(rows_channels[0], rows_channels[1], in[0], y);
}

static void gate_backward(const void *shape, double **in, const double *g, double **d)
{
    const size_t *rows_channels = shape;
    reference_gate_backward(rows_channels[0], rows_channels[1], in[0], g, d[0]);
}

static const struct layer gate = {"gate", 1, gate_forward, gate_backward};

static void gate_gradients(void **state)
{
    (void)state;
    static const size_t shapes[][2] = {{1, 1}, {5, 3}, {2, 16}};
    for (size_t i = 0; i < COUNT(shapes); i++) {
        size_t count = shapes[i][0] * shapes[i][1], twice = 2 * count;
        check_layer(&gate, shapes[i], count, &twice);
    }
}

static const float mse_weights[] = {1, 0.5f, 2};

struct mse {
    struct reference_mse shape;
    const double *target;
};

/* What training makes small: the losses by their weights. */
static void mse_forward(const void *shape, double **in, double *loss)
{
    const struct mse *m = shape;
    double losses[3];
    reference_mse_forward(&m->shape, in[0], m->target, losses);
    *loss = 0;
    for (size_t k = 0; k < m->shape.sources; k++)
        *loss += losses[k] * (m->shape.weights ? m->shape.weights[k] : 1);
}

static void mse_backward(const void *shape, double **in, const double *g, double **d)
{
    const struct mse *m = shape;
    size_t count = m->shape.pixels * m->shape.sources * m->shape.channels;
    reference_mse_backward(&m->shape, in[0], m->target, d[0]);
    for (size_t i = 0; i < count; i++)
        d[0][i] *= *g;
}

static const struct layer mse = {"mse", 1, mse_forward, mse_backward};

static void mse_gradients(void **state)
{
    (void)state;
    static const struct reference_mse shapes[] = {
        {7, 1, 1, NULL}, {5, 2, 1, mse_weights}, {4, 3, 3, mse_weights}};
    for (size_t i = 0; i < COUNT(shapes); i++) {
        size_t count = shapes[i].pixels * shapes[i].sources * shapes[i].channels;
        double *target = random_numbers(count);
        struct mse m = {shapes[i], target};
        check_layer(&mse, &m, 1, &count);
        test_free(target);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(conv2d_gradients),
        cmocka_unit_test(conv2d_transpose_gradients),
        cmocka_unit_test(max_pool_gradients),
        cmocka_unit_test(batch_norm_gradients),
        cmocka_unit_test(frozen_batch_norm_gradients),
        cmocka_unit_test(activation_gradients),
        cmocka_unit_test(join_gradients),
        cmocka_unit_test(gate_gradients),
        cmocka_unit_test(mse_gradients),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
