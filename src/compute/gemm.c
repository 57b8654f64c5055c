#include "compute/gemm.h"

#include "base/error.h"
#include "base/memory.h"
#include "base/number.h"
#include "compute/tunables.h"
#include "opencl/timeline.h"
#include <clblast_c.h>
#include <stdio.h>
#include <stdlib.h>

/* DEPTH: rows of b that an item of cl/gemm_vector.cl gathers at a time, at most. */
enum { DEPTH = 384, ITEMS_FOR_UNIT = 4 };

/* How a product is shared out: each item takes as many panels of b, then as many rows, as leave
 * enough items; it gathers a panel only once for all its rows. */
typedef struct shares {
    int panels, rows; /* of an item */
    int across, down; /* items */
} shares;

static shares share_out(const device *d, const gemm_shape *s, int lanes)
{
    long wanted = (long)ITEMS_FOR_UNIT * (int)d->info.compute_units;
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

static int gemm_vector(device *d, const gemm_shape *s, float alpha, const matrix *a,
                       const matrix *b, float beta, const matrix *c)
{
    char options[64];
    int vectors = s->n <= 16 ? 1 : d->tuning.vectors, lanes = 16 * vectors;
    snprintf(options, sizeof options, "-DVECTORS=%d -DTILE=%d", vectors, d->tuning.tile);
    kernel *k = kernel_get(d, "gemm_vector", options, "gemm");
    shares by = share_out(d, s, lanes);
    size_t room = (size_t)d->info.local_memory / ((size_t)lanes * sizeof(float));
    int depth = room < DEPTH ? (int)room : DEPTH;
    depth = s->k < depth ? s->k : depth;
    if (!k)
        return -1;
    return LAUNCH(
        d, k, range_single((size_t)by.across, (size_t)by.down, (size_t)s->outer * (size_t)s->inner),
        ARG(a->buffer), ARG((uint64_t)a->offset), ARG(s->transpose_a ? 1 : a->row_stride),
        ARG(s->transpose_a ? a->row_stride : 1), ARG(a->outer_stride), ARG(a->inner_stride),
        ARG(b->buffer), ARG((uint64_t)b->offset), ARG(s->transpose_b ? 1 : b->row_stride),
        ARG(s->transpose_b ? b->row_stride : 1), ARG(b->outer_stride), ARG(b->inner_stride),
        ARG(c->buffer), ARG((uint64_t)c->offset), ARG(c->row_stride), ARG(c->outer_stride),
        ARG(c->inner_stride), ARG(s->m), ARG(s->n), ARG(s->k), ARG(by.rows), ARG(by.panels),
        ARG(depth), ARG(s->inner), ARG(alpha), ARG(beta),
        LOCAL((size_t)depth * (size_t)lanes * sizeof(float)));
}

static void list_offsets(const gemm_shape *s, const matrix *m, size_t *offsets)
{
    for (int i = 0; i < s->outer; i++)
        for (int j = 0; j < s->inner; j++)
            offsets[i * s->inner + j] = m->offset + (size_t)i * (size_t)m->outer_stride +
                                        (size_t)j * (size_t)m->inner_stride;
}

/* CLBlast takes an offset and a scale for each matrix of the batch. */
static int gemm_clblast(device *d, const gemm_shape *s, float alpha, const matrix *a,
                        const matrix *b, float beta, const matrix *c)
{
    size_t count = (size_t)s->outer * (size_t)s->inner;
    size_t *offsets = allocate(3 * count, sizeof *offsets);
    float *scales = allocate(2 * count, sizeof *scales);
    const char *layer = d->annotation.layer;
    int result = -1;
    if (offsets && scales) {
        list_offsets(s, a, offsets);
        list_offsets(s, b, offsets + count);
        list_offsets(s, c, offsets + 2 * count);
        for (size_t i = 0; i < count; i++) {
            scales[i] = alpha;
            scales[count + i] = beta;
        }
        CLBlastTranspose ta = s->transpose_a ? CLBlastTransposeYes : CLBlastTransposeNo;
        CLBlastTranspose tb = s->transpose_b ? CLBlastTransposeYes : CLBlastTransposeNo;
        cl_event *event = timeline_call(d, "clblast", count == 1 ? "gemm" : "gemm_batched");
        CLBlastStatusCode code =
            count == 1
                ? CLBlastSgemm(CLBlastLayoutRowMajor, ta, tb, (size_t)s->m, (size_t)s->n,
                               (size_t)s->k, alpha, a->buffer, offsets[0], (size_t)a->row_stride,
                               b->buffer, offsets[1], (size_t)b->row_stride, beta, c->buffer,
                               offsets[2], (size_t)c->row_stride, &d->queue, event)
                : CLBlastSgemmBatched(
                      CLBlastLayoutRowMajor, ta, tb, (size_t)s->m, (size_t)s->n, (size_t)s->k,
                      scales, a->buffer, offsets, (size_t)a->row_stride, b->buffer, offsets + count,
                      (size_t)b->row_stride, scales + count, c->buffer, offsets + 2 * count,
                      (size_t)c->row_stride, count, &d->queue, event);
        result = code == CLBlastSuccess
                     ? 0
                     : fail(STATUS_DEVICE,
                            "CLBlast %d x %d x %d (%zu matrices) failed: error %d%s%s", s->m, s->n,
                            s->k, count, (int)code, layer ? ", layer " : "", layer ? layer : "");
    }
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

int gemm(device *d, const gemm_shape *shape, float alpha, matrix a, matrix b, float beta, matrix c)
{
    return d->kernels == KERNELS_VECTOR ? gemm_vector(d, shape, alpha, &a, &b, beta, &c)
                                        : gemm_clblast(d, shape, alpha, &a, &b, beta, &c);
}
