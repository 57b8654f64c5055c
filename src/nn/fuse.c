#include "nn/fuse.h"

#include "../cl/constants.h"
#include <string.h>

static void separate(layer *l)
{
    memcpy(l->reads, l->inputs, sizeof l->reads);
    l->read_count = l->input_count;
    l->skipped = l->output_deferred = l->gradient_deferred = false;
    l->finishes = NULL;
}

/* Do all layers that read t have the flag, and is there one? */
static bool readers_have(const graph *g, const tensor *t, unsigned flag)
{
    bool any = false;
    for (size_t i = 0; i < g->layer_count; i++) {
        const layer *l = g->layers[i];
        for (int k = 0; !l->skipped && k < l->read_count; k++) {
            if (l->reads[k] != t)
                continue;
            if (!(l->flags & flag))
                return false;
            any = true;
        }
    }
    return any;
}

static bool can_skip_join(const graph *g, const layer *l)
{
    if (!(l->flags & IS_JOIN) || l->input_count != 2 || l->output->is_output)
        return false;
    const tensor *a = l->inputs[0], *b = l->inputs[1];
    return a != b && a->shape.c % CHANNELS_UNIT == 0 && b->shape.c % CHANNELS_UNIT == 0 &&
           a->needs_gradient == b->needs_gradient && readers_have(g, l->output, READS_PARTS);
}

static void skip_join(graph *g, layer *join)
{
    join->skipped = true;
    for (size_t i = 0; i < g->layer_count; i++) {
        layer *l = g->layers[i];
        if (l->reads[0] == join->output) {
            memcpy(l->reads, join->inputs, sizeof l->reads);
            l->read_count = join->input_count;
        }
    }
}

static bool can_defer_output(const graph *g, const layer *l)
{
    const tensor *y = l->output;
    return l->flags & CAN_DEFER_OUTPUT && !y->is_output && y->shape.c % CHANNELS_UNIT == 0 &&
           readers_have(g, y, READS_DEFERRED);
}

/* The input's producer must be the next to read the gradient there. */
static bool can_defer_gradient(const graph *g, const layer *l)
{
    const tensor *x = l->reads[0];
    return l->flags & CAN_DEFER_GRADIENT && x->producer &&
           x->producer->flags & CAN_FINISH_GRADIENT && !x->is_output && x->needs_gradient &&
           l->output->needs_gradient && graph_is_only_reader(g, l, x);
}

void fuse_graph(graph *g, bool fuse)
{
    for (size_t i = 0; i < g->layer_count; i++)
        separate(g->layers[i]);
    for (size_t i = 0; fuse && i < g->layer_count; i++)
        if (can_skip_join(g, g->layers[i]))
            skip_join(g, g->layers[i]);
    for (size_t i = 0; fuse && i < g->layer_count; i++)
        g->layers[i]->output_deferred = can_defer_output(g, g->layers[i]);
    for (size_t i = 0; fuse && i < g->layer_count; i++) {
        layer *l = g->layers[i];
        if (can_defer_gradient(g, l)) {
            l->gradient_deferred = true;
            l->reads[0]->producer->finishes = l;
        }
    }
}
