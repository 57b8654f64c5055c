#include "nn/lifetimes.h"

#include "base/memory.h"
#include <assert.h>

enum { BUFFER_UNIT = 64 }; /* buffers are whole multiples of so many bytes */

static int time_backward(const plan *p, size_t layer_index)
{
    return (int)(2 * p->graph->layer_count - 1 - layer_index);
}

static int last_time(const plan *p)
{
    return (int)(p->options.training ? 2 * p->graph->layer_count : p->graph->layer_count) - 1;
}

static int later(int a, int b)
{
    return a > b ? a : b;
}

/* ---- Who reads what, and when ---- */

static int birth(const tensor *t)
{
    return t->producer ? (int)t->producer->index : 0;
}

/* The last time that a layer reads t among its inputs. */
static int last_reading(const plan *p, const tensor *t)
{
    int last = birth(t);
    for (size_t i = 0; i < p->graph->layer_count; i++) {
        const layer *l = p->graph->layers[i];
        bool backward = plan_runs_backward(p, l) && l->flags & BACKWARD_NEEDS_X;
        for (int k = 0; k < l->read_count; k++)
            if (l->reads[k] == t)
                last = later(last, backward ? time_backward(p, i) : (int)i);
    }
    return last;
}

/* The time up to which t's data is read. A producer that finishes t's gradient reads the data first of
 * all: the other gradients that it writes may lie where the data was. */
static int data_end(const plan *p, const tensor *t)
{
    const layer *l = t->producer;
    if (t->is_output || !l)
        return last_time(p);
    int end = last_reading(p, t);
    if (plan_runs_backward(p, l) && l->flags & BACKWARD_NEEDS_Y)
        end = later(end, time_backward(p, l->index));
    else if (plan_runs_backward(p, l) && l->finishes)
        end = later(end, time_backward(p, l->index) - 1);
    return end;
}

/* The time of the first write of t's gradient: the backward of its last reader. */
static int gradient_start(const plan *p, const tensor *t, int otherwise)
{
    const graph *g = p->graph;
    for (size_t i = g->layer_count; i-- > 0;)
        for (int k = 0; k < g->layers[i]->read_count; k++)
            if (g->layers[i]->reads[k] == t && plan_runs_backward(p, g->layers[i]))
                return time_backward(p, i);
    return otherwise;
}

/* ---- Sharing ---- */

/* Is l's first input of no use to anybody else? */
static bool has_input_to_itself(const plan *p, const layer *l)
{
    const tensor *x = l->reads[0];
    return x->producer && !x->is_output && graph_is_only_reader(p->graph, l, x);
}

/* Can l write its output over its first input? Nobody may read that later. */
static bool runs_in_place(const plan *p, const layer *l)
{
    return !p->options.separate && l->flags & CAN_RUN_IN_PLACE && has_input_to_itself(p, l) &&
           data_end(p, l->reads[0]) == (int)l->index;
}

static bool gradient_in_place(const plan *p, const layer *l)
{
    return !p->options.separate && l->flags & GRADIENT_IN_PLACE && has_input_to_itself(p, l);
}

void lifetimes_share(const plan *p)
{
    graph *g = p->graph;
    for (size_t i = 0; i < g->tensor_count; i++)
        g->tensors[i]->data_in = g->tensors[i]->gradient_in = NULL;
    for (size_t i = 0; i < g->layer_count; i++) {
        const layer *l = g->layers[i];
        tensor *x = l->reads[0], *y = l->output;
        bool in_place = runs_in_place(p, l);
        if (in_place || l->output_deferred)
            y->data_in = x;
        if (x->needs_gradient && y->needs_gradient && (in_place || gradient_in_place(p, l)))
            x->gradient_in = y;
    }
}

/* The tensor in whose memory t's data lies, through all who lie in another's. */
static const tensor *data_owner(const tensor *t)
{
    while (t->data_in)
        t = t->data_in;
    return t;
}

static const tensor *gradient_owner(const tensor *t)
{
    while (t->gradient_in)
        t = t->gradient_in;
    return t;
}

/* ---- Lifetimes ---- */

static int add(lifetimes *list, size_t bytes, int from, int to, int *number)
{
    if (grow(&list->items, &list->capacity, list->count + 1, sizeof *list->items))
        return -1;
    size_t whole = (bytes + BUFFER_UNIT - 1) / BUFFER_UNIT * BUFFER_UNIT;
    list->items[list->count++] = (lifetime){whole, from, to, number};
    return 0;
}

/* Until the last of those who lie in t's memory has been read. */
static int add_data(const plan *p, lifetimes *list, tensor *t)
{
    int end = birth(t);
    for (size_t i = 0; i < p->graph->tensor_count; i++)
        if (data_owner(p->graph->tensors[i]) == t)
            end = later(end, data_end(p, p->graph->tensors[i]));
    return add(list, shape_count(t->shape) * sizeof(float), birth(t), end, &t->data_buffer);
}

/* Until the producers of all who lie in t's memory have run backward. */
static int add_gradient(const plan *p, lifetimes *list, tensor *t)
{
    int end = 0;
    for (size_t i = 0; i < p->graph->tensor_count; i++) {
        const tensor *u = p->graph->tensors[i];
        if (gradient_owner(u) == t)
            end = later(end, u->producer ? time_backward(p, u->producer->index) : last_time(p));
    }
    int start = t->is_output ? 0 : gradient_start(p, t, end);
    return add(list, shape_count(t->shape) * sizeof(float), start, end, &t->gradient_buffer);
}

/* The time up to which l's saved memory is read, by l or by whoever does what l has deferred. */
static int saved_end(const plan *p, const layer *l)
{
    if (p->options.training) {
        const layer *last = l->gradient_deferred ? l->reads[0]->producer : l;
        return time_backward(p, last->index);
    }
    return l->output_deferred ? data_end(p, l->output) : (int)l->index;
}

static int add_saved(const plan *p, lifetimes *list, layer *l)
{
    for (int k = 0; k < LAYER_SAVED_MAX; k++) {
        saved *s = &l->saved[k];
        int from = s->persistent ? 0 : (int)l->index;
        int to = s->persistent ? last_time(p) : saved_end(p, l);
        if (s->bytes && add(list, s->bytes, from, to, &s->number))
            return -1;
    }
    return 0;
}

int lifetimes_list(const plan *p, lifetimes *list)
{
    const graph *g = p->graph;
    for (size_t i = 0; i < g->tensor_count; i++) {
        tensor *t = g->tensors[i];
        if (t->producer && t->producer->skipped)
            continue;
        if (!t->data_in && add_data(p, list, t))
            return -1;
        if (t->needs_gradient && !t->gradient_in && add_gradient(p, list, t))
            return -1;
    }
    for (size_t i = 0; i < g->layer_count; i++)
        if (!g->layers[i]->skipped && add_saved(p, list, g->layers[i]))
            return -1;
    return 0;
}

void lifetimes_pass_numbers(const plan *p)
{
    for (size_t i = 0; i < p->graph->tensor_count; i++) {
        tensor *t = p->graph->tensors[i];
        t->data_buffer = data_owner(t)->data_buffer;
        t->gradient_buffer = gradient_owner(t)->gradient_buffer;
        assert(t->data_buffer >= 0 || t->producer->skipped);
        assert(t->gradient_buffer >= 0 || !t->needs_gradient || t->producer->skipped);
    }
}
