/*
 * Judges a layer's backward by finite differences of its own forward, in double precision: every
 * element of every gradient, with its sign. One call of check_layer() per layer and shape.
 */
#ifndef TESTS_FINITE_DIFFERENCES_H
#define TESTS_FINITE_DIFFERENCES_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

enum { MOST_INPUTS = 3 };

/* Backward overwrites one gradient per input. */
struct layer {
    const char *name;
    int inputs;
    void (*forward)(const void *shape, double **inputs, double *y);
    void (*backward)(const void *shape, double **inputs, const double *g, double **gradients);
};

/* A layer at one shape, and the sizes that follow from it. */
struct subject {
    const struct layer *layer;
    const void *shape;
    const size_t *input_counts;
    size_t output_count;
};

/* The same numbers at every run, in [-1, 1). */
static double random_number(void)
{
    static uint64_t state = 1;
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (double)(state >> 11) / (double)(UINT64_C(1) << 52) - 1;
}

/* cmocka checks that nobody wrote beside these numbers, and that they are freed. They start as
 * NaN, so that a result which is added to or left out shows. */
static double *numbers(size_t count)
{
    double *values = test_malloc((count ? count : 1) * sizeof *values);
    for (size_t i = 0; i < count; i++)
        values[i] = NAN;
    return values;
}

static double *random_numbers(size_t count)
{
    double *values = numbers(count);
    for (size_t i = 0; i < count; i++)
        values[i] = random_number();
    return values;
}

/* Shuffled numbers in (-2, 2), evenly spaced and none 0, so that the small steps below cross
 * neither the kink of an activation nor a tie of two maxima. */
static double *spaced_numbers(size_t count)
{
    double *values = numbers(count);
    for (size_t i = 0; i < count; i++) {
        size_t other = (size_t)((random_number() + 1) / 2 * (double)(i + 1));
        values[i] = values[other];
        values[other] = 4 * ((double)i + 0.4) / (double)count - 2;
    }
    return values;
}

/* The sum over the outputs of g * (y at *input + step - y at *input - step). */
static double weighted_change(const struct subject *subject, double **inputs, double *input,
                              double step, const double *g)
{
    double *above = numbers(subject->output_count), *below = numbers(subject->output_count);
    double value = *input, sum = 0;
    *input = value + step;
    subject->layer->forward(subject->shape, inputs, above);
    *input = value - step;
    subject->layer->forward(subject->shape, inputs, below);
    *input = value;
    for (size_t i = 0; i < subject->output_count; i++)
        sum += g[i] * (above[i] - below[i]);
    test_free(above);
    test_free(below);
    return sum;
}

/* Relative error below 1e-6; the floor is the rounding noise of the difference. Five points, so
 * that the step can be large enough for the rounding and small enough for the curvature. */
static void check_element(const struct subject *subject, double **inputs, int input, size_t element,
                          const double *g, double gradient)
{
    const double step = 2e-5, floor = 1e-9;
    double *at = &inputs[input][element];
    double difference = (8 * weighted_change(subject, inputs, at, step, g) -
                         weighted_change(subject, inputs, at, 2 * step, g)) /
                        (12 * step);
    double allowed = floor + 1e-6 * fmax(fabs(gradient), fabs(difference));
    if (!(fabs(gradient - difference) <= allowed))
        fail_msg("%s: gradient of input %d, element %zu is %.12g, finite differences give %.12g",
                 subject->layer->name, input, element, gradient, difference);
}

static void check_elements(const struct subject *subject, double **inputs, const double *g,
                           double **gradients)
{
    for (int i = 0; i < subject->layer->inputs; i++)
        for (size_t element = 0; element < subject->input_counts[i]; element++)
            check_element(subject, inputs, i, element, g, gradients[i][element]);
}

/* Gradients asked for one at a time, the others NULL, are those that come together. */
static void check_unwanted(const struct subject *subject, double **inputs, const double *g,
                           double **gradients)
{
    for (int i = 0; i < subject->layer->inputs; i++) {
        double *wanted[MOST_INPUTS] = {NULL};
        wanted[i] = numbers(subject->input_counts[i]);
        subject->layer->backward(subject->shape, inputs, g, wanted);
        for (size_t element = 0; element < subject->input_counts[i]; element++)
            if (!(wanted[i][element] == gradients[i][element]))
                fail_msg("%s: gradient of input %d, element %zu is %.12g alone, %.12g with others",
                         subject->layer->name, i, element, wanted[i][element],
                         gradients[i][element]);
        test_free(wanted[i]);
    }
}

/* With L = sum of g * y for random g and random inputs: shape is what the layer's functions are
 * given, output_count the length of y, input_counts the length of each input. */
static void check_layer(const struct layer *layer, const void *shape, size_t output_count,
                        const size_t *input_counts)
{
    struct subject subject = {layer, shape, input_counts, output_count};
    double *inputs[MOST_INPUTS], *gradients[MOST_INPUTS], *g = random_numbers(output_count);
    for (int i = 0; i < layer->inputs; i++) {
        inputs[i] = spaced_numbers(input_counts[i]);
        gradients[i] = numbers(input_counts[i]);
    }
    layer->backward(shape, inputs, g, gradients);
    check_elements(&subject, inputs, g, gradients);
    check_unwanted(&subject, inputs, g, gradients);
    for (int i = 0; i < layer->inputs; i++) {
        test_free(inputs[i]);
        test_free(gradients[i]);
    }
    test_free(g);
}

#endif
