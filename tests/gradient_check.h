/* Gradients of whole networks against differences of their loss. Include it behind cmocka.h and what
 * declares must(). */
#ifndef TESTS_GRADIENT_CHECK_H
#define TESTS_GRADIENT_CHECK_H

#include "models/network.h"
#include <math.h>

static double total_loss(network *n, const struct train_config *c)
{
    float losses[SOURCES_MAX];
    double total = 0;
    n->params->version++;
    must(plan_forward(n->plan));
    must(buffer_read(n->params->device, n->losses->data, 0, losses,
                     (size_t)n->mixture.sources * sizeof *losses));
    for (int k = 0; k < n->mixture.sources; k++)
        total += c->source_weights[k] * losses[k];
    return total;
}

/* Moves a parameter by `step` along its gradient's direction. */
static void move(network *n, const param *p, const float *values, const float *gradient,
                 double length, double step)
{
    float *moved = malloc(p->count * sizeof *moved);
    assert_non_null(moved);
    for (size_t i = 0; i < p->count; i++)
        moved[i] = (float)(values[i] + step * gradient[i] / length);
    must(buffer_write(n->params->device, p->data, 0, moved, p->count * sizeof *moved));
    free(moved);
}

/* How fast the loss grows along the gradient, from steps of that length either way. */
static double slope_along(network *n, const struct train_config *c, const param *p,
                          const float *values, const float *gradient, double length, double step)
{
    move(n, p, values, gradient, length, step);
    double above = total_loss(n, c);
    move(n, p, values, gradient, length, -step);
    double below = total_loss(n, c);
    must(buffer_write(n->params->device, p->data, 0, values, p->count * sizeof *values));
    return (above - below) / (2 * step);
}

/* Along its own gradient a loss grows by the gradient's length. Long steps meet curvature and kinks, short
 * ones rounding: one of them must do. */
static void check_gradient(network *n, const struct train_config *c, const param *p)
{
    static const double steps[] = {2e-2, 5e-3, 1e-3};
    float *values = malloc(p->count * sizeof *values),
          *gradient = malloc(p->count * sizeof *gradient);
    double length = 0, slope = 0;
    assert_true(values && gradient);
    must(buffer_read(n->params->device, p->data, 0, values, p->count * sizeof *values));
    must(buffer_read(n->params->device, p->gradient, 0, gradient, p->count * sizeof *gradient));
    for (size_t i = 0; i < p->count; i++)
        length += (double)gradient[i] * gradient[i];
    length = sqrt(length);
    bool right = length <= 1e-5;
    for (size_t i = 0; i < sizeof steps / sizeof *steps && !right; i++) {
        slope = slope_along(n, c, p, values, gradient, length, steps[i]);
        right = fabs(slope - length) <= 0.02 * length + 1e-5;
    }
    if (!right)
        fail_msg("%s: the loss grows by %g along its gradient, whose length is %g", p->name, slope,
                 length);
    free(values);
    free(gradient);
}

#endif
