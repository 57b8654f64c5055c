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

/* What a step multiplies. All squares lie alike, so one group serves for them. */
typedef struct products {
    gemm_operands *grams, *squares, *tall, *wide;
    size_t count, tall_count, wide_count;
    size_t square_floats;
} products;

/* values is where the matrix lies in the params' values, x where in m->x. */
static void add_products(products *to, const param *item, size_t values, size_t x)
{
    enum { ALIGNMENT = 16 };
    int s = smaller_side(item), rows = item->rows, columns = item->columns;
    bool wide = rows < columns;
    matrix of_x = {NULL, x, columns, 0, 0}, of_values = {NULL, values, columns, 0, 0};
    matrix square = {NULL, to->square_floats, s, 0, 0};
    gemm_shape shape = {rows, columns, s, 1, 1, false, false};
    to->grams[to->count] =
        (gemm_operands){{s, s, wide ? columns : rows, 1, 1, !wide, wide}, of_x, of_x, square};
    to->squares[to->count++] =
        (gemm_operands){{s, s, s, 1, 1, false, false}, square, square, square};
    if (wide)
        to->wide[to->wide_count++] = (gemm_operands){shape, square, of_x, of_values};
    else
        to->tall[to->tall_count++] = (gemm_operands){shape, of_x, square, of_values};
    to->square_floats += ((size_t)s * (size_t)s + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

static int make_squares(muon *m, size_t bytes)
{
    cl_mem *const squares[] = {&m->gram, &m->next_gram, &m->polynomial, &m->product,
                               &m->next_product};
    for (size_t i = 0; i < sizeof squares / sizeof *squares; i++)
        if (buffer_new(m->params->device, bytes, "Gram matrices", squares[i]))
            return -1;
    return 0;
}

/* places and all: for each matrix one, and four products */
static int make_products(muon *m, muon_place *places, gemm_operands *all)
{
    params *p = m->params;
    device *d = p->device;
    size_t most = (size_t)m->matrices, bytes = most * sizeof *places;
    products to = {all, all + most, all + 2 * most, all + 3 * most, 0, 0, 0, 0};
    for (size_t i = 0; i < p->count; i++) {
        const param *item = p->items[i];
        if (!is_ours(item))
            continue;
        places[to.count] =
            (muon_place){(int)to.square_floats, smaller_side(item),
                         (float)(0.2 * item->rate *
                                 sqrt(item->rows > item->columns ? item->rows : item->columns))};
        add_products(&to, item, item->offset, item->offset - p->matrix_offset);
    }
    return buffer_new(d, bytes, "places of matrices", &m->places) ||
                   buffer_write(d, m->places, 0, places, bytes) ||
                   gemm_group_new(&m->grams, d, to.grams, to.count) ||
                   gemm_group_new(&m->squares, d, to.squares, to.count) ||
                   gemm_group_new(&m->tall, d, to.tall, to.tall_count) ||
                   gemm_group_new(&m->wide, d, to.wide, to.wide_count) ||
                   make_squares(m, to.square_floats * sizeof(float))
               ? -1
               : 0;
}

static int make_buffers(muon *m)
{
    params *p = m->params;
    for (size_t i = 0; i < p->count; i++)
        m->matrices += is_ours(p->items[i]);
    if (!m->matrices)
        return 0;
    muon_place *places = allocate((size_t)m->matrices, sizeof *places);
    gemm_operands *all = allocate(4 * (size_t)m->matrices, sizeof *all);
    int result =
        !places || !all || make_products(m, places, all) ||
                buffer_new(p->device, floats_of(m) * sizeof(float), "matrices of a step", &m->x)
            ? -1
            : 0;
    free(places);
    free(all);
    return result;
}

int muon_new(muon **out, params *p)
{
    muon *m = allocate(1, sizeof *m);
    if (!m)
        return -1;
    m->params = p;
    m->start = kernel_get(p->device, "muon", "", "muon_start");
    m->normalise = kernel_get(p->device, "muon", "", "muon_normalise");
    if (!m->start || !m->normalise || make_buffers(m)) {
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
    cl_mem *const buffers[] = {&m->places,     &m->x,       &m->gram,        &m->next_gram,
                               &m->polynomial, &m->product, &m->next_product};
    for (size_t i = 0; i < sizeof buffers / sizeof *buffers; i++)
        buffer_free(m->params->device, buffers[i]);
    gemm_group_free(m->grams);
    gemm_group_free(m->squares);
    gemm_group_free(m->tall);
    gemm_group_free(m->wide);
    free(m);
}

static void swap(cl_mem *one, cl_mem *other)
{
    cl_mem kept = *one;
    *one = *other;
    *other = kept;
}

/* With S = b G + c G^2 in place of P = a + S, which needs no unit matrix. */
static int iterate(muon *m, bool last)
{
    const float *c = coefficients;
    gemm_group *g = m->squares;
    cl_mem s = m->polynomial;
    if (gemm_group_run(g, c[2], m->gram, m->gram, c[1], m->gram, s) ||
        gemm_group_run(g, 1, m->product, s, c[0], m->product, m->next_product))
        return -1;
    swap(&m->product, &m->next_product);
    if (last)
        return 0;
    if (gemm_group_run(g, 1, m->gram, s, c[0], m->gram, m->next_gram) ||
        gemm_group_run(g, 1, m->next_gram, s, c[0], m->next_gram, m->gram))
        return -1;
    return 0;
}

/* What the matrices are to be multiplied by, to m->product. */
static int find_product(muon *m)
{
    params *p = m->params;
    size_t items = p->device->kernels == KERNELS_VECTOR ? 1 : ROW_GROUP_ITEMS;
    range each = range_groups(items, (size_t)m->matrices, 1, items, 1, 1);
    if (gemm_group_run(m->grams, 1, m->x, m->x, 0, m->gram, m->gram) ||
        LAUNCH(p->device, m->normalise, each, ARG(m->gram), ARG(m->product), ARG(m->places)))
        return -1;
    for (int i = 0; i < ITERATIONS; i++)
        if (iterate(m, i == ITERATIONS - 1))
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
               ARG(m->x), ARG(status), ARG(gradient_scale), ARG((uint64_t)p->matrix_offset),
               ARG(over.pixels), ARG(over.channels), ARG(over.span)) ||
        find_product(m))
        return -1;
    return gemm_group_run(m->tall, (float)-rate, m->x, m->product, 1, p->values, p->values) ||
                   gemm_group_run(m->wide, (float)-rate, m->product, m->x, 1, p->values, p->values)
               ? -1
               : 0;
}
