#include "layers/views.h"

/* A kernel argument must be some buffer, also where nothing is read. */
static struct view_part nothing(cl_mem any)
{
    return (struct view_part){any, any, 0, -1};
}

static struct view_part part_of_tensor(const tensor *t)
{
    deferred_output left = deferred_output_of(t);
    return (struct view_part){t->data, left.moments, t->shape.c, left.slope};
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
