/*
 * Outputs that blend to the mixture: of all y with sum over k of w_k y_k = x and 0 <= y_k <= 1 the one
 * nearest to z (the Euclidean projection onto a plane and a box). The gradient goes straight through the
 * box (Bengio et al. 2013), so that an output at its limit can leave it again.
 */
#include "base/error.h"
#include "layers/layers.h"
#include "opencl/kernel.h"
#include <stdio.h>

enum { Z, MIXTURE };

struct state {
    kernel *forward, *backward;
};

static int consistent_shape(layer *l)
{
    const struct consistent_options *o = l->options;
    shape z = l->inputs[Z]->shape, x = l->inputs[MIXTURE]->shape;
    if (o->sources < 2 || o->sources > LAYER_SOURCES_MAX)
        return fail(STATUS_RUNTIME, "a mixture of %d sources; it should be of 2 to %d", o->sources,
                    LAYER_SOURCES_MAX);
    for (int k = 0; k < o->sources; k++)
        if (!(o->weights[k] > 0))
            return fail(STATUS_RUNTIME, "source %d has weight %g in the mixture", k + 1,
                        (double)o->weights[k]);
    if (!shape_equal(z, (shape){x.n, x.h, x.w, o->sources * x.c}))
        return fail(STATUS_RUNTIME,
                    "%d x %d x %d x %d is not %d sources of a mixture of %d x %d x %d x %d", z.n,
                    z.h, z.w, z.c, o->sources, x.n, x.h, x.w, x.c);
    return layer_output_shape(l, z.n, z.h, z.w, z.c);
}

static int consistent_prepare(layer *l, device *d)
{
    struct state *s = l->state;
    char defines[32];
    snprintf(defines, sizeof defines, "-DSOURCES=%d",
             ((const struct consistent_options *)l->options)->sources);
    s->forward = kernel_get(d, "consistent", defines, "consistent_forward");
    s->backward = kernel_get(d, "consistent", defines, "consistent_backward");
    return s->forward && s->backward ? 0 : -1;
}

static int consistent_forward(layer *l, run *r)
{
    struct state *s = l->state;
    const struct consistent_options *o = l->options;
    const tensor *x = l->inputs[MIXTURE];
    size_t count = shape_count(x->shape);
    return LAUNCH(r->device, s->forward, range_flat(count), ARG(l->inputs[Z]->data), ARG(x->data),
                  ARG(l->output->data), ARG((int)count), ARG(x->shape.c), ARG(o->weights[0]),
                  ARG(o->weights[1]), ARG(o->weights[2]), ARG(o->weights[3]));
}

static int consistent_backward(layer *l, run *r)
{
    struct state *s = l->state;
    const struct consistent_options *o = l->options;
    shape x = l->inputs[MIXTURE]->shape;
    size_t count = shape_count(x);
    cl_mem g = l->output->gradient, dz = l->inputs[Z]->gradient, dx = l->inputs[MIXTURE]->gradient;
    return LAUNCH(r->device, s->backward, range_flat(count), ARG(g), ARG(dz ? dz : dx),
                  ARG(dx ? dx : dz), ARG((int)count), ARG(x.c), ARG(o->weights[0]),
                  ARG(o->weights[1]), ARG(o->weights[2]), ARG(o->weights[3]),
                  ARG(dz ? 1 + l->beta[Z] : 0), ARG(dx ? 1 + l->beta[MIXTURE] : 0));
}

const layer_type consistent_layer = {
    .name = "consistent",
    .options_size = sizeof(struct consistent_options),
    .state_size = sizeof(struct state),
    .flags = CAN_RUN_IN_PLACE,
    .shape = consistent_shape,
    .prepare = consistent_prepare,
    .forward = consistent_forward,
    .backward = consistent_backward,
};

tensor *consistent(graph *g, const char *name, tensor *z, tensor *mixture, int sources,
                   const float weights[])
{
    struct consistent_options o = {.sources = sources};
    for (int k = 0; k < LAYER_SOURCES_MAX; k++)
        o.weights[k] = k < sources ? weights[k] : 0;
    return graph_add(g, &consistent_layer, name, &o, (tensor *[]){z, mixture}, 2);
}
