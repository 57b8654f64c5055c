#include "layers/assigner.h"

#include "base/number.h"

/* Pixels whose errors one item adds up: so few, or as many as leave this number of sums for an image. */
enum { SHORTEST = 128, SPANS_MOST = 64 };

static int span_of(shape s)
{
    int span = ceil_divide(s.h * s.w, SPANS_MOST);
    return span < SHORTEST ? SHORTEST : span;
}

static int spans_of(shape s)
{
    return ceil_divide(s.h * s.w, span_of(s));
}

/* Of errors: each output with each truth, in each span of each image. */
static size_t error_count(shape s, int sources)
{
    return (size_t)s.n * (size_t)spans_of(s) * (size_t)sources * (size_t)sources;
}

size_t assigner_scratch_bytes(shape s, int sources)
{
    return error_count(s, sources) * sizeof(float);
}

int assigner_prepare(assigner *a, device *d, shape s, int sources)
{
    a->shape = s;
    a->sources = sources;
    a->errors = kernel_get(d, "assignment", "", "pair_errors_of_spans");
    a->choose = kernel_get(d, "assignment", "", "choose_orders");
    a->arrange = kernel_get(d, "assignment", "", "arrange_sources");
    return a->errors && a->choose && a->arrange ? 0 : -1;
}

int assigner_run(const assigner *a, device *d, cl_mem output, cl_mem truth, cl_mem arranged,
                 cl_mem scratch)
{
    shape s = a->shape;
    int pixels = s.h * s.w, channels = s.c / a->sources, spans = spans_of(s);
    size_t places = (size_t)s.n * (size_t)pixels * (size_t)channels;
    return LAUNCH(d, a->errors, range_flat(error_count(s, a->sources)), ARG(output), ARG(truth),
                  ARG(scratch), ARG(s.n), ARG(pixels), ARG(a->sources), ARG(channels), ARG(spans),
                  ARG(span_of(s))) ||
                   LAUNCH(d, a->choose, range_flat((size_t)s.n), ARG(scratch), ARG(s.n),
                          ARG(a->sources), ARG(spans)) ||
                   LAUNCH(d, a->arrange, range_flat(places), ARG(truth), ARG(scratch),
                          ARG(arranged), ARG(s.n), ARG(pixels), ARG(a->sources), ARG(channels),
                          ARG(spans))
               ? -1
               : 0;
}
