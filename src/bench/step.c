#include "bench/step.h"

#include "base/memory.h"
#include <stdlib.h>

int step_write_random(device *d, const tensor *t, rng *random)
{
    size_t count = shape_count(t->shape);
    float *values = allocate(count, sizeof *values);
    if (!values)
        return -1;
    for (size_t i = 0; i < count; i++)
        values[i] = rng_uniform(random);
    int result = buffer_write(d, t->data, 0, values, count * sizeof *values);
    free(values);
    return result;
}

int step_run(const network *n)
{
    n->graph->params->version++;
    return plan_forward(n->plan) || plan_backward(n->plan) ? -1 : 0;
}

void step_results_release(step_results *r)
{
    free(r->parts);
    free(r->values);
    *r = (step_results){0};
}

static void add_part(step_results *r, const char *name, cl_mem buffer, size_t count)
{
    r->parts[r->count++] = (step_part){name, buffer, r->value_count, count};
    r->value_count += count;
}

static int list_parts(const network *n, step_results *r)
{
    const params *p = n->params;
    const tensor *const results[] = {n->output, n->losses};
    r->parts = allocate(2 + p->count, sizeof *r->parts);
    if (!r->parts)
        return -1;
    for (int i = 0; i < 2; i++)
        add_part(r, results[i]->name, results[i]->data, shape_count(results[i]->shape));
    for (size_t i = 0; i < p->count; i++)
        if (param_is_trainable(p->items[i]))
            add_part(r, p->items[i]->name, p->items[i]->gradient, p->items[i]->count);
    return 0;
}

static int read_parts(device *d, step_results *r)
{
    if (!(r->values = allocate(r->value_count, sizeof *r->values)))
        return -1;
    for (size_t i = 0; i < r->count; i++) {
        const step_part *p = &r->parts[i];
        if (buffer_read(d, p->buffer, 0, r->values + p->first, p->count * sizeof *r->values))
            return -1;
    }
    return 0;
}

int step_run_for_results(device *d, const network *n, step_results *out)
{
    *out = (step_results){0};
    return step_run(n) || list_parts(n, out) || read_parts(d, out) ? -1 : 0;
}

static int smaller_first(const void *a, const void *b)
{
    const double *left = a, *right = b;
    return (*left > *right) - (*left < *right);
}

void step_sort_seconds(double *seconds, size_t count)
{
    qsort(seconds, count, sizeof *seconds, smaller_first);
}
