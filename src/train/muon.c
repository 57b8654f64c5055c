#include "train/muon.h"

#include "../cl/constants.h"
#include "../cl/muon_place.h"
#include "base/memory.h"
#include "compute/gemm.h"
#include "compute/ranges.h"
#include <math.h>
#include <stdlib.h>

enum { ITERATIONS = 5 };

/* Of x (x^T x)^i, i = 0, 1, 2: with these, five iterations take singular values from 0.01 to near 1. */
static const float coefficients[] = {3.4445f, -4.7750f, 2.0315f};

static bool is_ours(const param *item)
{
    return param_is_trainable(item) && param_is_matrix(item);
}

static size_t floats_of(const muon *m)
{
    return m->params->trainable_floats - m->params->matrix_offset;
}

static int smaller_side(const param *item)
{
    return item->rows < item->columns ? item->rows : item->columns;
}

static int upload_places(muon *m)
{
    params *p = m->params;
    muon_place *places = allocate((size_t)m->matrices, sizeof *places);
    size_t bytes = (size_t)m->matrices * sizeof *places;
    int count = 0;
    if (!places)
        return -1;
    for (size_t i = 0; i < p->count; i++) {
        const param *item = p->items[i];
        if (is_ours(item))
            places[count++] = (muon_place){
                (int)((item->offset - p->matrix_offset) / MUON_ROW),
                (int)((item->count + MUON_ROW - 1) / MUON_ROW),
                (float)(0.2 * sqrt(item->rows > item->columns ? item->rows : item->columns))};
    }
    int result = buffer_new(p->device, bytes, "places of matrices", &m->places) ||
                         buffer_write(p->device, m->places, 0, places, bytes)
                     ? -1
                     : 0;
    free(places);
    return result;
}

/* The products of a Newton-Schulz iteration, for a matrix x of any shape with the smaller side s: gram =
 * x^T x (s, s), or x x^T of a wide one; its square; and x times a polynomial of it. */
typedef struct products {
    gemm_operands *grams, *squares, *tall, *wide;
    size_t count, tall_count, wide_count;
    size_t gram_floats;
} products;

static void add_products(products *to, const param *item, size_t offset)
{
    int s = smaller_side(item), rows = item->rows, columns = item->columns;
    bool wide = rows < columns;
    matrix x = {NULL, offset, columns, 0, 0}, gram = {NULL, to->gram_floats, s, 0, 0};
    gemm_shape of_x = {rows, columns, s, 1, 1, false, false};
    to->grams[to->count] =
        (gemm_operands){{s, s, wide ? columns : rows, 1, 1, !wide, wide}, x, x, gram};
    to->squares[to->count++] = (gemm_operands){{s, s, s, 1, 1, false, false}, gram, gram, gram};
    if (wide)
        to->wide[to->wide_count++] = (gemm_operands){of_x, gram, x, x};
    else
        to->tall[to->tall_count++] = (gemm_operands){of_x, x, gram, x};
    to->gram_floats += (size_t)s * (size_t)s;
}

static int make_products(muon *m)
{
    params *p = m->params;
    device *d = p->device;
    size_t most = (size_t)m->matrices;
    gemm_operands *all = allocate(4 * most, sizeof *all);
    if (!all)
        return -1;
    products to = {all, all + most, all + 2 * most, all + 3 * most, 0, 0, 0, 0};
    for (size_t i = 0; i < p->count; i++)
        if (is_ours(p->items[i]))
            add_products(&to, p->items[i], p->items[i]->offset - p->matrix_offset);
    m->gram_bytes = to.gram_floats * sizeof(float);
    int result = gemm_group_new(&m->grams, d, to.grams, to.count) ||
                         gemm_group_new(&m->squares, d, to.squares, to.count) ||
                         gemm_group_new(&m->tall, d, to.tall, to.tall_count) ||
                         gemm_group_new(&m->wide, d, to.wide, to.wide_count)
                     ? -1
                     : 0;
    free(all);
    return result;
}

static int make_buffers(muon *m)
{
    params *p = m->params;
    size_t bytes = floats_of(m) * sizeof(float);
    for (size_t i = 0; i < p->count; i++)
        m->matrices += is_ours(p->items[i]);
    if (!m->matrices)
        return 0;
    return upload_places(m) || make_products(m) ||
                   buffer_new(p->device, (size_t)m->matrices * sizeof(float), "norms of matrices",
                              &m->scales) ||
                   buffer_new(p->device, bytes, "orthogonal matrices", &m->now) ||
                   buffer_new(p->device, bytes, "orthogonal matrices", &m->next) ||
                   buffer_new(p->device, m->gram_bytes, "gram matrices", &m->gram) ||
                   buffer_new(p->device, m->gram_bytes, "gram matrices", &m->second)
               ? -1
               : 0;
}

int muon_new(muon **out, params *p)
{
    muon *m = allocate(1, sizeof *m);
    if (!m)
        return -1;
    m->params = p;
    m->start = kernel_get(p->device, "muon", "", "muon_start");
    m->norms = kernel_get(p->device, "muon", "", "muon_norms");
    m->scale = kernel_get(p->device, "muon", "", "muon_scale");
    m->update = kernel_get(p->device, "muon", "", "muon_update");
    if (!m->start || !m->norms || !m->scale || !m->update || make_buffers(m)) {
        muon_free(m);
        return -1;
    }
    *out = m;
    return 0;
}

void muon_free(muon *m)
{
    if (!m)
        return;
    cl_mem *const buffers[] = {&m->scales, &m->places, &m->now, &m->next, &m->gram, &m->second};
    for (size_t i = 0; i < sizeof buffers / sizeof *buffers; i++)
        buffer_free(m->params->device, buffers[i]);
    gemm_group_free(m->grams);
    gemm_group_free(m->squares);
    gemm_group_free(m->tall);
    gemm_group_free(m->wide);
    free(m);
}

/* x = m->now to m->next: second = b * gram + c * gram^2; next = a * x + x * second (or second * x). */
static int iterate(muon *m)
{
    device *d = m->params->device;
    const float *c = coefficients;
    if (gemm_group_run(m->grams, 1, m->now, m->now, 0, m->gram) ||
        buffer_copy(d, m->gram, 0, m->second, 0, m->gram_bytes) ||
        gemm_group_run(m->squares, c[2], m->gram, m->gram, c[1], m->second) ||
        buffer_copy(d, m->now, 0, m->next, 0, floats_of(m) * sizeof(float)) ||
        gemm_group_run(m->tall, 1, m->now, m->second, c[0], m->next) ||
        gemm_group_run(m->wide, 1, m->second, m->now, c[0], m->next))
        return -1;
    cl_mem last = m->now;
    m->now = m->next;
    m->next = last;
    return 0;
}

/* A group of items for each matrix. */
static range each_matrix(const muon *m)
{
    size_t items = m->params->device->kernels == KERNELS_VECTOR ? 1 : ROW_GROUP_ITEMS;
    return range_groups(items, (size_t)m->matrices, 1, items, 1, 1);
}

static int orthogonalise(muon *m)
{
    params *p = m->params;
    range each = each_matrix(m);
    if (LAUNCH(p->device, m->norms, each, ARG(m->now), ARG(m->places), ARG(m->scales)) ||
        LAUNCH(p->device, m->scale, each, ARG(m->now), ARG(m->places), ARG(m->scales)))
        return -1;
    for (int i = 0; i < ITERATIONS; i++)
        if (iterate(m))
            return -1;
    return 0;
}

int muon_step(muon *m, double rate, cl_mem moments, cl_mem gradient_scale, cl_mem status)
{
    params *p = m->params;
    if (!m->matrices)
        return 0;
    spans over = spans_flat(p->device, (shape){1, 1, 1, (int)floats_of(m)});
    if (LAUNCH(p->device, m->start, spans_range(p->device, &over), ARG(p->gradients), ARG(moments),
               ARG(m->now), ARG(status), ARG(gradient_scale), ARG((uint64_t)p->matrix_offset),
               ARG(over.pixels), ARG(over.channels), ARG(over.span)) ||
        orthogonalise(m))
        return -1;
    return LAUNCH(p->device, m->update, each_matrix(m), ARG(p->values), ARG(m->now), ARG(m->places),
                  ARG(status), ARG((float)rate), ARG((uint64_t)p->matrix_offset));
}
