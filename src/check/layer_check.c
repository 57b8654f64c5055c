#include "check/layer_check.h"

#include "base/error.h"
#include "base/memory.h"
#include "base/rng.h"
#include "base/streams.h"
#include "layers/layers.h"
#include "nn/plan.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { GUARD_BYTES = 4096 };
static const float guard_value = -12345.5f;

/* A device buffer between two guard bands, with what it should hold. */
typedef struct guarded {
    char name[64];
    cl_mem whole, part;
    size_t count;
    float *initial;     /* what is uploaded before each run */
    double *wanted;     /* NULL: not compared */
    float *got, *first; /* of this run and of the first one */
} guarded;

enum { GUARDED_MAX = 2 * LAYER_INPUTS_MAX + 2 * LAYER_PARAMS_MAX + LAYER_SAVED_MAX + 3 };

typedef struct bench {
    device *device;
    const char *frozen; /* pattern, or NULL */
    params *params;
    graph *graph;
    plan *plan;
    layer *layer;
    guarded buffers[GUARDED_MAX];
    int buffer_count;
    guarded *inputs[LAYER_INPUTS_MAX], *dinputs[LAYER_INPUTS_MAX];
    guarded *values[LAYER_PARAMS_MAX], *dvalues[LAYER_PARAMS_MAX];
    guarded *y, *g;
    rng random;
} bench;

void layer_case_describe(const layer_case *c, char *text, size_t size)
{
    shape s = c->inputs[0];
    snprintf(text, size, "%s %dx%dx%dx%d%s", c->type->name, s.n, s.h, s.w, s.c,
             c->inference ? " (inference)" : "");
}

/* Takes a place in the bench and puts a sub-buffer between guards where *target was. */
static guarded *guard(bench *b, const char *name, size_t bytes, cl_mem *target)
{
    guarded *at = &b->buffers[b->buffer_count++];
    snprintf(at->name, sizeof at->name, "%s", name);
    size_t rounded = (bytes + GUARD_BYTES - 1) / GUARD_BYTES * GUARD_BYTES;
    cl_buffer_region region = {GUARD_BYTES, bytes};
    cl_int code;
    at->count = bytes / sizeof(float);
    at->initial = allocate(at->count, sizeof(float));
    at->got = allocate(at->count, sizeof(float));
    at->first = allocate(at->count, sizeof(float));
    if (!at->initial || !at->got || !at->first ||
        buffer_new(b->device, rounded + 2 * GUARD_BYTES, name, &at->whole))
        return NULL;
    at->part = clCreateSubBuffer(at->whole, CL_MEM_READ_WRITE, CL_BUFFER_CREATE_TYPE_REGION,
                                 &region, &code);
    if (CL_CALL(b->device, code))
        return NULL;
    *target = at->part;
    return at;
}

static guarded *guard_values(bench *b, const char *name, size_t count, double scale, double centre,
                             cl_mem *target)
{
    guarded *at = guard(b, name, count * sizeof(float), target);
    for (size_t i = 0; at && i < count; i++)
        at->initial[i] = (float)(centre + scale * rng_normal(&b->random));
    return at;
}

/* The parameters' buffers belong to params; what the bench puts there instead is taken out again. */
static int guard_params(bench *b)
{
    layer *l = b->layer;
    for (int i = 0; i < l->param_count; i++) {
        param *p = l->params[i];
        bool variance = strstr(p->name, "variance");
        clReleaseMemObject(p->data);
        p->data = NULL;
        b->values[i] = guard_values(b, p->name, p->count, variance ? 0.05 : 0.5,
                                    variance || p->initializer == INIT_ONES ? 1 : 0, &p->data);
        if (!b->values[i])
            return -1;
        if (!p->gradient)
            continue;
        clReleaseMemObject(p->gradient);
        p->gradient = NULL;
        if (!(b->dvalues[i] = guard_values(b, p->name, p->count, 1, 0, &p->gradient)))
            return -1;
    }
    return 0;
}

static int guard_tensors(bench *b)
{
    layer *l = b->layer;
    for (int i = 0; i < l->input_count; i++) {
        tensor *t = l->inputs[i];
        b->inputs[i] = guard_values(b, t->name, shape_count(t->shape), 1, 0, &t->data);
        if (!b->inputs[i])
            return -1;
        if (t->gradient && !(b->dinputs[i] = guard_values(
                                 b, "input gradient", shape_count(t->shape), 1, 0, &t->gradient)))
            return -1;
    }
    size_t count = shape_count(l->output->shape);
    if (!(b->y = guard_values(b, "output", count, 1, 0, &l->output->data)))
        return -1;
    if (l->output->gradient &&
        !(b->g = guard_values(b, "output gradient", count, 1, 0, &l->output->gradient)))
        return -1;
    for (int i = 0; i < LAYER_SAVED_MAX; i++)
        if (l->saved[i].bytes &&
            !guard(b, "saved", (l->saved[i].bytes + 3) / 4 * 4, &l->saved[i].buffer))
            return -1;
    return l->workspace_bytes && !guard(b, "workspace", l->workspace_bytes, &b->plan->run.workspace)
               ? -1
               : 0;
}

static int set_up(bench *b, const layer_case *c)
{
    tensor *inputs[LAYER_INPUTS_MAX];
    b->random = rng_start(1, STREAM_CHECK);
    if (params_new(&b->params, b->device) || (b->frozen && params_freeze(b->params, b->frozen)) ||
        graph_new(&b->graph, b->params))
        return -1;
    for (int i = 0; i < c->input_count; i++)
        inputs[i] = graph_input(b->graph, "input", c->inputs[i]);
    tensor *out = graph_add(b->graph, c->type, "checked", c->options, inputs, c->input_count);
    if (!out || params_allocate(b->params, !c->inference))
        return -1;
    out->is_output = true;
    b->layer = b->graph->layers[0];
    struct plan_options options = {
        .training = !c->inference, .separate = true, .all_gradients = true};
    if (plan_new(&b->plan, b->graph, options) || plan_prepare(b->plan, b->device))
        return -1;
    b->params->version = 1;
    return guard_params(b) || guard_tensors(b) ? -1 : 0;
}

static void tear_down(bench *b)
{
    for (int i = 0; b->layer && i < b->layer->param_count; i++)
        b->layer->params[i]->data = b->layer->params[i]->gradient = NULL;
    for (int i = 0; i < b->buffer_count; i++) {
        guarded *at = &b->buffers[i];
        if (at->part)
            clReleaseMemObject(at->part);
        buffer_free(b->device, &at->whole);
        free(at->initial);
        free(at->wanted);
        free(at->got);
        free(at->first);
    }
    plan_free(b->plan);
    graph_free(b->graph);
    params_free(b->params);
}

static double *to_double(const guarded *at)
{
    double *copy = at ? allocate(at->count, sizeof *copy) : NULL;
    for (size_t i = 0; copy && i < at->count; i++)
        copy[i] = at->initial[i];
    return copy;
}

#define DECLARE_REFERENCE(name) extern const layer_reference name##_reference;
LAYERS(DECLARE_REFERENCE)

#define REFERENCE_OF(name) {&name##_layer, &name##_reference},
static const struct {
    const layer_type *type;
    const layer_reference *reference;
} references[] = {LAYERS(REFERENCE_OF)};

static const layer_reference *reference_of(const layer_type *type)
{
    for (size_t i = 0; i < sizeof references / sizeof *references; i++)
        if (references[i].type == type)
            return references[i].reference;
    return NULL;
}

/* Hands a computed array over to the buffer it is the truth for; or drops it. */
static void want(guarded *at, double *values)
{
    if (at)
        at->wanted = values;
    else
        free(values);
}

/* Runs the reference on what the buffers start with, and hands its results to them. */
static int run_reference(bench *b, const layer_case *c)
{
    const layer_reference *reference = reference_of(c->type);
    layer *l = b->layer;
    reference_run r = {.layer = l, .inference = c->inference};
    if (!reference)
        return fail(STATUS_SELFTEST, "layer %s has no reference", c->type->name);
    for (int i = 0; i < l->input_count; i++) {
        r.inputs[i] = to_double(b->inputs[i]);
        r.dinputs[i] = to_double(b->dinputs[i]);
    }
    for (int i = 0; i < l->param_count; i++) {
        r.params[i] = to_double(b->values[i]);
        r.dparams[i] = to_double(b->dvalues[i]);
    }
    r.y = to_double(b->y);
    r.g = to_double(b->g);
    reference->forward(&r);
    bool backward = !c->inference && reference->backward;
    if (backward)
        reference->backward(&r);
    for (size_t i = 0; b->g && i < b->g->count; i++)
        b->g->initial[i] = (float)r.g[i];
    free(r.g);
    want(b->y, r.y);
    for (int i = 0; i < l->input_count; i++) {
        /* without a backward it stays as it is */
        bool adds = backward && b->dinputs[i] && l->beta[i];
        for (size_t k = 0; adds && k < b->dinputs[i]->count; k++)
            r.dinputs[i][k] += b->dinputs[i]->initial[k];
        /* a loss has no gradient by its second input, the truth */
        want(c->type->flags & IS_LOSS && i ? NULL : b->dinputs[i], r.dinputs[i]);
        if (c->type->flags & IS_LOSS && i && b->dinputs[i])
            b->dinputs[i]->wanted = NULL;
        free(r.inputs[i]);
    }
    for (int i = 0; i < l->param_count; i++) {
        want(b->values[i], r.params[i]);
        want(b->dvalues[i], r.dparams[i]);
    }
    return 0;
}

static int upload(bench *b)
{
    for (int i = 0; i < b->buffer_count; i++) {
        guarded *at = &b->buffers[i];
        size_t bytes = at->count * sizeof(float);
        size_t whole = (bytes + GUARD_BYTES - 1) / GUARD_BYTES * GUARD_BYTES + 2 * GUARD_BYTES;
        if (buffer_fill(b->device, at->whole, guard_value, 0, whole) ||
            buffer_write(b->device, at->whole, GUARD_BYTES, at->initial, bytes))
            return -1;
    }
    b->params->version++; /* nothing derived from earlier values may be reused */
    return 0;
}

static int check_guards(bench *b, const guarded *at)
{
    size_t bytes = at->count * sizeof(float);
    size_t after = GUARD_BYTES + bytes;
    size_t whole = (bytes + GUARD_BYTES - 1) / GUARD_BYTES * GUARD_BYTES + 2 * GUARD_BYTES;
    float band[2 * GUARD_BYTES / sizeof(float)];
    const struct {
        size_t from, length;
    } bands[] = {{0, GUARD_BYTES}, {after, whole - after}};
    for (int k = 0; k < 2; k++) {
        if (buffer_read(b->device, at->whole, bands[k].from, band, bands[k].length))
            return -1;
        for (size_t i = 0; i < bands[k].length / sizeof(float); i++)
            if (band[i] != guard_value)
                return fail(STATUS_SELFTEST, "%s: written outside, %zu values %s it", at->name,
                            k ? i + 1 : bands[k].length / sizeof(float) - i,
                            k ? "after" : "before");
    }
    return 0;
}

static int compare(const guarded *at, check_report *report)
{
    double largest = 1e-6;
    for (size_t i = 0; i < at->count; i++)
        largest = fabs(at->wanted[i]) > largest ? fabs(at->wanted[i]) : largest;
    for (size_t i = 0; i < at->count; i++) {
        double error = fabs(at->got[i] - at->wanted[i]) / largest;
        if (!(error <= LAYER_CHECK_TOLERANCE))
            return fail(STATUS_SELFTEST, "%s[%zu] is %.8g and should be %.8g", at->name, i,
                        at->got[i], at->wanted[i]);
        if (error > report->worst) {
            report->worst = error;
            snprintf(report->worst_tensor, sizeof report->worst_tensor, "%s", at->name);
        }
    }
    return 0;
}

/* One run of the kernels; the first is compared with the reference, the others with the first. */
static int run_once(bench *b, bool backward, int number, check_report *report)
{
    if (upload(b) || plan_forward(b->plan) || (backward && plan_backward(b->plan)) ||
        device_finish(b->device))
        return -1;
    for (int i = 0; i < b->buffer_count; i++) {
        guarded *at = &b->buffers[i];
        if (check_guards(b, at))
            return -1;
        if (!at->wanted)
            continue;
        if (buffer_read(b->device, at->whole, GUARD_BYTES, at->got, at->count * sizeof(float)))
            return -1;
        if (number == 0) {
            memcpy(at->first, at->got, at->count * sizeof(float));
            if (compare(at, report))
                return -1;
        } else if (memcmp(at->first, at->got, at->count * sizeof(float))) {
            return fail(STATUS_SELFTEST, "%s: run %d differs from the first", at->name, number + 1);
        }
    }
    return 0;
}

/* beta 1 adds to what is in an input's gradient; the plan alone would only try beta 0. */
static int check_with_beta(bench *b, const layer_case *c, int beta, int runs, check_report *report)
{
    int result = set_up(b, c);
    if (!result) {
        for (int i = 0; i < b->layer->input_count; i++)
            b->layer->beta[i] = beta;
        result = run_reference(b, c);
    }
    for (int i = 0; !result && i < runs; i++)
        result = run_once(b, !c->inference, i, report);
    tear_down(b);
    return result;
}

int layer_check_frozen(device *d, const layer_case *c, const char *frozen,
                       struct check_effort effort, check_report *report)
{
    char what[128];
    int last_beta = effort.accumulate && !c->inference ? 1 : 0;
    for (int beta = 0; beta <= last_beta; beta++) {
        bench b = {.device = d, .frozen = frozen};
        if (!check_with_beta(&b, c, beta, effort.runs, report))
            continue;
        layer_case_describe(c, what, sizeof what);
        return frozen ? fail_while("%s, %s frozen", what, frozen) : fail_while("%s", what);
    }
    return 0;
}

int layer_check(device *d, const layer_case *c, struct check_effort effort, check_report *report)
{
    return layer_check_frozen(d, c, NULL, effort, report);
}
