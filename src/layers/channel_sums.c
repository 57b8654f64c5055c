#include "layers/channel_sums.h"

#include "compute/ranges.h"

int channel_sums_prepare(channel_sums *s, device *d)
{
    s->of_spans = kernel_get(d, "channel_sums", "", "channel_sums_of_spans");
    s->of_all = kernel_get(d, "channel_sums", "", "channel_sums");
    return s->of_spans && s->of_all ? 0 : -1;
}

size_t channel_sums_bytes(const device *d, shape s)
{
    return (size_t)spans_reduction(d, s).count * (size_t)s.c * sizeof(float);
}

int channel_sums_run(const channel_sums *s, device *d, shape over, cl_mem values, cl_mem workspace,
                     cl_mem sums)
{
    spans walk = spans_reduction(d, over);
    if (LAUNCH(d, s->of_spans, spans_range(d, &walk), ARG(values), ARG(workspace), ARG(walk.pixels),
               ARG(walk.channels), ARG(walk.span)))
        return -1;
    return LAUNCH(d, s->of_all, range_flat((size_t)walk.channels), ARG(workspace), ARG(sums),
                  ARG(walk.channels), ARG(walk.count));
}
