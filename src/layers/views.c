#include "layers/views.h"

#include "layers/batch_norm.h"

/* A kernel argument must be some buffer, also where nothing is read. */
static struct view_part nothing(cl_mem any)
{
    return (struct view_part){any, any, 0, -1};
}

static struct view_part part_of_tensor(const tensor *t)
{
    struct view_part part = {t->data, t->data, t->shape.c, -1};
    if (t->pending.planned) {
        part.moments = t->producer->saved[t->pending.moments].buffer;
        part.slope = t->pending.slope;
    }
    return part;
}

view view_of(cl_mem data, int channels)
{
    return (view){{data, data, channels, -1}, nothing(data)};
}

view view_of_inputs(const layer *l)
{
    view v = {part_of_tensor(l->reads[0]), nothing(l->reads[0]->data)};
    if (l->read_count > 1)
        v.b = part_of_tensor(l->reads[1]);
    return v;
}

gradient_view gradient_view_of(cl_mem g)
{
    return (gradient_view){g, g, g, g, g, -1, 0};
}

gradient_view gradient_of_output(const layer *l)
{
    const tensor *t = l->output;
    const layer *norm = t->pending_gradient.left_by;
    if (!norm)
        return gradient_view_of(t->gradient);
    return (gradient_view){.g = t->gradient,
                           .x = t->data,
                           .moments = norm->saved[BATCH_NORM_MOMENTS].buffer,
                           .dgamma = norm->params[BATCH_NORM_GAMMA]->gradient,
                           .dbeta = norm->params[BATCH_NORM_BETA]->gradient,
                           .slope = norm->output->pending.slope,
                           .part = 1.0f / (float)(t->shape.n * t->shape.h * t->shape.w)};
}

sink sink_of(cl_mem data, int channels, int adds)
{
    return (sink){{data, channels, adds}, {data, 0, 0}};
}

sink sink_of_gradients(const layer *l)
{
    sink s = sink_of(l->reads[0]->gradient, l->reads[0]->shape.c, l->beta[0]);
    if (l->read_count > 1)
        s.b = (struct sink_part){l->reads[1]->gradient, l->reads[1]->shape.c, l->beta[1]};
    return s;
}
