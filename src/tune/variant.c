#include "tune/variant.h"

#include "base/memory.h"
#include "base/rng.h"
#include "base/streams.h"
#include "bench/step.h"
#include <stdlib.h>

static int start_params(params *p, const settings *s)
{
    if (p->values)
        return 0;
    if (params_allocate(p, true))
        return -1;
    return params_initialize(p, (uint64_t)s->train.seed);
}

static int open_network(network **out, device *d, const tuned_model *m)
{
    rng random = rng_start(3, STREAM_BENCH);
    int batch = m->settings->train.batch;
    if (network_new(out, m->params, m->settings, batch, NETWORK_TRAIN))
        return -1;
    network *n = *out;
    return start_params(m->params, m->settings) || network_prepare(n) ||
                   step_write_random(d, n->input, &random) ||
                   step_write_random(d, n->truth, &random)
               ? -1
               : 0;
}

int variant_open(variant *v, device *d, const tuning *values, const tuned_model *models, int count)
{
    *v = (variant){.device = d, .tuning = *values};
    if (!(v->networks = allocate((size_t)count, sizeof(network *))))
        return -1;
    v->count = count;
    variant_select(v);
    for (int i = 0; i < count; i++)
        if (open_network(&v->networks[i], d, &models[i]))
            return -1;
    return 0;
}

void variant_close(variant *v)
{
    for (int i = 0; i < v->count; i++)
        network_free(v->networks[i]);
    free(v->networks);
    *v = (variant){0};
}

void variant_select(const variant *v)
{
    v->device->tuning = v->tuning;
}

int variant_run(const variant *v, long steps)
{
    variant_select(v);
    for (int i = 0; i < v->count; i++)
        for (long k = 0; k < steps; k++)
            if (step_run(v->networks[i]))
                return -1;
    return device_finish(v->device);
}
