#include "bench/layer_times.h"

#include "base/memory.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static layer_time *append(layer_times *t, const char *name, const char *kind, bool is_layer)
{
    if (grow(&t->items, &t->capacity, t->count + 1, sizeof *t->items))
        return NULL;
    layer_time *item = &t->items[t->count++];
    *item = (layer_time){.is_layer = is_layer};
    snprintf(item->name, sizeof item->name, "%s", name);
    snprintf(item->kind, sizeof item->kind, "%s", kind);
    return item;
}

static int add_layer(layer_times *t, const plan *p, int runs, const layer *l,
                     const timeline_row *rows, size_t row_count, long steps)
{
    layer_time *item = append(t, l->name, l->type->name, true);
    if (!item)
        return -1;
    for (size_t i = 0; i < row_count; i++)
        if (rows[i].layer == l->name)
            *(rows[i].backward ? &item->backward : &item->forward) +=
                rows[i].seconds / (double)steps;
    item->is_convolution = l->flags & IS_CONVOLUTION;
    cost forward = cost_forward(p, l), backward = cost_backward(p, l);
    item->cost =
        (cost){runs * (forward.flops + backward.flops), runs * (forward.bytes + backward.bytes)};
    return 0;
}

static int add_other(layer_times *t, const timeline_row *row, long steps)
{
    layer_time *item = append(t, row->command, row->file, false);
    if (!item)
        return -1;
    item->forward = row->seconds / (double)steps;
    return 0;
}

double layer_time_seconds(const layer_time *t)
{
    return t->forward + t->backward;
}

static int longer_first(const void *a, const void *b)
{
    const kind_time *left = a, *right = b;
    if (left->seconds != right->seconds)
        return left->seconds < right->seconds ? 1 : -1;
    return strcmp(left->kind, right->kind);
}

static int sum_kinds(layer_times *t)
{
    t->kinds = allocate(t->count + 1, sizeof *t->kinds);
    if (!t->kinds)
        return -1;
    for (size_t i = 0; i < t->count; i++) {
        size_t k = 0;
        while (k < t->kind_count && strcmp(t->kinds[k].kind, t->items[i].kind))
            k++;
        if (k == t->kind_count)
            t->kinds[t->kind_count++].kind = t->items[i].kind;
        t->kinds[k].seconds += layer_time_seconds(&t->items[i]);
        t->seconds += layer_time_seconds(&t->items[i]);
    }
    qsort(t->kinds, t->kind_count, sizeof *t->kinds, longer_first);
    return 0;
}

int layer_times_fill(layer_times *out, const plan *p, int runs, const timeline_row *rows,
                     size_t row_count, long steps)
{
    for (size_t i = 0; i < p->graph->layer_count; i++)
        if (add_layer(out, p, runs, p->graph->layers[i], rows, row_count, steps))
            return -1;
    for (size_t i = 0; i < row_count; i++)
        if (!rows[i].layer && add_other(out, &rows[i], steps))
            return -1;
    return sum_kinds(out);
}

void layer_times_release(layer_times *t)
{
    free(t->items);
    free(t->kinds);
    *t = (layer_times){0};
}

double layer_times_share(const layer_times *t, double seconds)
{
    return t->seconds > 0 ? 100 * seconds / t->seconds : 0;
}

double layer_times_outside_convolutions(const layer_times *t)
{
    double outside = 0;
    for (size_t i = 0; i < t->count; i++)
        if (!t->items[i].is_convolution)
            outside += layer_time_seconds(&t->items[i]);
    return layer_times_share(t, outside);
}
