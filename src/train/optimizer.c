#include "train/optimizer.h"

#include "base/error.h"
#include "base/memory.h"
#include "layers/pixels.h"
#include <limits.h>
#include <math.h>
#include <stdlib.h>

static const double beta1 = 0.9, beta2 = 0.999, epsilon = 1e-7;

struct optimizer {
    params *params;
    cl_mem first_moment, second_moment; /* (trainable_floats) */
    kernel *adam;
    long step;
};

int optimizer_new(optimizer **out, params *p)
{
    optimizer *o = allocate(1, sizeof *o);
    if (!o)
        return -1;
    device *d = p->device;
    size_t bytes = p->trainable_floats * sizeof(float);
    o->params = p;
    o->adam = kernel_get(d, "adam", "", "adam");
    if (!o->adam || buffer_new(d, bytes, "first moments", &o->first_moment) ||
        buffer_new(d, bytes, "second moments", &o->second_moment) ||
        buffer_fill(d, o->first_moment, 0, 0, bytes) ||
        buffer_fill(d, o->second_moment, 0, 0, bytes)) {
        optimizer_free(o);
        return -1;
    }
    *out = o;
    return 0;
}

void optimizer_free(optimizer *o)
{
    if (!o)
        return;
    buffer_free(o->params->device, &o->first_moment);
    buffer_free(o->params->device, &o->second_moment);
    free(o);
}

int optimizer_step(optimizer *o, double learning_rate, cl_mem status)
{
    params *p = o->params;
    o->step++;
    double rate = learning_rate * sqrt(1 - pow(beta2, o->step)) / (1 - pow(beta1, o->step));
    spans over = spans_flat(p->device, (shape){1, 1, 1, (int)p->trainable_floats});
    if (LAUNCH(p->device, o->adam, spans_range(p->device, &over), ARG(p->values), ARG(p->gradients),
               ARG(o->first_moment), ARG(o->second_moment), ARG(status), ARG((float)rate),
               ARG((float)(1 - beta1)), ARG((float)(1 - beta2)), ARG((float)epsilon),
               ARG(over.pixels), ARG(over.channels), ARG(over.span)))
        return -1;
    p->version++;
    return 0;
}
