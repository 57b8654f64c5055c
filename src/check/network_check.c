#include "check/network_check.h"

#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include <stdlib.h>
#include <string.h>

static bool same_case(const layer_case *a, const layer_case *b)
{
    if (a->type != b->type || a->input_count != b->input_count || a->inference != b->inference)
        return false;
    for (int i = 0; i < a->input_count; i++)
        if (!shape_equal(a->inputs[i], b->inputs[i]))
            return false;
    size_t size = a->type->options_size;
    return !size || !memcmp(a->options, b->options, size);
}

static shape cut(shape s, int side_limit)
{
    s.h = s.h < side_limit ? s.h : side_limit;
    s.w = s.w < side_limit ? s.w : side_limit;
    return s;
}

static int add_case(network_check *c, const layer *l, int side_limit, bool inference)
{
    layer_case what = {.type = l->type,
                       .options = l->options,
                       .input_count = l->input_count,
                       .inference = inference};
    for (int i = 0; i < l->input_count; i++)
        what.inputs[i] = cut(l->inputs[i]->shape, side_limit);
    for (size_t i = 0; i < c->count; i++)
        if (same_case(&c->items[i].what, &what))
            return 0;
    if (grow(&c->items, &c->capacity, c->count + 1, sizeof *c->items))
        return -1;
    c->items[c->count++] = (outcome){.what = what, .output = cut(l->output->shape, side_limit)};
    return 0;
}

int network_check_list(network_check *c, const settings *s, int batch, int side_limit)
{
    *c = (network_check){0};
    if (params_new(&c->params, NULL) ||
        network_new(&c->network, c->params, s, batch, NETWORK_TRAIN))
        return -1;
    const graph *g = c->network->graph;
    for (size_t i = 0; i < g->layer_count; i++)
        if (add_case(c, g->layers[i], side_limit, false) ||
            (g->layers[i]->flags & KEEPS_STATISTICS && add_case(c, g->layers[i], side_limit, true)))
            return -1;
    return 0;
}

void network_check_release(network_check *c)
{
    for (size_t i = 0; i < c->count; i++)
        free(c->items[i].error);
    free(c->items);
    network_free(c->network);
    params_free(c->params);
    *c = (network_check){0};
}

int network_check_case(device *d, outcome *o, struct check_effort effort)
{
    if (!layer_check(d, &o->what, effort, &o->report))
        return 0;
    if (error_status() != STATUS_SELFTEST)
        return -1;
    o->error = copy_text(error_message());
    return o->error ? 0 : -1;
}

size_t network_check_failed(const network_check *c)
{
    size_t failed = 0;
    for (size_t i = 0; i < c->count; i++)
        failed += c->items[i].error != NULL;
    return failed;
}

int network_check_verdict(const network_check *c, const device *d)
{
    for (size_t i = 0; i < c->count; i++)
        if (c->items[i].error)
            return fail(STATUS_SELFTEST,
                        "%zu of %zu checks failed: results of %s cannot be trusted; try another "
                        "--device, another driver, or --set device.kernels=%s. The first: %s",
                        network_check_failed(c), c->count, d->info.name,
                        d->kernels == KERNELS_VECTOR ? "tiled" : "vector", c->items[i].error);
    return 0;
}

int network_check_run(device *d, const settings *s, int batch, int side_limit)
{
    network_check c;
    int result = network_check_list(&c, s, batch, side_limit);
    for (size_t i = 0; !result && i < c.count; i++) {
        log_live("checking the device's kernels: %zu of %zu", i + 1, c.count);
        result = network_check_case(d, &c.items[i], CHECK_QUICK);
    }
    log_live_end();
    if (!result)
        result = network_check_verdict(&c, d);
    network_check_release(&c);
    return result;
}

int network_check_quick(device *d, const settings *s)
{
    enum { BATCH = 1, SIDE = 8 };
    return network_check_run(d, s, BATCH, SIDE);
}
