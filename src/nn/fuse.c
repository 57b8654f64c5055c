#include "nn/fuse.h"

#include "../cl/constants.h"
#include <string.h>

static void read_inputs(layer *l)
{
    memcpy(l->reads, l->inputs, sizeof l->reads);
    l->read_count = l->input_count;
    l->skipped = false;
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

/* Where the producer of its input is the next to read the gradient there. */
static void leave_gradient(const graph *g, const layer *norm)
{
    tensor *x = norm->reads[0];
    const tensor *y = norm->output;
    if (norm->flags & LEAVES_GRADIENT && !x->is_output && x->pending_gradient.possible &&
        x->needs_gradient && y->needs_gradient && graph_is_only_reader(g, norm, x))
        x->pending_gradient.left_by = norm;
}

void fuse_graph(graph *g, bool fuse)
{
    for (size_t i = 0; i < g->layer_count; i++)
        read_inputs(g->layers[i]);
    for (size_t i = 0; i < g->tensor_count; i++) {
        g->tensors[i]->pending.planned = false;
        g->tensors[i]->pending_gradient.left_by = NULL;
    }
    for (size_t i = 0; fuse && i < g->layer_count; i++)
        if (can_skip_join(g, g->layers[i]))
            skip_join(g, g->layers[i]);
    for (size_t i = 0; fuse && i < g->tensor_count; i++) {
        tensor *t = g->tensors[i];
        t->pending.planned = t->pending.possible && !t->is_output &&
                             t->shape.c % CHANNELS_UNIT == 0 && readers_have(g, t, READS_PENDING);
    }
    for (size_t i = 0; fuse && i < g->layer_count; i++)
        leave_gradient(g, g->layers[i]);
}

tensor *pending_source(const tensor *t)
{
    return t->pending.planned ? t->producer->reads[0] : NULL;
}
