/*
 * The peer of bench_layers: the same shapes with oneDNN and OpenBLAS, in the protocol of
 * bench_shapes.h. For each pass of a shape every implementation is tried, with the operands in the
 * memory layouts that it asks for, and the fastest is what is timed from then on. Moving operands
 * into such a layout and back is not timed. With --openblas, products are OpenBLAS' alone.
 *
 *     OMP_NUM_THREADS=2 OPENBLAS_NUM_THREADS=2 build/tools/bench_onednn [--openblas] SHAPE...
 */
#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "bench_shapes.h"
#include <cblas.h>
#include <oneapi/dnnl/dnnl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { AXES = 4 };

/* One way to compute a pass; without a primitive it is OpenBLAS. */
typedef struct way {
    char name[96];
    double seconds;
    dnnl_primitive_t primitive;
    dnnl_memory_t memories[OPERANDS]; /* in the primitive's layouts */
    int roles[OPERANDS];              /* DNNL_ARG_... of each */
} way;

typedef struct bench {
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    const bench_shape *shape;
    float *operands[OPERANDS], *results[OPERANDS]; /* in our layout, */
    dnnl_memory_desc_t layouts[OPERANDS];          /* which is this */
    way best[PASSES];
    float *square;      /* of PEAK: both operands, then the result */
    bool only_openblas; /* for products */
} bench;

static int dnnl_check(dnnl_status_t code, const char *call, int line)
{
    return code == dnnl_success
               ? 0
               : fail(STATUS_RUNTIME, "bench_onednn.c:%d: %s: error %d", line, call, (int)code);
}
#define DNNL_CALL(call) dnnl_check((call), #call, __LINE__)

/* ---- layouts ---- */

/* Of our tensors, with the axes in oneDNN's order: (n, c, h, w), weights (out, in, y, x). */
static int describe_convolution(bench *b)
{
    const bench_shape *s = b->shape;
    dnnl_dims_t big = {s->big.n, s->big.c, s->big.h, s->big.w};
    dnnl_dims_t small = {s->small.n, s->small.c, s->small.h, s->small.w};
    dnnl_dims_t weights = {s->small.c, s->big.c, s->kernel, s->kernel};
    bool up = s->kind == UP;
    return DNNL_CALL(dnnl_memory_desc_init_by_tag(&b->layouts[up ? OUTPUT : INPUT], AXES, big,
                                                  dnnl_f32, dnnl_nhwc)) ||
                   DNNL_CALL(dnnl_memory_desc_init_by_tag(&b->layouts[up ? INPUT : OUTPUT], AXES,
                                                          small, dnnl_f32, dnnl_nhwc)) ||
                   DNNL_CALL(dnnl_memory_desc_init_by_tag(&b->layouts[WEIGHTS], AXES, weights,
                                                          dnnl_f32, dnnl_hwio))
               ? -1
               : 0;
}

/* (outer, inner, rows, columns), transposed or not; just (rows, columns) if there is one matrix. */
static int describe_matrices(const bench *b, enum operand_name name, bool transpose,
                             dnnl_memory_desc_t *layout)
{
    const bench_shape *s = b->shape;
    const operand *o = &s->operands[name];
    dnnl_dims_t dims = {s->outer, s->inner, transpose ? o->columns : o->rows,
                        transpose ? o->rows : o->columns};
    dnnl_dims_t strides = {o->outer_stride, o->inner_stride, transpose ? 1 : o->row_stride,
                           transpose ? o->row_stride : 1};
    if (s->outer * s->inner > 1)
        return DNNL_CALL(dnnl_memory_desc_init_by_strides(layout, AXES, dims, dnnl_f32, strides));
    return DNNL_CALL(dnnl_memory_desc_init_by_strides(layout, 2, (dnnl_dims_t){dims[2], dims[3]},
                                                      dnnl_f32,
                                                      (dnnl_dims_t){strides[2], strides[3]}));
}

/* The same axes, the order in memory left to oneDNN. */
static dnnl_memory_desc_t any_layout(const dnnl_memory_desc_t *layout)
{
    dnnl_memory_desc_t any;
    dnnl_memory_desc_init_by_tag(&any, layout->ndims, layout->dims, dnnl_f32, dnnl_format_tag_any);
    return any;
}

static int move(bench *b, dnnl_memory_t from, dnnl_memory_t to)
{
    const dnnl_memory_desc_t *source, *target;
    dnnl_primitive_desc_t description = NULL;
    dnnl_primitive_t reorder = NULL;
    int result = DNNL_CALL(dnnl_memory_get_memory_desc(from, &source)) ||
                         DNNL_CALL(dnnl_memory_get_memory_desc(to, &target)) ||
                         DNNL_CALL(dnnl_reorder_primitive_desc_create(
                             &description, source, b->engine, target, b->engine, NULL)) ||
                         DNNL_CALL(dnnl_primitive_create(&reorder, description)) ||
                         DNNL_CALL(dnnl_primitive_execute(
                             reorder, b->stream, 2,
                             (dnnl_exec_arg_t[]){{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, to}})) ||
                         DNNL_CALL(dnnl_stream_wait(b->stream))
                     ? -1
                     : 0;
    dnnl_primitive_destroy(reorder);
    dnnl_primitive_desc_destroy(description);
    return result;
}

/* Between values in the given layout and a memory of oneDNN's. */
static int exchange(bench *b, float *values, const dnnl_memory_desc_t *layout, dnnl_memory_t memory,
                    bool out)
{
    dnnl_memory_t plain = NULL;
    int result = DNNL_CALL(dnnl_memory_create(&plain, layout, b->engine, values)) ||
                         move(b, out ? memory : plain, out ? plain : memory)
                     ? -1
                     : 0;
    dnnl_memory_destroy(plain);
    return result;
}

/* ---- OpenBLAS ---- */

static void run_sgemm(bench *b, enum pass pass)
{
    const bench_shape *s = b->shape;
    product p = bench_product(s, pass);
    const operand *left = &s->operands[p.left], *right = &s->operands[p.right];
    const operand *out = &s->operands[p.out];
    for (int i = 0; i < s->outer; i++)
        for (int j = 0; j < s->inner; j++)
            cblas_sgemm(CblasRowMajor, p.transpose_left ? CblasTrans : CblasNoTrans,
                        p.transpose_right ? CblasTrans : CblasNoTrans, p.m, p.n, p.k, 1,
                        b->operands[p.left] + i * left->outer_stride + j * left->inner_stride,
                        left->row_stride,
                        b->operands[p.right] + i * right->outer_stride + j * right->inner_stride,
                        right->row_stride, 0,
                        b->results[p.out] + i * out->outer_stride + j * out->inner_stride,
                        out->row_stride);
}

static int run_peak(bench *b)
{
    const size_t count = (size_t)PEAK_SIZE * PEAK_SIZE;
    if (!b->square) {
        if (!(b->square = allocate(3 * count, sizeof *b->square)))
            return -1;
        for (size_t i = 0; i < 2 * count; i++)
            b->square[i] = bench_value(INPUT, i);
    }
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, PEAK_SIZE, PEAK_SIZE, PEAK_SIZE, 1,
                b->square, PEAK_SIZE, b->square + count, PEAK_SIZE, 0, b->square + 2 * count,
                PEAK_SIZE);
    return 0;
}

/* ---- ways ---- */

static int run_way(bench *b, const way *w, enum pass pass)
{
    if (!w->primitive) {
        run_sgemm(b, pass);
        return 0;
    }
    dnnl_exec_arg_t arguments[OPERANDS];
    for (int i = 0; i < OPERANDS; i++)
        arguments[i] = (dnnl_exec_arg_t){w->roles[i], w->memories[i]};
    return DNNL_CALL(dnnl_primitive_execute(w->primitive, b->stream, OPERANDS, arguments));
}

static void release_way(way *w)
{
    dnnl_primitive_destroy(w->primitive);
    for (int i = 0; i < OPERANDS; i++)
        dnnl_memory_destroy(w->memories[i]);
    *w = (way){0};
}

/* Takes w over: it becomes the best, or is released. The shortest of some runs counts. */
static int compete(bench *b, enum pass pass, way *w)
{
    enum { RUNS = 5 };
    double begun = clock_seconds();
    for (int i = 0; i <= RUNS || clock_seconds() - begun < 0.05; i++) {
        double start = clock_seconds();
        if (run_way(b, w, pass) || DNNL_CALL(dnnl_stream_wait(b->stream))) {
            release_way(w);
            return -1;
        }
        double seconds = clock_seconds() - start;
        /* the first one only warms up */
        if (i == 1 || (i && seconds < w->seconds))
            w->seconds = seconds;
    }
    way *best = &b->best[pass];
    if (!*best->name || w->seconds < best->seconds) {
        release_way(best);
        *best = *w;
    } else {
        release_way(w);
    }
    return 0;
}

/* The primitive's memories in the layouts it wants, filled from operands of these layouts. */
static int fill_way(bench *b, way *w, dnnl_primitive_desc_t description, const int roles[],
                    const dnnl_memory_desc_t layouts[])
{
    for (int i = 0; i < OPERANDS; i++) {
        const dnnl_memory_desc_t *wanted =
            dnnl_primitive_desc_query_md(description, dnnl_query_exec_arg_md, roles[i]);
        w->roles[i] = roles[i];
        if (!wanted)
            return fail(STATUS_RUNTIME, "oneDNN does not say the layout of an operand");
        if (DNNL_CALL(
                dnnl_memory_create(&w->memories[i], wanted, b->engine, DNNL_MEMORY_ALLOCATE)) ||
            exchange(b, b->operands[i], &layouts[i], w->memories[i], false))
            return -1;
    }
    return DNNL_CALL(dnnl_primitive_create(&w->primitive, description));
}

static int try_implementation(bench *b, enum pass pass, const char *name,
                              dnnl_primitive_desc_t description, const int roles[],
                              const dnnl_memory_desc_t layouts[])
{
    const char *implementation;
    way w = {0};
    if (DNNL_CALL(dnnl_primitive_desc_query(description, dnnl_query_impl_info_str, 0,
                                            (void *)&implementation)))
        return -1;
    if (strstr(implementation, "ref") && *b->best[pass].name)
        return 0; /* plain loops, for what nothing else can do */
    if (fill_way(b, &w, description, roles, layouts)) {
        release_way(&w);
        return -1;
    }
    snprintf(w.name, sizeof w.name, "%s%s", name, implementation);
    return compete(b, pass, &w);
}

/* Tries every implementation that oneDNN has of an operation, be it none. */
static int try_operation(bench *b, enum pass pass, const char *name, const_dnnl_op_desc_t operation,
                         dnnl_primitive_desc_t hint, const int roles[],
                         const dnnl_memory_desc_t layouts[])
{
    dnnl_primitive_desc_iterator_t each = NULL;
    if (dnnl_primitive_desc_iterator_create(&each, operation, NULL, b->engine, hint) !=
        dnnl_success)
        return 0;
    int result = 0;
    do {
        dnnl_primitive_desc_t description = dnnl_primitive_desc_iterator_fetch(each);
        result = try_implementation(b, pass, name, description, roles, layouts);
        dnnl_primitive_desc_destroy(description);
    } while (!result && dnnl_primitive_desc_iterator_next(each) == dnnl_success);
    dnnl_primitive_desc_iterator_destroy(each);
    return result;
}

/* dnnl_convolution_auto chooses between these. */
static const dnnl_alg_kind_t algorithms[] = {dnnl_convolution_direct, dnnl_convolution_winograd};

/* Keras' 'same': of what is missing, half, rounded down, before. */
static void padding(int size, int out, int kernel, int stride, dnnl_dim_t *before,
                    dnnl_dim_t *after)
{
    int total = (out - 1) * stride + kernel - size;
    total = total > 0 ? total : 0;
    *before = total / 2;
    *after = total - total / 2;
}

/* The forward convolution in training, which gradients refer to; *hint stays NULL if there is none. */
static void make_hint(bench *b, dnnl_alg_kind_t algorithm, const dnnl_memory_desc_t any[],
                      const dnnl_dims_t strides, const dnnl_dims_t before, const dnnl_dims_t after,
                      dnnl_primitive_desc_t *hint)
{
    dnnl_convolution_desc_t forward;
    *hint = NULL;
    if (dnnl_convolution_forward_desc_init(&forward, dnnl_forward_training, algorithm, &any[0],
                                           &any[1], NULL, &any[2], strides, before,
                                           after) == dnnl_success)
        dnnl_primitive_desc_create(hint, &forward, NULL, b->engine, NULL);
}

/* A transposed convolution's forward is the strided convolution's input gradient, and so on. */
static int try_convolution(bench *b, enum pass pass, dnnl_alg_kind_t algorithm)
{
    const bench_shape *s = b->shape;
    bool up = s->kind == UP;
    dnnl_dims_t strides = {s->stride, s->stride}, before, after;
    padding(s->big.h, s->small.h, s->kernel, s->stride, &before[0], &after[0]);
    padding(s->big.w, s->small.w, s->kernel, s->stride, &before[1], &after[1]);
    dnnl_memory_desc_t big = any_layout(&b->layouts[up ? OUTPUT : INPUT]),
                       weights = any_layout(&b->layouts[WEIGHTS]),
                       small = any_layout(&b->layouts[up ? INPUT : OUTPUT]);
    dnnl_convolution_desc_t operation;
    dnnl_status_t made;
    int roles[OPERANDS], big_role = DNNL_ARG_SRC, weights_role = DNNL_ARG_WEIGHTS,
                         small_role = DNNL_ARG_DIFF_DST;
    if (pass == WEIGHT_GRADIENT) {
        weights_role = DNNL_ARG_DIFF_WEIGHTS;
        made = dnnl_convolution_backward_weights_desc_init(&operation, algorithm, &big, &weights,
                                                           NULL, &small, strides, before, after);
    } else if (up != (pass == INPUT_GRADIENT)) {
        big_role = DNNL_ARG_DIFF_SRC;
        made = dnnl_convolution_backward_data_desc_init(&operation, algorithm, &big, &weights,
                                                        &small, strides, before, after);
    } else {
        small_role = DNNL_ARG_DST;
        made =
            dnnl_convolution_forward_desc_init(&operation, dnnl_forward_inference, algorithm, &big,
                                               &weights, NULL, &small, strides, before, after);
    }
    if (made != dnnl_success)
        return 0;
    roles[up ? OUTPUT : INPUT] = big_role;
    roles[WEIGHTS] = weights_role;
    roles[up ? INPUT : OUTPUT] = small_role;
    dnnl_primitive_desc_t hint;
    make_hint(b, algorithm, (dnnl_memory_desc_t[]){big, weights, small}, strides, before, after,
              &hint);
    int result = try_operation(b, pass, "", &operation, hint, roles, b->layouts);
    dnnl_primitive_desc_destroy(hint);
    return result;
}

/* In layouts as they are, or with those that oneDNN likes best. */
static int try_product(bench *b, enum pass pass, bool any)
{
    product p = bench_product(b->shape, pass);
    dnnl_memory_desc_t layouts[OPERANDS], wanted[OPERANDS];
    dnnl_matmul_desc_t operation;
    int roles[OPERANDS];
    if (describe_matrices(b, p.left, p.transpose_left, &layouts[p.left]) ||
        describe_matrices(b, p.right, p.transpose_right, &layouts[p.right]) ||
        describe_matrices(b, p.out, false, &layouts[p.out]))
        return -1;
    for (int i = 0; i < OPERANDS; i++)
        wanted[i] = any ? any_layout(&layouts[i]) : layouts[i];
    roles[p.left] = DNNL_ARG_SRC;
    roles[p.right] = DNNL_ARG_WEIGHTS;
    roles[p.out] = DNNL_ARG_DST;
    if (dnnl_matmul_desc_init(&operation, &wanted[p.left], &wanted[p.right], NULL,
                              &wanted[p.out]) != dnnl_success)
        return 0;
    return try_operation(b, pass, any ? "matmul in own layouts, " : "matmul, ", &operation, NULL,
                         roles, layouts);
}

static int try_sgemm(bench *b, enum pass pass)
{
    way w = {.name = "OpenBLAS sgemm"};
    return compete(b, pass, &w);
}

static int find_best(bench *b, enum pass pass)
{
    size_t count = is_convolution(b->shape) ? sizeof algorithms / sizeof *algorithms : 0;
    for (size_t i = 0; i < count; i++)
        if (try_convolution(b, pass, algorithms[i]))
            return -1;
    if (!count && try_sgemm(b, pass))
        return -1;
    if (!count && !b->only_openblas && (try_product(b, pass, false) || try_product(b, pass, true)))
        return -1;
    return *b->best[pass].name ? 0 : fail(STATUS_RUNTIME, "oneDNN cannot compute this");
}

/* ---- worker ---- */

static int fill(bench *b, enum operand_name name)
{
    size_t count = b->shape->operands[name].count;
    if (!(b->operands[name] = allocate(count, sizeof(float))) ||
        !(b->results[name] = allocate(count, sizeof(float))))
        return -1;
    for (size_t i = 0; i < count; i++)
        b->operands[name][i] = bench_value(name, i);
    return is_convolution(b->shape) ? 0 : describe_matrices(b, name, false, &b->layouts[name]);
}

static int open_shape(void *context, const bench_shape *s)
{
    bench *b = context;
    for (int i = 0; i < PASSES; i++)
        release_way(&b->best[i]);
    for (int i = 0; i < OPERANDS; i++) {
        free(b->operands[i]);
        free(b->results[i]);
        b->operands[i] = b->results[i] = NULL;
    }
    b->shape = s;
    for (int i = 0; s && i < OPERANDS; i++)
        if (fill(b, i))
            return -1;
    if (s && is_convolution(s) && describe_convolution(b))
        return -1;
    for (int i = 0; s && i < PASSES; i++)
        if (find_best(b, i))
            return -1;
    return 0;
}

static int run_passes(void *context, enum pass pass, long steps)
{
    bench *b = context;
    if (pass == PACK)
        return fail(STATUS_USAGE, "pack is for bench_layers");
    for (long i = 0; i < steps; i++)
        if (pass == PEAK ? run_peak(b) : run_way(b, &b->best[pass], pass))
            return -1;
    return DNNL_CALL(dnnl_stream_wait(b->stream));
}

static int read_result(void *context, enum pass pass, float *values)
{
    bench *b = context;
    enum operand_name name = bench_result(pass);
    const way *w = &b->best[pass];
    if (w->primitive)
        return exchange(b, values, &b->layouts[name], w->memories[name], true);
    memcpy(values, b->results[name], b->shape->operands[name].count * sizeof *values);
    return 0;
}

static const char *chosen(void *context, enum pass pass)
{
    return ((bench *)context)->best[pass].name;
}

int main(int argc, char **argv)
{
    bench b = {.only_openblas = argc > 1 && !strcmp(argv[1], "--openblas")};
    char about[256];
    const dnnl_version_t *version = dnnl_version();
    if (argc < 2 + b.only_openblas) {
        fprintf(stderr, "usage: bench_onednn [--openblas] SHAPE...\n");
        return STATUS_USAGE;
    }
    snprintf(about, sizeof about,
             "\"onednn\": \"%d.%d.%d\", \"openblas\": \"%.20s for %.40s\", \"threads\": %d",
             version->major, version->minor, version->patch, openblas_get_config(),
             openblas_get_corename(), openblas_get_num_threads());
    worker w = {about, open_shape, run_passes, read_result, chosen};
    int result = DNNL_CALL(dnnl_engine_create(&b.engine, dnnl_cpu, 0)) ||
                 DNNL_CALL(dnnl_stream_create(&b.stream, b.engine, dnnl_stream_default_flags)) ||
                 bench_serve(&w, &b, (const char *const *)argv + 1 + b.only_openblas,
                             (size_t)(argc - 1 - b.only_openblas));
    if (result)
        fprintf(stderr, "bench_onednn: %s\n", error_message());
    free(b.square);
    dnnl_stream_destroy(b.stream);
    dnnl_engine_destroy(b.engine);
    return result ? (int)error_status() : 0;
}
