/*
 * The truth with each picture's sources in the order that is nearest to the output, for permutation invariant
 * training (Yu et al. 2017). It has no backward: small changes of the output do not change the order, so its
 * gradient is zero wherever there is one.
 */
#include "base/error.h"
#include "layers/assigner.h"
#include "layers/layers.h"

enum { OUTPUT, TRUTH };

static int assignment_shape(layer *l)
{
    const struct assignment_options *o = l->options;
    shape s = l->inputs[TRUTH]->shape;
    if (!shape_equal(l->inputs[OUTPUT]->shape, s))
        return fail(STATUS_RUNTIME, "output and truth differ in shape");
    if (o->sources < 1 || o->sources > LAYER_SOURCES_MAX || s.c % o->sources)
        return fail(STATUS_RUNTIME, "%d channels are not those of %d sources", s.c, o->sources);
    l->workspace_bytes = assigner_scratch_bytes(s, o->sources);
    return layer_output_shape(l, s.n, s.h, s.w, s.c);
}

static int assignment_prepare(layer *l, device *d)
{
    const struct assignment_options *o = l->options;
    return assigner_prepare(l->state, d, l->output->shape, o->sources);
}

static int assignment_forward(layer *l, run *r)
{
    return assigner_run(l->state, r->device, l->inputs[OUTPUT]->data, l->inputs[TRUTH]->data,
                        l->output->data, r->workspace);
}

const layer_type assignment_layer = {
    .name = "assignment",
    .options_size = sizeof(struct assignment_options),
    .state_size = sizeof(assigner),
    .shape = assignment_shape,
    .prepare = assignment_prepare,
    .forward = assignment_forward,
};

tensor *assignment(graph *g, const char *name, tensor *output, tensor *truth, int sources)
{
    struct assignment_options o = {sources};
    return graph_add(g, &assignment_layer, name, &o, (tensor *[]){output, truth}, 2);
}
