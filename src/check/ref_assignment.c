/* True sources in the order that is nearest to an output. */
#include "check/layer_check.h"
#include "check/reference.h"
#include "layers/layers.h"

/* Of one image: a prefix of an order, and the best order so far. */
typedef struct search {
    const struct reference_assignment *shape;
    const double *output, *truth; /* of the image */
    size_t order[LAYER_SOURCES_MAX], best[LAYER_SOURCES_MAX];
    double least;
    int found;
} search;

/* Of source k of a pixel, the first channel. */
static size_t place(const struct reference_assignment *s, size_t pixel, size_t k)
{
    return (pixel * s->sources + k) * s->channels;
}

static double error_of_order(const search *f)
{
    const struct reference_assignment *s = f->shape;
    double sum = 0;
    for (size_t p = 0; p < s->pixels; p++)
        for (size_t k = 0; k < s->sources; k++)
            for (size_t c = 0; c < s->channels; c++) {
                double d = f->output[place(s, p, k) + c] - f->truth[place(s, p, f->order[k]) + c];
                sum += d * d;
            }
    return sum;
}

static void keep_if_better(search *f)
{
    double error = error_of_order(f);
    if (f->found && !(error < f->least))
        return;
    f->found = 1;
    f->least = error;
    for (size_t k = 0; k < f->shape->sources; k++)
        f->best[k] = f->order[k];
}

/* All orders that begin with the first `length` sources of f->order, in lexicographic order. */
static void try_orders(search *f, size_t length)
{
    if (length == f->shape->sources)
        keep_if_better(f);
    for (size_t j = 0; length < f->shape->sources && j < f->shape->sources; j++) {
        size_t k = 0;
        while (k < length && f->order[k] != j)
            k++;
        f->order[length] = j;
        if (k == length)
            try_orders(f, length + 1);
    }
}

void reference_assignment_forward(const struct reference_assignment *s, const double *output,
                                  const double *truth, double *arranged)
{
    size_t values = s->pixels * s->sources * s->channels;
    for (size_t n = 0; n < s->images; n++) {
        search f = {.shape = s, .output = output + n * values, .truth = truth + n * values};
        try_orders(&f, 0);
        for (size_t p = 0; p < s->pixels; p++)
            for (size_t k = 0; k < s->sources; k++)
                for (size_t c = 0; c < s->channels; c++)
                    arranged[n * values + place(s, p, k) + c] = f.truth[place(s, p, f.best[k]) + c];
    }
}

static void assignment_forward(reference_run *r)
{
    shape s = r->layer->output->shape;
    size_t sources = (size_t)((const struct assignment_options *)r->layer->options)->sources;
    struct reference_assignment shape = {(size_t)s.n, (size_t)s.h * (size_t)s.w, sources,
                                         (size_t)s.c / sources};
    reference_assignment_forward(&shape, r->inputs[0], r->inputs[1], r->y);
}

const layer_reference assignment_reference = {assignment_forward, NULL};
