/* Every backward of the references' transformer and CBAM layers against finite differences. */
#include "finite_differences.h"

#include "check/reference.h"

/* ---- Transformer ---- */

static void layer_norm_forward(const void *shape, double **in, double *y)
{
    reference_layer_norm_forward(shape, in[0], in[1], in[2], y);
}

static void layer_norm_backward(const void *shape, double **in, const double *g, double **d)
{
    reference_layer_norm_backward(shape, in[0], in[1], g, d[0], d[1], d[2]);
}

static const struct layer layer_norm = {"layer_norm", 3, layer_norm_forward, layer_norm_backward};

static void softmax_forward(const void *shape, double **in, double *y)
{
    reference_softmax_forward(shape, in[0], y);
}

static void softmax_backward(const void *shape, double **in, const double *g, double **d)
{
    const struct reference_rows *s = shape;
    double *y = numbers(s->rows * s->channels);
    reference_softmax_forward(s, in[0], y);
    reference_softmax_backward(s, y, g, d[0]);
    test_free(y);
}

static const struct layer softmax = {"softmax", 1, softmax_forward, softmax_backward};

static void row_gradients(void **state)
{
    (void)state;
    const struct reference_rows shapes[] = {{1, 1}, {1, 3}, {2, 1}, {7, 3}, {12, 5}, {3, 17}};
    for (size_t i = 0; i < COUNT(shapes); i++) {
        const struct reference_rows *s = &shapes[i];
        size_t count = s->rows * s->channels, channels = s->channels;
        check_layer(&layer_norm, s, count, (const size_t[]){count, channels, channels});
        check_layer(&softmax, s, count, &count);
    }
}

static void dense_forward(const void *shape, double **in, double *y)
{
    reference_dense_forward(shape, in[0], in[1], in[2], y);
}

static void dense_backward(const void *shape, double **in, const double *g, double **d)
{
    reference_dense_backward(shape, in[0], in[1], g, d[0], d[1], d[2]);
}

static const struct layer dense = {"dense", 3, dense_forward, dense_backward};

static void dense_gradients(void **state)
{
    (void)state;
    const struct reference_dense shapes[] = {{1, 1, 1}, {3, 1, 3}, {1, 7, 2}, {5, 3, 4}};
    for (size_t i = 0; i < COUNT(shapes); i++) {
        const struct reference_dense *s = &shapes[i];
        check_layer(&dense, s, s->rows * s->cout,
                    (const size_t[]){s->rows * s->cin, s->cin * s->cout, s->cout});
    }
}

static double *attention_weights(const struct reference_attention *s)
{
    return numbers(s->n * s->heads * s->tokens * s->tokens);
}

static void attention_forward(const void *shape, double **in, double *y)
{
    double *weights = attention_weights(shape);
    reference_attention_forward(shape, in[0], in[1], in[2], weights, y);
    test_free(weights);
}

static void attention_backward(const void *shape, double **in, const double *g, double **d)
{
    const struct reference_attention *s = shape;
    double *weights = attention_weights(s), *y = numbers(s->n * s->tokens * s->heads * s->depth);
    reference_attention_forward(s, in[0], in[1], in[2], weights, y);
    reference_attention_backward(s, in[0], in[1], in[2], weights, g, d[0], d[1], d[2]);
    test_free(weights);
    test_free(y);
}

static const struct layer attention = {"attention", 3, attention_forward, attention_backward};

static void attention_gradients(void **state)
{
    (void)state;
    const struct reference_attention shapes[] = {
        {1, 1, 1, 1}, {3, 2, 1, 3}, {1, 5, 3, 1}, {3, 4, 2, 3}, {1, 7, 1, 2}};
    for (size_t i = 0; i < COUNT(shapes); i++) {
        const struct reference_attention *s = &shapes[i];
        size_t n = s->n * s->tokens * s->heads * s->depth;
        check_layer(&attention, s, n, (const size_t[]){n, n, n});
    }
}

/* ---- CBAM ---- */

static void global_average_forward(const void *shape, double **in, double *y)
{
    reference_global_average_forward(shape, in[0], y);
}

static void global_average_backward(const void *shape, double **in, const double *g, double **d)
{
    (void)in;
    reference_global_average_backward(shape, g, d[0]);
}

static const struct layer global_average = {"global_average", 1, global_average_forward,
                                            global_average_backward};

static void global_max_forward(const void *shape, double **in, double *y)
{
    reference_global_max_forward(shape, in[0], y);
}

static void global_max_backward(const void *shape, double **in, const double *g, double **d)
{
    reference_global_max_backward(shape, in[0], g, d[0]);
}

static const struct layer global_max = {"global_max", 1, global_max_forward, global_max_backward};

static void scale_channels_forward(const void *shape, double **in, double *y)
{
    reference_scale_channels_forward(shape, in[0], in[1], y);
}

static void scale_channels_backward(const void *shape, double **in, const double *g, double **d)
{
    reference_scale_channels_backward(shape, in[0], in[1], g, d[0], d[1]);
}

static const struct layer scale_channels = {"scale_channels", 2, scale_channels_forward,
                                            scale_channels_backward};

static void channel_attention_gradients(void **state)
{
    (void)state;
    const struct reference_image shapes[] = {
        {1, 1, 1, 1}, {1, 2, 2, 1}, {3, 5, 4, 3}, {1, 7, 6, 3}, {3, 1, 3, 2}};
    for (size_t i = 0; i < COUNT(shapes); i++) {
        const struct reference_image *s = &shapes[i];
        size_t vector = (size_t)s->n * s->c, count = vector * s->h * s->w;
        check_layer(&global_average, s, vector, &count);
        check_layer(&global_max, s, vector, &count);
        check_layer(&scale_channels, s, count, (const size_t[]){count, vector});
    }
}

static void channel_mean_forward(const void *shape, double **in, double *y)
{
    reference_channel_mean_forward(shape, in[0], y);
}

static void channel_mean_backward(const void *shape, double **in, const double *g, double **d)
{
    (void)in;
    reference_channel_mean_backward(shape, g, d[0]);
}

static const struct layer channel_mean = {"channel_mean", 1, channel_mean_forward,
                                          channel_mean_backward};

static void channel_max_forward(const void *shape, double **in, double *y)
{
    reference_channel_max_forward(shape, in[0], y);
}

static void channel_max_backward(const void *shape, double **in, const double *g, double **d)
{
    reference_channel_max_backward(shape, in[0], g, d[0]);
}

static const struct layer channel_max = {"channel_max", 1, channel_max_forward,
                                         channel_max_backward};

static void scale_pixels_forward(const void *shape, double **in, double *y)
{
    reference_scale_pixels_forward(shape, in[0], in[1], y);
}

static void scale_pixels_backward(const void *shape, double **in, const double *g, double **d)
{
    reference_scale_pixels_backward(shape, in[0], in[1], g, d[0], d[1]);
}

static const struct layer scale_pixels = {"scale_pixels", 2, scale_pixels_forward,
                                          scale_pixels_backward};

static void spatial_attention_gradients(void **state)
{
    (void)state;
    const struct reference_rows shapes[] = {{1, 1}, {1, 3}, {7, 1}, {7, 3}, {12, 5}};
    for (size_t i = 0; i < COUNT(shapes); i++) {
        const struct reference_rows *s = &shapes[i];
        size_t count = s->rows * s->channels;
        check_layer(&channel_mean, s, s->rows, &count);
        check_layer(&channel_max, s, s->rows, &count);
        check_layer(&scale_pixels, s, count, (const size_t[]){count, s->rows});
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(row_gradients),
        cmocka_unit_test(dense_gradients),
        cmocka_unit_test(attention_gradients),
        cmocka_unit_test(channel_attention_gradients),
        cmocka_unit_test(spatial_attention_gradients),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
