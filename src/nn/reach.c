#include "nn/reach.h"

#include "base/memory.h"
#include <limits.h>
#include <stdlib.h>

/* What is wanted of a tensor along a side. Nothing: first is above last. */
static const span nothing = {LONG_MAX, LONG_MIN};

static size_t number_of(const graph *g, const tensor *t)
{
    size_t i = 0;
    while (g->tensors[i] != t)
        i++;
    return i;
}

static void widen(span *wanted, span by)
{
    if (by.first < wanted->first)
        wanted->first = by.first;
    if (by.last > wanted->last)
        wanted->last = by.last;
}

static bool reads_whole_image(const graph *g)
{
    for (size_t i = 0; i < g->layer_count; i++)
        if (g->layers[i]->flags & READS_WHOLE_IMAGE)
            return true;
    return false;
}

/* Pixels of the input, along a side, for one of the smallest image in the graph. */
static int find_unit(const graph *g, const tensor *input)
{
    int least = input->shape.h;
    for (size_t i = 0; i < g->layer_count; i++)
        if (g->layers[i]->output->shape.h < least)
            least = g->layers[i]->output->shape.h;
    return input->shape.h / least;
}

/* From the output back to the input. */
static void trace(const graph *g, span *wanted)
{
    for (size_t i = g->layer_count; i-- > 0;) {
        const layer *l = g->layers[i];
        span of_output = wanted[number_of(g, l->output)];
        if (of_output.first > of_output.last)
            continue;
        span of_inputs = l->type->reach ? l->type->reach(l, of_output) : of_output;
        for (int k = 0; k < l->input_count; k++)
            widen(&wanted[number_of(g, l->inputs[k])], of_inputs);
    }
}

int graph_reach(const graph *g, const tensor *input, const tensor *output, reach *out)
{
    *out = (reach){.unit = 1, .whole = reads_whole_image(g)};
    if (out->whole)
        return 0;
    span *wanted = allocate(g->tensor_count, sizeof *wanted);
    if (!wanted)
        return -1;
    for (size_t i = 0; i < g->tensor_count; i++)
        wanted[i] = nothing;
    out->unit = find_unit(g, input);
    wanted[number_of(g, output)] = (span){0, out->unit - 1};
    trace(g, wanted);
    span of_input = wanted[number_of(g, input)];
    if (of_input.first < 0)
        out->before = (int)-of_input.first;
    if (of_input.last >= out->unit)
        out->after = (int)(of_input.last - out->unit + 1);
    free(wanted);
    return 0;
}
