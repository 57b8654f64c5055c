#include "nn/cost.h"

static double bytes_of(const tensor *t)
{
    return (double)shape_count(t->shape) * sizeof(float);
}

static double input_bytes(const layer *l)
{
    double bytes = 0;
    for (int i = 0; i < l->read_count; i++)
        bytes += bytes_of(l->reads[i]);
    return bytes;
}

cost cost_forward(const plan *p, const layer *l)
{
    if (l->skipped)
        return (cost){0};
    /* what is left to the readers is only read here, and only for its statistics */
    bool deferred = l->output_deferred;
    cost c = {.bytes = (deferred && !p->options.training ? 0 : input_bytes(l)) +
                       (deferred ? 0 : bytes_of(l->output))};
    for (int i = 0; i < l->param_count; i++)
        c.bytes += (double)l->params[i]->count * sizeof(float);
    if (l->type->flops)
        c.flops = l->type->flops(l, false);
    return c;
}

cost cost_backward(const plan *p, const layer *l)
{
    cost c = {0};
    unsigned flags = l->flags;
    if (!plan_runs_backward(p, l))
        return c;
    bool finishes = l->finishes;
    c.bytes = (flags & BACKWARD_NEEDS_X ? input_bytes(l) : 0) +
              (flags & BACKWARD_NEEDS_Y || finishes ? bytes_of(l->output) : 0) +
              (flags & IS_LOSS ? 0 : (1 + finishes) * bytes_of(l->output));
    for (int i = 0; i < l->read_count; i++)
        if (l->reads[i]->needs_gradient && !l->gradient_deferred)
            c.bytes += (1 + l->beta[i]) * bytes_of(l->reads[i]);
    for (int i = 0; i < l->param_count; i++)
        if (param_is_trainable(l->params[i]))
            c.bytes += (double)l->params[i]->count * sizeof(float);
    if (l->type->flops)
        c.flops = l->type->flops(l, true);
    return c;
}

cost cost_plan(const plan *p)
{
    cost sum = {0};
    for (size_t i = 0; i < p->graph->layer_count; i++) {
        const layer *l = p->graph->layers[i];
        cost forward = cost_forward(p, l),
             backward = p->options.training ? cost_backward(p, l) : (cost){0};
        sum.flops += forward.flops + backward.flops;
        sum.bytes += forward.bytes + backward.bytes;
    }
    return sum;
}
