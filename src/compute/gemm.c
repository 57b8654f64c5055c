#include "compute/gemm.h"

#include "../cl/gemm_product.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/number.h"
#include "compute/tunables.h"
#include "opencl/timeline.h"
#include <assert.h>
#include <clblast_c.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- cl/gemm_vector.cl ---- */

/* DEPTH: rows of b that an item of cl/gemm_vector.cl gathers at a time, at most. */
enum { DEPTH = 384, ITEMS_FOR_UNIT = 4 };

/* How a product is shared out: each item takes as many panels of b, then as many rows, as leave
 * enough items; it gathers a panel only once for all its rows. */
typedef struct shares {
    int panels, rows; /* of an item */
    int across, down; /* items */
} shares;

static shares share_out(const device *d, const gemm_shape *s, int lanes, long wanted)
{
    long matrices = (long)s->outer * s->inner;
    int panels = ceil_divide(s->n, lanes), tile = d->tuning.tile;
    int across = matrices >= wanted ? 1 : panels;
    int down = (int)((wanted + across * matrices - 1) / (across * matrices));
    shares out = {.panels = ceil_divide(panels, across),
                  .rows = ceil_divide(ceil_divide(s->m, down), tile) * tile};
    out.across = ceil_divide(panels, out.panels);
    out.down = ceil_divide(s->m, out.rows);
    return out;
}

/* Rows of b in local memory at a time. */
static int panel_depth(const device *d, int lanes, int k)
{
    size_t room = (size_t)d->info.local_memory / ((size_t)lanes * sizeof(float));
    int depth = room < DEPTH ? (int)room : DEPTH;
    return k < depth ? k : depth;
}

static int gemm_vector(device *d, const gemm_shape *s, float alpha, const matrix *a,
                       const matrix *b, float beta, const matrix *c)
{
    char options[64];
    int vectors = s->n <= 16 ? 1 : d->tuning.vectors, lanes = 16 * vectors;
    snprintf(options, sizeof options, "-DVECTORS=%d -DTILE=%d", vectors, d->tuning.tile);
    kernel *k = kernel_get(d, "gemm_vector", options, "gemm");
    shares share = share_out(d, s, lanes, (long)ITEMS_FOR_UNIT * (int)d->info.compute_units);
    int depth = panel_depth(d, lanes, s->k);
    if (!k)
        return -1;
    return LAUNCH(
        d, k,
        range_single((size_t)share.across, (size_t)share.down, (size_t)s->outer * (size_t)s->inner),
        ARG(a->buffer), ARG((uint64_t)a->offset), ARG(s->transpose_a ? 1 : a->row_stride),
        ARG(s->transpose_a ? a->row_stride : 1), ARG(a->outer_stride), ARG(a->inner_stride),
        ARG(b->buffer), ARG((uint64_t)b->offset), ARG(s->transpose_b ? 1 : b->row_stride),
        ARG(s->transpose_b ? b->row_stride : 1), ARG(b->outer_stride), ARG(b->inner_stride),
        ARG(c->buffer), ARG((uint64_t)c->offset), ARG(c->row_stride), ARG(c->outer_stride),
        ARG(c->inner_stride), ARG(s->m), ARG(s->n), ARG(s->k), ARG(share.rows), ARG(share.panels),
        ARG(depth), ARG(s->inner), ARG(alpha), ARG(beta),
        LOCAL((size_t)depth * (size_t)lanes * sizeof(float)));
}

/* ---- CLBlast ---- */

static CLBlastTranspose transposed(bool yes)
{
    return yes ? CLBlastTransposeYes : CLBlastTransposeNo;
}

static int check_product(const device *d, const gemm_shape *s, CLBlastStatusCode code)
{
    const char *layer = d->annotation.layer;
    if (code == CLBlastSuccess)
        return 0;
    return fail(STATUS_DEVICE, "CLBlast %d x %d x %d (%d matrices) failed: error %d%s%s", s->m,
                s->n, s->k, s->outer * s->inner, (int)code, layer ? ", layer " : "",
                layer ? layer : "");
}

static int gemm_single(device *d, const gemm_shape *s, float alpha, const matrix *a,
                       const matrix *b, float beta, const matrix *c)
{
    cl_event *event = timeline_call(d, "clblast", "gemm");
    CLBlastStatusCode code =
        CLBlastSgemm(CLBlastLayoutRowMajor, transposed(s->transpose_a), transposed(s->transpose_b),
                     (size_t)s->m, (size_t)s->n, (size_t)s->k, alpha, a->buffer, a->offset,
                     (size_t)a->row_stride, b->buffer, b->offset, (size_t)b->row_stride, beta,
                     c->buffer, c->offset, (size_t)c->row_stride, &d->queue, event);
    return check_product(d, s, code);
}

static void list_offsets(const gemm_shape *s, const matrix *m, size_t *offsets)
{
    for (int i = 0; i < s->outer; i++)
        for (int j = 0; j < s->inner; j++)
            offsets[i * s->inner + j] = m->offset + (size_t)i * (size_t)m->outer_stride +
                                        (size_t)j * (size_t)m->inner_stride;
}

/* CLBlast takes an offset and a scale for each matrix of the batch. */
static int gemm_batched(device *d, const gemm_shape *s, float alpha, const matrix *a,
                        const matrix *b, float beta, const matrix *c)
{
    size_t count = (size_t)s->outer * (size_t)s->inner;
    size_t *offsets = allocate(3 * count, sizeof *offsets);
    float *scales = allocate(2 * count, sizeof *scales);
    int result = -1;
    if (!offsets || !scales)
        goto done;
    list_offsets(s, a, offsets);
    list_offsets(s, b, offsets + count);
    list_offsets(s, c, offsets + 2 * count);
    for (size_t i = 0; i < count; i++) {
        scales[i] = alpha;
        scales[count + i] = beta;
    }
    cl_event *event = timeline_call(d, "clblast", "gemm_batched");
    CLBlastStatusCode code = CLBlastSgemmBatched(
        CLBlastLayoutRowMajor, transposed(s->transpose_a), transposed(s->transpose_b), (size_t)s->m,
        (size_t)s->n, (size_t)s->k, scales, a->buffer, offsets, (size_t)a->row_stride, b->buffer,
        offsets + count, (size_t)b->row_stride, scales + count, c->buffer, offsets + 2 * count,
        (size_t)c->row_stride, count, &d->queue, event);
    result = check_product(d, s, code);
done:
    free(offsets);
    free(scales);
    return result;
}

static int override(device *d, enum tuning_section s, const char *kernel_name)
{
    const char *names[XGEMM_PARAMETERS];
    size_t values[XGEMM_PARAMETERS], count = 0;
    if (!tuning_overrides(&d->tuning, s))
        return 0;
    for (int i = 0; i < TUNABLES; i++) {
        if (tunables[i].section != s)
            continue;
        names[count] = tunables[i].name;
        values[count++] = (size_t)tunable_value(&tunables[i], &d->tuning);
    }
    CLBlastStatusCode code = CLBlastOverrideParameters(
        d->info.id, kernel_name, CLBlastPrecisionSingle, count, names, values);
    if (code != CLBlastSuccess)
        return fail(STATUS_DEVICE, "CLBlast refuses the parameters of [%s]: error %d",
                    tuning_sections[s], (int)code);
    return 0;
}

int gemm_override(device *d)
{
    if (override(d, SECTION_XGEMM, "Xgemm"))
        return -1;
    return override(d, SECTION_XGEMM_DIRECT, "XgemmDirect");
}

/* ---- Either ---- */

int gemm(device *d, const gemm_shape *shape, float alpha, matrix a, matrix b, float beta, matrix c)
{
    assert(shape->m > 0 && shape->n > 0 && shape->k > 0 && shape->outer > 0 && shape->inner > 0);
    if (d->kernels == KERNELS_VECTOR)
        return gemm_vector(d, shape, alpha, &a, &b, beta, &c);
    if (shape->outer * shape->inner == 1)
        return gemm_single(d, shape, alpha, &a, &b, beta, &c);
    return gemm_batched(d, shape, alpha, &a, &b, beta, &c);
}

/* ---- Groups ---- */

struct gemm_group {
    device *device;
    gemm_operands *products;
    size_t count;
    cl_mem table; /* (count) gemm_product, for the kernel */
    int lanes, depth, work_groups;
};

/* Both in one launch: its products are small, so a few work-groups each are enough. */
static int upload_table(gemm_group *g)
{
    enum { GROUPS_FOR_PRODUCT = 4 };
    device *d = g->device;
    gemm_product *table = allocate(g->count, sizeof *table);
    if (!table)
        return -1;
    g->lanes = 16 * d->tuning.vectors;
    for (size_t i = 0; i < g->count; i++) {
        const gemm_operands *p = &g->products[i];
        const gemm_shape *s = &p->shape;
        shares share = share_out(d, s, g->lanes, GROUPS_FOR_PRODUCT);
        table[i] = (gemm_product){.a_offset = (int)p->a.offset,
                                  .a_row = s->transpose_a ? 1 : p->a.row_stride,
                                  .a_column = s->transpose_a ? p->a.row_stride : 1,
                                  .b_offset = (int)p->b.offset,
                                  .b_row = s->transpose_b ? 1 : p->b.row_stride,
                                  .b_column = s->transpose_b ? p->b.row_stride : 1,
                                  .c_offset = (int)p->c.offset,
                                  .c_row = p->c.row_stride,
                                  .m = s->m,
                                  .n = s->n,
                                  .k = s->k,
                                  .block = share.rows,
                                  .panels = share.panels,
                                  .across = share.across,
                                  .first = g->work_groups};
        g->work_groups += share.across * share.down;
        if (s->k > g->depth)
            g->depth = s->k;
    }
    g->depth = panel_depth(d, g->lanes, g->depth);
    size_t bytes = g->count * sizeof *table;
    int result = buffer_new(d, bytes, "matrix products", &g->table) ||
                         buffer_write(d, g->table, 0, table, bytes)
                     ? -1
                     : 0;
    free(table);
    return result;
}

int gemm_group_new(gemm_group **out, device *d, const gemm_operands *products, size_t count)
{
    gemm_group *g = allocate(1, sizeof *g);
    if (!g)
        return -1;
    g->device = d;
    g->count = count;
    g->products = allocate(count ? count : 1, sizeof *g->products);
    for (size_t i = 0; g->products && i < count; i++)
        g->products[i] = products[i];
    if (!g->products || (count && d->kernels == KERNELS_VECTOR && upload_table(g))) {
        gemm_group_free(g);
        return -1;
    }
    *out = g;
    return 0;
}

/* CLBlast adds only to what is in c. */
static int run_one(device *dev, const gemm_operands *p, float alpha, cl_mem a, cl_mem b, float beta,
                   cl_mem d, cl_mem c)
{
    matrix of_a = p->a, of_b = p->b, of_c = p->c;
    size_t offset = of_c.offset * sizeof(float);
    size_t floats = (size_t)(p->shape.m - 1) * (size_t)of_c.row_stride + (size_t)p->shape.n;
    of_a.buffer = a;
    of_b.buffer = b;
    of_c.buffer = c;
    if (d != c && beta != 0 && buffer_copy(dev, d, offset, c, offset, floats * sizeof(float)))
        return -1;
    return gemm(dev, &p->shape, alpha, of_a, of_b, beta, of_c);
}

static int run_together(gemm_group *g, float alpha, cl_mem a, cl_mem b, float beta, cl_mem d,
                        cl_mem c)
{
    device *dev = g->device;
    char options[64];
    snprintf(options, sizeof options, "-DVECTORS=%d -DTILE=%d", g->lanes / 16, dev->tuning.tile);
    kernel *k = kernel_get(dev, "gemm_vector", options, "gemm_group");
    if (!k)
        return -1;
    return LAUNCH(dev, k, range_single((size_t)g->work_groups, 1, 1), ARG(a), ARG(b), ARG(d),
                  ARG(c), ARG(g->table), ARG((int)g->count), ARG(g->depth), ARG(alpha), ARG(beta),
                  LOCAL((size_t)g->depth * (size_t)g->lanes * sizeof(float)));
}

int gemm_group_run(gemm_group *g, float alpha, cl_mem a, cl_mem b, float beta, cl_mem d, cl_mem c)
{
    if (g->device->kernels == KERNELS_VECTOR)
        return g->count ? run_together(g, alpha, a, b, beta, d, c) : 0;
    for (size_t i = 0; i < g->count; i++)
        if (run_one(g->device, &g->products[i], alpha, a, b, beta, d, c))
            return -1;
    return 0;
}

void gemm_group_free(gemm_group *g)
{
    if (!g)
        return;
    buffer_free(g->device, &g->table);
    free(g->products);
    free(g);
}
