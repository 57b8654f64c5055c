/* The projection onto sources that blend to the mixture, as src/check defines it: its gradient against
 * finite differences, and values by hand. */
#include "finite_differences.h"

#include "check/reference.h"

/* Inputs are taken close to the middle, where no limit is near and the projection is smooth. */
static double *to_middle(const double *from, size_t count)
{
    double *values = numbers(count);
    for (size_t i = 0; i < count; i++)
        values[i] = 0.5 + 0.05 * from[i];
    return values;
}

static void forward(const void *shape, double **in, double *y)
{
    const struct reference_mixture *s = shape;
    double *z = to_middle(in[0], s->rows * s->sources * s->channels),
           *x = to_middle(in[1], s->rows * s->channels);
    reference_consistent_forward(s, z, x, y);
    test_free(z);
    test_free(x);
}

static void backward(const void *shape, double **in, const double *g, double **d)
{
    const struct reference_mixture *s = shape;
    (void)in;
    reference_consistent_backward(s, g, d[0], d[1]);
    for (size_t i = 0; d[0] && i < s->rows * s->sources * s->channels; i++)
        d[0][i] *= 0.05;
    for (size_t i = 0; d[1] && i < s->rows * s->channels; i++)
        d[1][i] *= 0.05;
}

static const struct layer definition = {"consistent", 2, forward, backward};
static const double halves[] = {0.5, 0.5}, uneven[] = {0.3, 0.7}, three[] = {0.2, 0.5, 0.3},
                    four[] = {0.25, 0.25, 0.25, 0.25};

static void gradients_are_those_of_finite_differences(void **state)
{
    (void)state;
    const struct reference_mixture shapes[] = {
        {7, 1, 2, halves}, {3, 3, 2, uneven}, {5, 1, 3, three}, {2, 3, 4, four}};
    for (size_t i = 0; i < COUNT(shapes); i++) {
        const struct reference_mixture *s = &shapes[i];
        size_t count = s->rows * s->channels;
        check_layer(&definition, s, count * s->sources,
                    (const size_t[]){count * s->sources, count});
    }
}

/* Of two sources with equal weights: a in [max(0, 2x - 1), min(1, 2x)], b = 2x - a. */
static void two_sources_lie_on_a_line(void **state)
{
    (void)state;
    static const struct {
        double a, b, x, wanted;
    } cases[] = {
        {0.9, 0.5, 0.5, 0.7}, /* x + (a - b) / 2 */
        {0.2, 0.2, 0.8, 0.8}, /* as far from both */
        {5, 0, 0.3, 0.6},     /* at most 2x */
        {5, 0, 0.8, 1},       /* at most 1 */
        {-5, 0, 0.3, 0},      /* at least 0 */
        {-5, 0, 0.8, 0.6},    /* at least 2x - 1 */
        {0.4, 0.1, 0, 0},     /* nothing is nothing */
        {0.4, 0.1, 1, 1},     /* and white is white */
        {0.4, 0.1, -0.5, 0},  /* as is less than that */
        {0.4, 0.1, 1.5, 1},   /* and more */
    };
    const struct reference_mixture shape = {1, 1, 2, halves};
    for (size_t i = 0; i < COUNT(cases); i++) {
        double y[2], x = fmin(fmax(cases[i].x, 0), 1);
        reference_consistent_forward(&shape, (const double[]){cases[i].a, cases[i].b}, &cases[i].x,
                                     y);
        assert_true(fabs(y[0] - cases[i].wanted) < 1e-12);
        assert_true(fabs(y[1] - (2 * x - cases[i].wanted)) < 1e-12);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradients_are_those_of_finite_differences),
        cmocka_unit_test(two_sources_lie_on_a_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
