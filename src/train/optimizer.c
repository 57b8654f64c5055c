#include "train/optimizer.h"

#include "base/error.h"
#include "base/memory.h"
#include "compute/ranges.h"
#include "train/averages.h"
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double beta1 = 0.9, epsilon = 1e-7;

static spans over_gradients(const params *p)
{
    return spans_flat(p->device, (shape){1, 1, 1, (int)p->trainable_floats});
}

/* As rows for a reduction: long spans, a group each. */
static spans over_norm(const params *p)
{
    enum { ROW = 64 };
    return spans_reduction(p->device, (shape){1, 1, (int)(p->trainable_floats / ROW), ROW});
}

static int get_kernels(optimizer *o, device *d)
{
    o->adam = kernel_get(d, "adam", "", "adam");
    o->move_average = kernel_get(d, "adam", "", "move_average");
    o->squares = kernel_get(d, "gradient_norm", "", "squares_of_spans");
    o->limit = kernel_get(d, "gradient_norm", "", "scale_to_limit");
    o->add_up = kernel_get(d, "adam", "", "add_up_gradients");
    return o->adam && o->move_average && o->squares && o->limit && o->add_up ? 0 : -1;
}

/* adds_up: steps may be of several batches. */
static int make_buffers(optimizer *o, bool adds_up)
{
    device *d = o->params->device;
    size_t bytes = o->params->trainable_floats * sizeof(float);
    if (buffer_new(d, bytes, "first moments", &o->first_moment) ||
        buffer_new(d, bytes, "second moments", &o->second_moment) ||
        buffer_new(d, (size_t)over_norm(o->params).count * sizeof(float), "norms", &o->partial) ||
        buffer_new(d, sizeof(float), "gradient scale", &o->scale) ||
        buffer_fill(d, o->first_moment, 0, 0, bytes) ||
        buffer_fill(d, o->second_moment, 0, 0, bytes) ||
        (adds_up && buffer_new(d, bytes, "gradients so far", &o->so_far)))
        return -1;
    if (!o->average_decay)
        return 0;
    return buffer_new(d, bytes, "moving average", &o->average) ||
                   buffer_copy(d, o->params->values, 0, o->average, 0, bytes)
               ? -1
               : 0;
}

static int by_offset(const void *a, const void *b)
{
    const param *one = *(param *const *)a, *other = *(param *const *)b;
    return one->offset < other->offset ? -1 : one->offset > other->offset;
}

/* Adam's part of the params, as they lie. */
static size_t list_params(const optimizer *o, const param **list, size_t end)
{
    const params *p = o->params;
    size_t count = 0;
    for (size_t i = 0; i < p->count; i++)
        if (param_is_trainable(p->items[i]) && p->items[i]->offset < end)
            list[count++] = p->items[i];
    qsort(list, count, sizeof(param *), by_offset);
    return count;
}

int optimizer_regroup(optimizer *o)
{
    params *p = o->params;
    size_t end = o->muon ? p->matrix_offset : p->trainable_floats;
    const param **list = allocate(p->count + 1, sizeof *list);
    adam_group *groups = allocate(p->count + 1, sizeof *groups);
    if (!list || !groups) {
        free(list);
        free(groups);
        return -1;
    }
    free(o->groups);
    o->groups = groups;
    o->group_count = 0;
    size_t count = list_params(o, list, end);
    for (size_t i = 0; i < count; i++) {
        const param *item = list[i];
        adam_group *last = o->group_count ? &groups[o->group_count - 1] : NULL;
        if (!last || last->rate != item->rate || last->since != item->since) {
            last = &groups[o->group_count++];
            *last = (adam_group){item->offset, 0, item->rate, item->since};
        }
        last->floats = (i + 1 < count ? list[i + 1]->offset : end) - last->offset;
    }
    free(list);
    return 0;
}

int optimizer_new(optimizer **out, params *p, const struct train_config *c)
{
    optimizer *o = allocate(1, sizeof *o);
    if (!o)
        return -1;
    o->params = p;
    o->beta2 = c->beta_2;
    o->clip_norm = c->clip_norm;
    o->average_decay = c->average;
    o->warm_average = c->moving_averages == AVERAGES_WARM;
    if (c->optimizer == OPTIMIZER_ADAMW)
        o->weight_decay = c->weight_decay;
    o->muon_part = c->muon_rate / c->learning_rate;
    if (get_kernels(o, p->device) || make_buffers(o, c->batch_last > c->batch) ||
        (c->optimizer == OPTIMIZER_MUON && muon_new(&o->muon, p)) || optimizer_regroup(o)) {
        optimizer_free(o);
        return -1;
    }
    *out = o;
    return 0;
}

void optimizer_free(optimizer *o)
{
    if (!o)
        return;
    device *d = o->params->device;
    muon_free(o->muon);
    free(o->groups);
    buffer_free(d, &o->first_moment);
    buffer_free(d, &o->second_moment);
    buffer_free(d, &o->average);
    buffer_free(d, &o->so_far);
    buffer_free(d, &o->partial);
    buffer_free(d, &o->scale);
    free(o);
}

static int scale_gradients(optimizer *o, cl_mem status)
{
    params *p = o->params;
    spans over = over_norm(p);
    float limit = (float)o->clip_norm;
    if (o->clip_norm > 0 && limit < FLT_MIN)
        limit = FLT_MIN; /* 0 would be no limit */
    if (LAUNCH(p->device, o->squares, rows_range(p->device, &over), ARG(p->gradients),
               ARG(o->partial), ARG(over.pixels), ARG(over.channels), ARG(over.span)))
        return -1;
    return LAUNCH(p->device, o->limit, range_single(1, 1, 1), ARG(o->partial), ARG(over.count),
                  ARG(limit), ARG(o->scale), ARG(status), ARG((int)o->step));
}

static int move_average(optimizer *o, cl_mem status)
{
    params *p = o->params;
    spans over = over_gradients(p);
    double decay = averages_decay(o->average_decay, o->warm_average, o->step - 1);
    return LAUNCH(p->device, o->move_average, spans_range(p->device, &over), ARG(p->values),
                  ARG(o->average), ARG(status), ARG((float)(1 - decay)), ARG(over.pixels),
                  ARG(over.channels), ARG(over.span));
}

int optimizer_add_up(optimizer *o, int batch, int batches)
{
    params *p = o->params;
    spans over = over_gradients(p);
    return LAUNCH(p->device, o->add_up, spans_range(p->device, &over), ARG(p->gradients),
                  ARG(o->so_far), ARG(1.0f / (float)batches), ARG(batch == 0),
                  ARG(batch == batches - 1), ARG(over.pixels), ARG(over.channels), ARG(over.span));
}

static int adam_step(const optimizer *o, const adam_group *g, double learning_rate, cl_mem status)
{
    params *p = o->params;
    double steps = (double)(o->step - g->since), group_rate = learning_rate * g->rate;
    double rate = group_rate * sqrt(1 - pow(o->beta2, steps)) / (1 - pow(beta1, steps));
    spans over = spans_flat(p->device, (shape){1, 1, 1, (int)g->floats});
    return LAUNCH(p->device, o->adam, spans_range(p->device, &over), ARG(p->values),
                  ARG(p->gradients), ARG(o->first_moment), ARG(o->second_moment), ARG(status),
                  ARG(o->scale), ARG((cl_ulong)g->offset), ARG((float)rate),
                  ARG((float)(group_rate * o->weight_decay)), ARG((float)(1 - beta1)),
                  ARG((float)(1 - o->beta2)), ARG((float)epsilon), ARG(over.pixels),
                  ARG(over.channels), ARG(over.span));
}

int optimizer_step(optimizer *o, double learning_rate, cl_mem status)
{
    params *p = o->params;
    o->step++;
    if (scale_gradients(o, status))
        return -1;
    for (size_t i = 0; i < o->group_count; i++)
        if (adam_step(o, &o->groups[i], learning_rate, status))
            return -1;
    if (o->muon &&
        muon_step(o->muon, learning_rate * o->muon_part, o->first_moment, o->scale, status))
        return -1;
    p->version++;
    return o->average ? move_average(o, status) : 0;
}

int optimizer_swap_average(optimizer *o)
{
    params *p = o->params;
    size_t bytes = p->trainable_floats * sizeof(float);
    if (!o->average)
        return 0;
    /* between steps the gradients are free to hold the values meanwhile */
    if (buffer_copy(p->device, p->values, 0, p->gradients, 0, bytes) ||
        buffer_copy(p->device, o->average, 0, p->values, 0, bytes) ||
        buffer_copy(p->device, p->gradients, 0, o->average, 0, bytes))
        return -1;
    p->version++;
    return 0;
}
