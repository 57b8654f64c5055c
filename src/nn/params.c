#include "nn/params.h"

#include "base/error.h"
#include "base/memory.h"
#include "base/rng.h"
#include "base/streams.h"
#include "nn/tensor.h"
#include <assert.h>
#include <fnmatch.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct param_rule {
    enum { RULE_FREEZE, RULE_UNFREEZE, RULE_RATE } kind;
    double factor; /* of RULE_RATE */
    char *pattern;
};

int params_new(params **out, device *d)
{
    params *p = allocate(1, sizeof *p);
    if (!p)
        return -1;
    p->device = d;
    *out = p;
    return 0;
}

void params_free(params *p)
{
    if (!p)
        return;
    for (size_t i = 0; i < p->count; i++) {
        param *item = p->items[i];
        if (item->data)
            clReleaseMemObject(item->data);
        if (item->gradient)
            clReleaseMemObject(item->gradient);
        free(item);
    }
    buffer_free(p->device, &p->values);
    buffer_free(p->device, &p->gradients);
    for (size_t i = 0; i < p->rule_count; i++)
        free(p->rules[i].pattern);
    free(p->rules);
    free(p->items);
    free(p);
}

static int add_rule(params *p, struct param_rule rule)
{
    assert(!p->count);
    rule.pattern = copy_text(rule.pattern);
    if (!rule.pattern || grow(&p->rules, &p->rule_capacity, p->rule_count + 1, sizeof *p->rules)) {
        free(rule.pattern);
        return -1;
    }
    p->rules[p->rule_count++] = rule;
    return 0;
}

int params_freeze(params *p, const char *pattern)
{
    return add_rule(p, (struct param_rule){RULE_FREEZE, 0, (char *)pattern});
}

int params_unfreeze(params *p, const char *pattern)
{
    return add_rule(p, (struct param_rule){RULE_UNFREEZE, 0, (char *)pattern});
}

int params_scale_rate(params *p, const char *pattern, double factor)
{
    return add_rule(p, (struct param_rule){RULE_RATE, factor, (char *)pattern});
}

bool params_freezes(const params *p, const char *name)
{
    bool frozen = false;
    for (size_t i = 0; i < p->rule_count; i++)
        if (p->rules[i].kind != RULE_RATE && !fnmatch(p->rules[i].pattern, name, 0))
            frozen = p->rules[i].kind == RULE_FREEZE;
    return frozen;
}

static double rate_of(const params *p, const char *name)
{
    double rate = 1;
    for (size_t i = 0; i < p->rule_count; i++)
        if (p->rules[i].kind == RULE_RATE && !fnmatch(p->rules[i].pattern, name, 0))
            rate = p->rules[i].factor;
    return rate;
}

size_t params_matching(const params *p, const char *pattern)
{
    size_t matching = 0;
    for (size_t i = 0; i < p->count; i++)
        matching += !fnmatch(pattern, p->items[i]->name, 0);
    return matching;
}

bool param_is_trainable(const param *item)
{
    return item->kind == PARAM_WEIGHT && !item->frozen;
}

bool params_would_train(const params *rules, const param *item)
{
    return item->kind == PARAM_WEIGHT && !item->fixed && !params_freezes(rules, item->name);
}

param *params_find(const params *p, const char *name)
{
    for (size_t i = 0; i < p->count; i++)
        if (!strcmp(p->items[i]->name, name))
            return p->items[i];
    return NULL;
}

/* The first of the splits that are equally good. */
static void split_dims(param *item)
{
    int rows = 1, best = 0;
    for (int i = 0; i < item->rank; i++) {
        rows *= item->dims[i];
        int columns = (int)(item->count / (size_t)rows), smaller = rows < columns ? rows : columns;
        if (smaller > best) {
            best = smaller;
            item->rows = rows;
            item->columns = columns;
        }
    }
}

param *params_declare(params *p, const char *name, const int *dims, int rank,
                      enum initializer initializer, enum param_kind kind)
{
    param *item = params_find(p, name);
    if (item) {
        if (item->rank == rank && !memcmp(item->dims, dims, (size_t)rank * sizeof *dims))
            return item;
        fail(STATUS_RUNTIME, "parameter %s is declared twice with different shapes", name);
        return NULL;
    }
    if (p->values) {
        fail(STATUS_RUNTIME, "parameter %s is declared after the parameters were allocated", name);
        return NULL;
    }
    double count = 1;
    for (int i = 0; i < rank; i++)
        count *= dims[i];
    if (count > VALUES_MAX) {
        fail(STATUS_MEMORY, "parameter %s has %.0f values; %d are possible", name, count,
             VALUES_MAX);
        return NULL;
    }
    if (grow(&p->items, &p->capacity, p->count + 1, sizeof *p->items) ||
        !(item = allocate(1, sizeof *item)))
        return NULL;
    snprintf(item->name, sizeof item->name, "%s", name);
    item->rank = rank;
    item->count = (size_t)count;
    memcpy(item->dims, dims, (size_t)rank * sizeof *dims);
    item->initializer = initializer;
    split_dims(item);
    item->kind = kind;
    item->frozen = params_freezes(p, name);
    item->rate = rate_of(p, name);
    p->items[p->count++] = item;
    return item;
}

bool param_is_matrix(const param *item)
{
    bool kernel = item->initializer == INIT_GLOROT_UNIFORM || item->initializer == INIT_HE_NORMAL;
    return kernel && item->rows >= MATRIX_LEAST && item->columns >= MATRIX_LEAST;
}

/* Of the buffer of all values, in their order. */
enum region { REGION_OTHERS, REGION_MATRICES, REGION_FROZEN };

static enum region region_of(const param *item)
{
    if (!param_is_trainable(item))
        return REGION_FROZEN;
    return param_is_matrix(item) ? REGION_MATRICES : REGION_OTHERS;
}

/* Offsets in floats: a sub-buffer must start at a multiple of the device's alignment. */
static int lay_out(params *p)
{
    cl_uint bits;
    if (CL_CALL(p->device, clGetDeviceInfo(p->device->info.id, CL_DEVICE_MEM_BASE_ADDR_ALIGN,
                                           sizeof bits, &bits, NULL)))
        return -1;
    size_t align = bits / 8 / sizeof(float);
    if (align < 64)
        align = 64; /* so that rows of 64 hold all values */
    for (enum region r = REGION_OTHERS; r <= REGION_FROZEN; r++) {
        if (r == REGION_MATRICES)
            p->matrix_offset = p->value_floats;
        if (r == REGION_FROZEN)
            p->trainable_floats = p->value_floats;
        for (size_t i = 0; i < p->count; i++) {
            param *item = p->items[i];
            if (region_of(item) != r)
                continue;
            item->offset = p->value_floats;
            p->value_floats += (item->count + align - 1) / align * align;
        }
    }
    if (p->value_floats > VALUES_MAX)
        return fail(STATUS_MEMORY, "the network has %zu parameters; %d are possible",
                    p->value_floats, VALUES_MAX);
    return 0;
}

static int part_of(params *p, cl_mem whole, const param *item, cl_mem *out)
{
    cl_buffer_region region = {item->offset * sizeof(float), item->count * sizeof(float)};
    cl_int code;
    *out =
        clCreateSubBuffer(whole, CL_MEM_READ_WRITE, CL_BUFFER_CREATE_TYPE_REGION, &region, &code);
    return CL_CALL(p->device, code) ? fail_while("parameter %s", item->name) : 0;
}

int params_allocate(params *p, bool with_gradients)
{
    if (lay_out(p))
        return -1;
    if (!p->count)
        return 0;
    size_t bytes = p->value_floats * sizeof(float);
    size_t gradient_bytes = p->trainable_floats * sizeof(float);
    if (buffer_new(p->device, bytes, "parameters", &p->values) ||
        buffer_fill(p->device, p->values, 0, 0, bytes))
        return -1;
    if (with_gradients && gradient_bytes &&
        (buffer_new(p->device, gradient_bytes, "parameter gradients", &p->gradients) ||
         buffer_fill(p->device, p->gradients, 0, 0, gradient_bytes)))
        return -1;
    for (size_t i = 0; i < p->count; i++) {
        param *item = p->items[i];
        if (part_of(p, p->values, item, &item->data))
            return -1;
        if (with_gradients && param_is_trainable(item) &&
            part_of(p, p->gradients, item, &item->gradient))
            return -1;
    }
    return 0;
}

/* Of a kernel (receptive field..., in, out). */
static double receptive_field(const param *kernel)
{
    double size = 1;
    for (int i = 0; i < kernel->rank - 2; i++)
        size *= kernel->dims[i];
    return size;
}

/* Half the width, or the deviation, of the values that a kernel starts with. */
static double kernel_scale(const param *kernel)
{
    double fan_in = receptive_field(kernel) * kernel->dims[kernel->rank - 2];
    double fan_out = receptive_field(kernel) * kernel->dims[kernel->rank - 1];
    if (kernel->fan_out)
        fan_out = kernel->fan_out;
    if (kernel->initializer == INIT_GLOROT_UNIFORM)
        return sqrt(6 / (fan_in + fan_out));
    return sqrt(2 / fan_in);
}

/* Within two deviations; the deviation of what that leaves is 0.8796 of the normal's. */
static double truncated_normal(rng *random)
{
    double value;
    do
        value = rng_normal(random);
    while (fabs(value) > 2);
    return value / 0.87962566103423978;
}

static void draw(const param *item, rng *random, float *values)
{
    for (size_t i = 0; i < item->count; i++) {
        switch (item->initializer) {
        case INIT_ZEROS:
            values[i] = 0;
            break;
        case INIT_ONES:
            values[i] = 1;
            break;
        case INIT_NORMAL:
            values[i] = (float)rng_normal(random);
            break;
        case INIT_GLOROT_UNIFORM:
            values[i] = (float)(kernel_scale(item) * (2 * rng_uniform(random) - 1));
            break;
        case INIT_HE_NORMAL:
            values[i] = (float)(kernel_scale(item) * truncated_normal(random));
            break;
        }
    }
}

int params_initialize(params *p, uint64_t seed)
{
    float *values = allocate(p->value_floats, sizeof *values);
    if (!values)
        return -1;
    for (size_t i = 0; i < p->count; i++) {
        const param *item = p->items[i];
        rng random = rng_start(seed, stream_of_name(STREAM_WEIGHTS, item->name));
        draw(item, &random, values + item->offset);
    }
    int result = buffer_write(p->device, p->values, 0, values, p->value_floats * sizeof *values);
    free(values);
    p->version++;
    return result;
}

static size_t sum_counts(const params *p, bool all)
{
    size_t total = 0;
    for (size_t i = 0; i < p->count; i++)
        if (all || param_is_trainable(p->items[i]))
            total += p->items[i]->count;
    return total;
}

size_t params_total(const params *p)
{
    return sum_counts(p, true);
}

size_t params_trainable(const params *p)
{
    return sum_counts(p, false);
}
