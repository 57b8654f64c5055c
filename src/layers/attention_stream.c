#include "layers/attention_stream.h"

#include <math.h>
#include <stdio.h>

enum { Q, K, V };
enum { LANE = 16, GROUP = 64 };

bool attention_is_streamed(shape x, int heads)
{
    return x.h * x.w >= STREAMED_TOKENS && x.c / heads <= STREAMED_CHANNELS_MAX;
}

size_t attention_stream_bytes(shape x, int heads)
{
    return (size_t)x.n * (size_t)heads * (size_t)x.h * (size_t)x.w * sizeof(float);
}

int attention_stream_prepare(attention_stream *s, device *d, shape x, int heads)
{
    static const char file[] = "attention_stream";
    char options[32];
    snprintf(options, sizeof options, "-DSIZE=%d", x.c / heads);
    s->attend = kernel_get(d, file, options, "attend");
    s->around = kernel_get(d, file, options, "attend_around");
    s->queries = kernel_get(d, file, options, "attend_backward_queries");
    s->keys = kernel_get(d, file, options, "attend_backward_keys");
    return s->attend && s->around && s->queries && s->keys ? 0 : -1;
}

/* Lanes of tokens, heads, images. */
static range lanes_of(const device *d, shape x, int heads)
{
    size_t tokens = (size_t)x.h * (size_t)x.w;
    if (d->kernels == KERNELS_VECTOR)
        return range_single((tokens + LANE - 1) / LANE, (size_t)heads, (size_t)x.n);
    return range_groups(tokens, (size_t)heads, (size_t)x.n, GROUP, 1, 1);
}

static float scale_of(shape x, int heads)
{
    return 1 / sqrtf((float)(x.c / heads));
}

int attention_stream_forward(const attention_stream *s, layer *l, run *r, int heads,
                             cl_mem log_sums)
{
    shape x = l->output->shape;
    return LAUNCH(r->device, s->attend, lanes_of(r->device, x, heads), ARG(l->inputs[Q]->data),
                  ARG(l->inputs[K]->data), ARG(l->inputs[V]->data), ARG(l->output->data),
                  ARG(log_sums), ARG(x.h * x.w), ARG(heads), ARG(scale_of(x, heads)));
}

/* In the order of the inputs, as beta is, should two of them be one tensor. */
int attention_stream_backward(const attention_stream *s, layer *l, run *r, int heads,
                              cl_mem log_sums)
{
    shape x = l->output->shape;
    device *d = r->device;
    range lanes = lanes_of(d, x, heads);
    cl_mem q = l->inputs[Q]->data, k = l->inputs[K]->data, v = l->inputs[V]->data,
           g = l->output->gradient, around = r->workspace, dq = l->inputs[Q]->gradient,
           dk = l->inputs[K]->gradient, dv = l->inputs[V]->gradient;
    int tokens = x.h * x.w;
    float scale = scale_of(x, heads);
    if (LAUNCH(d, s->around, lanes, ARG(l->output->data), ARG(g), ARG(around), ARG(tokens),
               ARG(heads)))
        return -1;
    if (dq &&
        LAUNCH(d, s->queries, lanes, ARG(q), ARG(k), ARG(v), ARG(g), ARG(log_sums), ARG(around),
               ARG(dq), ARG(tokens), ARG(heads), ARG(scale), ARG((float)l->beta[Q])))
        return -1;
    if (!dk && !dv)
        return 0;
    return LAUNCH(d, s->keys, lanes, ARG(q), ARG(k), ARG(v), ARG(g), ARG(log_sums), ARG(around),
                  ARG(dk ? dk : dv), ARG(dv ? dv : dk), ARG(tokens), ARG(heads), ARG(scale),
                  ARG((float)l->beta[K]), ARG((float)l->beta[V]), ARG(dk != NULL), ARG(dv != NULL));
}
