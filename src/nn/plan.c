#include "nn/plan.h"

#include "base/error.h"
#include "base/memory.h"
#include "nn/fuse.h"
#include "nn/lifetimes.h"
#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static bool has_trainable(const layer *l)
{
    for (int i = 0; i < l->param_count; i++)
        if (param_is_trainable(l->params[i]))
            return true;
    return false;
}

/* A gradient is needed where something trainable is before and a loss after. */
static int mark_gradients(plan *p)
{
    graph *g = p->graph;
    bool *reaches_loss = allocate(g->layer_count, sizeof *reaches_loss);
    if (!reaches_loss)
        return -1;
    for (size_t i = 0; i < g->tensor_count; i++)
        g->tensors[i]->needs_gradient =
            p->options.training && p->options.all_gradients && !g->tensors[i]->producer;
    for (size_t i = 0; p->options.training && i < g->layer_count; i++) {
        layer *l = g->layers[i];
        bool needed = has_trainable(l);
        for (int k = 0; k < l->input_count; k++)
            needed |= l->inputs[k]->needs_gradient;
        l->output->needs_gradient = needed && l->type->backward;
    }
    for (size_t i = g->layer_count; i-- > 0;) {
        layer *l = g->layers[i];
        reaches_loss[i] = l->flags & IS_LOSS || (l->output->is_output && p->options.all_gradients);
        for (size_t k = i + 1; k < g->layer_count; k++)
            for (int j = 0; j < g->layers[k]->input_count; j++)
                reaches_loss[i] |= reaches_loss[k] && g->layers[k]->inputs[j] == l->output;
        if (!reaches_loss[i])
            l->output->needs_gradient = false;
    }
    free(reaches_loss);
    return 0;
}

/* A loss starts it; the others need their output's gradient. */
bool plan_runs_backward(const plan *p, const layer *l)
{
    return p->options.training && !l->skipped && l->type->backward &&
           (l->flags & IS_LOSS ? l->inputs[0]->needs_gradient : l->output->needs_gradient);
}

/* Does the backward of a later layer write the gradient of this layer's input k, or did this layer
 * itself, through an earlier input? */
static bool is_written_before(const plan *p, size_t index, int k)
{
    const graph *g = p->graph;
    const tensor *t = g->layers[index]->reads[k];
    for (int j = 0; j < k; j++)
        if (g->layers[index]->reads[j] == t)
            return true;
    for (size_t later = index + 1; later < g->layer_count; later++)
        for (int j = 0; j < g->layers[later]->read_count; j++)
            if (g->layers[later]->reads[j] == t && plan_runs_backward(p, g->layers[later]))
                return true;
    return false;
}

/* The first to write a gradient overwrites (beta 0), the others add. */
static void mark_first_writers(plan *p)
{
    for (size_t i = 0; i < p->graph->layer_count; i++)
        for (int k = 0; k < p->graph->layers[i]->read_count; k++)
            p->graph->layers[i]->beta[k] = is_written_before(p, i, k);
}

static int larger_first(const void *a, const void *b)
{
    const lifetime *left = a, *right = b;
    if (left->bytes != right->bytes)
        return left->bytes < right->bytes ? 1 : -1;
    return left->from != right->from ? left->from - right->from : left->to - right->to;
}

static bool overlaps_any(const lifetimes *list, size_t before, int number,
                         const lifetime *candidate)
{
    for (size_t i = 0; i < before; i++)
        if (*list->items[i].number == number && list->items[i].from <= candidate->to &&
            candidate->from <= list->items[i].to)
            return true;
    return false;
}

/* Largest first, each into the first buffer that is free for its whole life. */
static int assign_buffers(plan *p, lifetimes *list)
{
    qsort(list->items, list->count, sizeof *list->items, larger_first);
    p->buffer_bytes = allocate(list->count + 1, sizeof *p->buffer_bytes);
    if (!p->buffer_bytes)
        return -1;
    for (size_t i = 0; i < list->count; i++) {
        const lifetime *t = &list->items[i];
        int number = p->options.separate ? (int)p->buffer_count : 0;
        while (number < (int)p->buffer_count && overlaps_any(list, i, number, t))
            number++;
        if (number == (int)p->buffer_count)
            p->buffer_bytes[p->buffer_count++] = t->bytes;
        *t->number = number;
        p->separate_bytes += t->bytes;
    }
    return 0;
}

int plan_new(plan **out, graph *g, struct plan_options options)
{
    lifetimes list = {0};
    plan *p = allocate(1, sizeof *p);
    if (!p)
        return -1;
    p->graph = g;
    p->options = options;
    if (mark_gradients(p))
        goto failed;
    fuse_graph(g, !options.separate);
    mark_first_writers(p);
    lifetimes_share(p);
    if (lifetimes_list(p, &list) || assign_buffers(p, &list))
        goto failed;
    lifetimes_pass_numbers(p);
    size_t workspace = 0;
    for (size_t i = 0; i < g->layer_count; i++)
        if (!g->layers[i]->skipped && g->layers[i]->workspace_bytes > workspace)
            workspace = g->layers[i]->workspace_bytes;
    p->buffer_bytes[p->buffer_count++] = workspace ? workspace : sizeof(float);
    p->separate_bytes += workspace;
    for (size_t i = 0; i < p->buffer_count; i++)
        p->planned_bytes += p->buffer_bytes[i];
    free(list.items);
    *out = p;
    return 0;
failed:
    free(list.items);
    plan_free(p);
    return -1;
}

static int allocate_buffers(plan *p)
{
    size_t available = p->device->info.global_memory - p->device->allocated;
    if (p->planned_bytes > available)
        return fail(STATUS_MEMORY,
                    "the plan needs %.1f MiB of device memory and %s has %.1f MiB left; "
                    "a smaller train.batch (or --batch) needs less",
                    p->planned_bytes / 1048576.0, p->device->info.name, available / 1048576.0);
    p->buffers = allocate(p->buffer_count, sizeof *p->buffers);
    if (!p->buffers)
        return -1;
    for (size_t i = 0; i < p->buffer_count; i++) {
        if (buffer_new(p->device, p->buffer_bytes[i], "activations", &p->buffers[i]))
            return -1;
        if (p->options.separate &&
            buffer_fill(p->device, p->buffers[i], NAN, 0, p->buffer_bytes[i]))
            return -1;
    }
    return 0;
}

static cl_mem buffer_at(const plan *p, int number)
{
    return number < 0 ? NULL : p->buffers[number];
}

int plan_prepare(plan *p, device *d)
{
    graph *g = p->graph;
    p->device = d;
    if (allocate_buffers(p))
        return -1;
    for (size_t i = 0; i < g->tensor_count; i++) {
        tensor *t = g->tensors[i];
        t->data = buffer_at(p, t->data_buffer);
        t->gradient = t->needs_gradient ? buffer_at(p, t->gradient_buffer) : NULL;
    }
    p->run = (run){.device = d,
                   .training = p->options.training,
                   .workspace = p->buffers[p->buffer_count - 1],
                   .norm_momentum = KERAS_NORM_MOMENTUM};
    for (size_t i = 0; i < g->layer_count; i++) {
        layer *l = g->layers[i];
        for (int k = 0; k < LAYER_SAVED_MAX; k++)
            l->saved[k].buffer = buffer_at(p, l->saved[k].number);
        device_annotate(d, (annotation){.layer = l->name}); /* for the message of a failure */
        int result = l->skipped ? 0 : l->type->prepare(l, d);
        device_annotate(d, (annotation){0});
        if (result)
            return fail_while("layer %s", l->name);
    }
    return 0;
}

void plan_free(plan *p)
{
    if (!p)
        return;
    for (size_t i = 0; p->buffers && i < p->buffer_count; i++)
        buffer_free(p->device, &p->buffers[i]);
    free(p->buffers);
    free(p->buffer_bytes);
    free(p);
}

static int run_layer(plan *p, layer *l, bool backward)
{
    device_annotate(p->device, (annotation){l->name, backward});
    int result = backward ? l->type->backward(l, &p->run) : l->type->forward(l, &p->run);
    device_annotate(p->device, (annotation){0});
    return result;
}

int plan_forward(plan *p)
{
    graph *g = p->graph;
    p->run.params_version = g->params->version;
    for (size_t i = 0; i < g->layer_count; i++) {
        if (g->layers[i]->skipped)
            continue;
        if (run_layer(p, g->layers[i], false))
            return -1;
    }
    return 0;
}

int plan_backward(plan *p)
{
    graph *g = p->graph;
    assert(p->options.training);
    for (size_t i = g->layer_count; i-- > 0;) {
        if (!plan_runs_backward(p, g->layers[i]))
            continue;
        if (run_layer(p, g->layers[i], true))
            return -1;
    }
    return 0;
}

int plan_train(plan *p, struct training_step step)
{
    assert(p->options.training);
    p->run.seed = step.seed;
    p->run.step = step.number;
    p->run.norm_momentum = step.norm_momentum;
    if (plan_forward(p))
        return -1;
    return plan_backward(p);
}
