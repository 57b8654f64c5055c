#include "tune/reference_results.h"

#include "base/error.h"
#include "base/memory.h"
#include "base/rng.h"
#include "base/streams.h"
#include "bench/step.h"
#include <math.h>
#include <stdlib.h>

/* Relative to a tensor's largest value; what is zero by nature (gradients of biases before a batch
 * norm) is rounding noise, and only its size counts. */
static const double tolerance = 1e-4, noise = 5e-7;

/*
 * Gradients jump where a value lies so close to a kink (relu) or a tie (max pooling) that rounding
 * decides: one pixel can move a sum by more than the tolerance. How far, the defaults themselves
 * show when the input is disturbed by as much as rounding may amount to in a layer. Another tuning
 * may be off by a few times that: per cents, in a deep network.
 */
enum { DISTURBANCES = 4 };
static const double disturbance = 1e-5, disturbed = 4;

static double largest(const float *values, size_t count)
{
    double most = 0;
    for (size_t i = 0; i < count; i++)
        most = fmax(most, fabs((double)values[i]));
    return most;
}

static double largest_difference(const float *a, const float *b, size_t count)
{
    double most = 0;
    for (size_t i = 0; i < count; i++)
        most = fmax(most, fabs((double)a[i] - b[i]));
    return most;
}

/* ---- Taking them ---- */

static int write_disturbed(device *d, const tensor *input, const float *values, rng *random)
{
    size_t count = shape_count(input->shape);
    float *moved = allocate(count, sizeof *moved);
    if (!moved)
        return -1;
    for (size_t i = 0; i < count; i++)
        moved[i] = values[i] * (float)(1 + disturbance * (2 * rng_uniform(random) - 1));
    int result = buffer_write(d, input->data, 0, moved, count * sizeof *moved);
    free(moved);
    return result;
}

/* Allows what one disturbance does. */
static int widen(reference_results *r, device *d, const network *n)
{
    step_results moved;
    int result = step_run_for_results(d, n, &moved);
    for (size_t i = 0; !result && i < moved.count; i++) {
        const step_part *p = &moved.parts[i];
        double off = largest_difference(moved.values + p->first, r->values + p->first, p->count);
        r->allowed[i] = fmax(r->allowed[i], disturbed * off);
    }
    step_results_release(&moved);
    return result;
}

/* The input is as before afterwards. */
static int measure_disturbances(reference_results *r, device *d, const network *n)
{
    rng random = rng_start(4, STREAM_BENCH);
    const tensor *input = n->input;
    size_t bytes = shape_count(input->shape) * sizeof(float);
    float *values = allocate(bytes, 1);
    int result = values ? buffer_read(d, input->data, 0, values, bytes) : -1;
    for (int i = 0; !result && i < DISTURBANCES; i++)
        result = write_disturbed(d, input, values, &random) || widen(r, d, n) ? -1 : 0;
    if (!result)
        result = buffer_write(d, input->data, 0, values, bytes);
    free(values);
    return result;
}

int reference_results_take(reference_results *r, device *d, const network *n)
{
    step_results own;
    int result = step_run_for_results(d, n, &own);
    if (!result && !(r->allowed = allocate(own.count, sizeof *r->allowed)))
        result = -1;
    if (!result) {
        r->values = own.values;
        own.values = NULL;
        for (size_t i = 0; i < own.count; i++) {
            double most = largest(r->values + own.parts[i].first, own.parts[i].count);
            r->allowed[i] = fmax(tolerance * most, noise);
        }
    }
    step_results_release(&own);
    return result ? -1 : measure_disturbances(r, d, n);
}

void reference_results_release(reference_results *r)
{
    free(r->values);
    free(r->allowed);
    *r = (reference_results){0};
}

/* ---- Comparing with them ---- */

static int compare_tensor(const step_part *p, const float *got, const float *wanted, double allowed)
{
    for (size_t i = 0; i < p->count; i++)
        if (!(fabs((double)got[i] - wanted[i]) <= allowed)) /* NaN never is */
            return fail(STATUS_SELFTEST, "%s[%zu] is %.9g, with the defaults %.9g (within %.3g)",
                        p->name, i, got[i], wanted[i], allowed);
    return 0;
}

int reference_results_compare(const reference_results *r, device *d, const network *n)
{
    step_results own;
    int result = step_run_for_results(d, n, &own);
    for (size_t i = 0; !result && i < own.count; i++) {
        const step_part *p = &own.parts[i];
        result = compare_tensor(p, own.values + p->first, r->values + p->first, r->allowed[i]);
    }
    step_results_release(&own);
    return result;
}
