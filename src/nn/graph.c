#include "nn/graph.h"

#include "base/error.h"
#include "base/memory.h"
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int graph_new(graph **out, params *p)
{
    graph *g = allocate(1, sizeof *g);
    if (!g)
        return -1;
    g->params = p;
    *out = g;
    return 0;
}

static void layer_free(layer *l)
{
    if (!l)
        return;
    if (l->type->release && l->state)
        l->type->release(l);
    free(l->options);
    free(l->state);
    free(l);
}

void graph_free(graph *g)
{
    if (!g)
        return;
    for (size_t i = 0; i < g->layer_count; i++)
        layer_free(g->layers[i]);
    for (size_t i = 0; i < g->tensor_count; i++)
        free(g->tensors[i]);
    free(g->layers);
    free(g->tensors);
    free(g);
}

static tensor *new_tensor(graph *g, const char *name)
{
    tensor *t;
    if (grow(&g->tensors, &g->tensor_capacity, g->tensor_count + 1, sizeof *g->tensors) ||
        !(t = allocate(1, sizeof *t)))
        return NULL;
    snprintf(t->name, sizeof t->name, "%s", name);
    t->data_buffer = t->gradient_buffer = -1;
    g->tensors[g->tensor_count++] = t;
    return t;
}

/* Where every shape is made: what does not fit is refused before anybody multiplies its sizes. */
static int check_shape(shape s)
{
    if (!shape_is_positive(s))
        return fail(STATUS_RUNTIME, "a tensor of %d x %d x %d x %d is not possible", s.n, s.h, s.w,
                    s.c);
    if (!shape_fits(s))
        return fail(STATUS_MEMORY,
                    "a tensor of %d x %d x %d x %d has more than %d values; a smaller batch, "
                    "smaller images or fewer filters need fewer",
                    s.n, s.h, s.w, s.c, VALUES_MAX);
    return 0;
}

tensor *graph_input(graph *g, const char *name, shape s)
{
    if (check_shape(s)) {
        fail_while("input %s", name);
        g->failed = true;
        return NULL;
    }
    tensor *t = new_tensor(g, name);
    if (t)
        t->shape = s;
    else
        g->failed = true;
    return t;
}

/* Two layers of one name would share their params and draw the same random numbers. */
static int check_name(const graph *g, const char *name)
{
    if (strlen(name) >= LAYER_NAME_SIZE)
        return fail(STATUS_RUNTIME, "the name %s is longer than %d bytes", name,
                    LAYER_NAME_SIZE - 1);
    for (size_t i = 0; i < g->layer_count; i++)
        if (!strcmp(g->layers[i]->name, name))
            return fail(STATUS_RUNTIME, "there are two layers of the name %s", name);
    return 0;
}

static layer *new_layer(graph *g, const layer_type *type, const char *name, const void *options)
{
    if (check_name(g, name))
        return NULL;
    layer *l = allocate(1, sizeof *l);
    if (!l)
        return NULL;
    l->type = type;
    l->flags = type->flags;
    l->store = g->params;
    snprintf(l->name, sizeof l->name, "%s", name);
    l->options = allocate(1, type->options_size);
    l->state = allocate(1, type->state_size);
    if (!l->options || !l->state ||
        grow(&g->layers, &g->layer_capacity, g->layer_count + 1, sizeof *g->layers)) {
        layer_free(l);
        return NULL;
    }
    if (type->options_size)
        memcpy(l->options, options, type->options_size);
    for (int i = 0; i < LAYER_SAVED_MAX; i++)
        l->saved[i].number = -1;
    l->index = g->layer_count;
    g->layers[g->layer_count++] = l;
    return l;
}

tensor *graph_add(graph *g, const layer_type *type, const char *name, const void *options,
                  tensor *const *inputs, int count)
{
    for (int i = 0; i < count; i++)
        if (!inputs[i])
            return NULL;
    assert(count <= LAYER_INPUTS_MAX);
    layer *l = new_layer(g, type, name, options);
    if (!l)
        goto failed;
    l->input_count = count;
    memcpy(l->inputs, inputs, (size_t)count * sizeof *inputs);
    l->output = new_tensor(g, name);
    if (!l->output)
        goto failed;
    l->output->producer = l;
    if (type->shape(l)) {
        fail_while("layer %s (%s)", name, type->name);
        goto failed;
    }
    return l->output;
failed:
    g->failed = true;
    return NULL;
}

bool graph_is_only_reader(const graph *g, const layer *l, const tensor *t)
{
    int own = 0;
    for (size_t i = 0; i < g->layer_count; i++)
        for (int k = 0; k < g->layers[i]->read_count; k++) {
            if (g->layers[i]->reads[k] != t)
                continue;
            if (g->layers[i] != l || ++own > 1)
                return false;
        }
    return true;
}

tensor *graph_find(const graph *g, const char *tensor_name)
{
    for (size_t i = 0; i < g->tensor_count; i++)
        if (!strcmp(g->tensors[i]->name, tensor_name))
            return g->tensors[i];
    return NULL;
}

int layer_param(layer *l, const char *name, const int *dims, int rank, enum initializer initializer,
                enum param_kind kind)
{
    char full[sizeof((param *)0)->name];
    snprintf(full, sizeof full, "%s/%s", l->name, name);
    param *p = params_declare(l->store, full, dims, rank, initializer, kind);
    if (!p)
        return -1;
    assert(l->param_count < LAYER_PARAMS_MAX);
    l->params[l->param_count++] = p;
    return 0;
}

int layer_output_shape(layer *l, int n, int h, int w, int c)
{
    l->output->shape = (shape){n, h, w, c};
    return check_shape(l->output->shape);
}

double layer_weight_flops(const layer *l, shape pixels, bool backward)
{
    double once = 2.0 * (double)l->params[0]->count * pixels.n * pixels.h * pixels.w;
    if (!backward)
        return once;
    return once * (param_is_trainable(l->params[0]) + l->inputs[0]->needs_gradient);
}
