/*
 * Our side of `tools/bench --layers`: runs single convolutions and matrix products with the kernels
 * that the layers use, in the protocol of bench_shapes.h. Weights are packed beforehand, as they are
 * between two steps of inference; "pack" times that. Biases are left out.
 *
 *     build/tools/bench_layers SHAPE...
 *     build/tools/bench_layers --list configs/unet-small.ini [section.key=value ...]
 *
 * --list prints a line for each distinct shape of a config's network: the shape, how many layers
 * have it, the first one's name.
 */
#include "base/error.h"
#include "base/memory.h"
#include "bench_shapes.h"
#include "compute/gemm.h"
#include "compute/open_device.h"
#include "layers/convolution.h"
#include "layers/layers.h"
#include "models/network.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct bench {
    device *device;
    const bench_shape *shape;
    cl_mem operands[OPERANDS], results[OPERANDS];
    convolution convolution;
    cl_mem packed[PASSES], partial; /* packed: of forward and input gradient */
} bench;

/* ---- convolutions: all that knows layers/convolution.h ---- */

static bool is_adjoint(const bench *b, enum pass pass)
{
    return (b->shape->kind == UP) != (pass == INPUT_GRADIENT);
}

static const direction *direction_of(const bench *b, enum pass pass)
{
    return is_adjoint(b, pass) ? &b->convolution.adjoint : &b->convolution.forward;
}

static int pack(bench *b)
{
    for (int pass = FORWARD; pass <= INPUT_GRADIENT; pass++)
        if (convolution_pack(direction_of(b, pass), b->device, b->operands[WEIGHTS],
                             b->packed[pass]))
            return -1;
    return 0;
}

static int open_convolution(bench *b)
{
    convolution *c = &b->convolution;
    const bench_shape *s = b->shape;
    *c = (convolution){0};
    if (convolution_shape(c, s->big, s->small.c, s->kernel, s->stride) ||
        convolution_prepare(c, b->device,
                            CONVOLUTION_FORWARD | CONVOLUTION_ADJOINT | CONVOLUTION_GRADIENT))
        return -1;
    for (int pass = FORWARD; pass <= INPUT_GRADIENT; pass++)
        if (buffer_new(b->device,
                       convolution_packed_floats(c, b->device, is_adjoint(b, pass)) * sizeof(float),
                       "packed weights", &b->packed[pass]))
            return -1;
    return buffer_new(b->device, convolution_partial_floats(c, b->device) * sizeof(float),
                      "partial sums", &b->partial) ||
                   pack(b)
               ? -1
               : 0;
}

static int run_convolution(bench *b, enum pass pass)
{
    const convolution *c = &b->convolution;
    bool up = b->shape->kind == UP;
    if (pass == WEIGHT_GRADIENT)
        return convolution_weight_gradient(c, b->device,
                                           view_of(b->operands[up ? OUTPUT : INPUT], c->x.c),
                                           view_of(b->operands[up ? INPUT : OUTPUT], c->y.c), NULL,
                                           b->results[WEIGHTS], NULL, b->partial);
    const direction *dir = direction_of(b, pass);
    return convolution_run(dir, b->device,
                           view_of(b->operands[pass == FORWARD ? INPUT : OUTPUT], dir->in.c),
                           b->operands[WEIGHTS], b->packed[pass], NULL,
                           sink_of(b->results[bench_result(pass)], dir->out.c, false));
}

/* ---- products ---- */

static matrix matrix_of(const bench *b, enum operand_name name, cl_mem buffer)
{
    const operand *o = &b->shape->operands[name];
    return (matrix){.buffer = buffer,
                    .row_stride = o->row_stride,
                    .outer_stride = o->outer_stride,
                    .inner_stride = o->inner_stride};
}

static int run_product(bench *b, enum pass pass)
{
    const bench_shape *s = b->shape;
    product p = bench_product(s, pass);
    gemm_shape shape = {.m = p.m,
                        .n = p.n,
                        .k = p.k,
                        .outer = s->outer,
                        .inner = s->inner,
                        .transpose_a = p.transpose_left,
                        .transpose_b = p.transpose_right};
    return gemm(b->device, &shape, 1, matrix_of(b, p.left, b->operands[p.left]),
                matrix_of(b, p.right, b->operands[p.right]), 0,
                matrix_of(b, p.out, b->results[p.out]));
}

/* ---- worker ---- */

static int fill(bench *b, enum operand_name name)
{
    size_t count = b->shape->operands[name].count, bytes = count * sizeof(float);
    float *values = allocate(count, sizeof *values);
    for (size_t i = 0; values && i < count; i++)
        values[i] = bench_value(name, i);
    int result = !values || buffer_new(b->device, bytes, "operand", &b->operands[name]) ||
                         buffer_new(b->device, bytes, "result", &b->results[name]) ||
                         buffer_write(b->device, b->operands[name], 0, values, bytes)
                     ? -1
                     : 0;
    free(values);
    return result;
}

static int open_shape(void *context, const bench_shape *s)
{
    bench *b = context;
    for (int i = 0; i < OPERANDS; i++) {
        buffer_free(b->device, &b->operands[i]);
        buffer_free(b->device, &b->results[i]);
    }
    for (int i = 0; i < PASSES; i++)
        buffer_free(b->device, &b->packed[i]);
    buffer_free(b->device, &b->partial);
    convolution_release(&b->convolution);
    b->shape = s;
    for (int i = 0; s && i < OPERANDS; i++)
        if (fill(b, i))
            return -1;
    return s && is_convolution(s) ? open_convolution(b) : 0;
}

static int run_passes(void *context, enum pass pass, long steps)
{
    bench *b = context;
    bool convolves = is_convolution(b->shape);
    if (pass == PEAK)
        return fail(STATUS_USAGE, "peak is for bench_onednn");
    if (pass == PACK && !convolves)
        return 0;
    for (long i = 0; i < steps; i++)
        if (pass == PACK ? pack(b) : convolves ? run_convolution(b, pass) : run_product(b, pass))
            return -1;
    return device_finish(b->device);
}

static int read_result(void *context, enum pass pass, float *values)
{
    bench *b = context;
    enum operand_name name = bench_result(pass);
    return buffer_read(b->device, b->results[name], 0, values,
                       b->shape->operands[name].count * sizeof(float));
}

static const char *chosen(void *context, enum pass pass)
{
    (void)context;
    (void)pass;
    return "unblend";
}

static int serve(const char *const *texts, size_t count)
{
    bench b = {0};
    char about[320];
    if (device_open_tuned(&b.device, (device_choice){0}))
        return -1;
    snprintf(about, sizeof about, "\"device\": \"%s\", \"driver\": \"%s\"", b.device->info.name,
             b.device->info.driver);
    worker w = {about, open_shape, run_passes, read_result, chosen};
    int result = bench_serve(&w, &b, texts, count);
    device_close(b.device);
    return result;
}

/* ---- list ---- */

enum { SHAPES_OF_LAYER = 2, WORD = 80 };

/* The shapes of a layer, as words; returns their number. */
static int words_of(const layer *l, char words[SHAPES_OF_LAYER][WORD])
{
    shape x = l->inputs[0]->shape, y = l->output->shape;
    if (l->type == &conv2d_layer) {
        const struct conv2d_options *o = l->options;
        snprintf(words[0], WORD, "conv:%d,%d,%d,%d,%d,%d,%d", x.n, x.h, x.w, x.c, y.c, o->kernel,
                 o->stride);
        return 1;
    }
    if (l->type == &conv2d_transpose_layer) {
        snprintf(words[0], WORD, "up:%d,%d,%d,%d,%d,3,2", x.n, x.h, x.w, x.c, y.c);
        return 1;
    }
    if (l->type == &dense_layer) {
        snprintf(words[0], WORD, "dense:%d,%d,%d", x.n * x.h * x.w, y.c, x.c);
        return 1;
    }
    if (l->type == &attention_layer) {
        int n = ((const struct attention_options *)l->options)->heads;
        snprintf(words[0], WORD, "scores:%d,%d,%d,%d", x.n, n, x.h * x.w, x.c / n);
        snprintf(words[1], WORD, "values:%d,%d,%d,%d", x.n, n, x.h * x.w, x.c / n);
        return 2;
    }
    return 0;
}

static bool has(const layer *l, const char *word)
{
    char words[SHAPES_OF_LAYER][WORD];
    for (int count = words_of(l, words); count-- > 0;)
        if (!strcmp(words[count], word))
            return true;
    return false;
}

static void list_layers(const graph *g)
{
    char words[SHAPES_OF_LAYER][WORD];
    for (size_t i = 0; i < g->layer_count; i++) {
        int shapes = words_of(g->layers[i], words);
        for (int j = 0; j < shapes; j++) {
            int before = 0, layers = 0;
            for (size_t other = 0; other < g->layer_count; other++) {
                bool same = has(g->layers[other], words[j]);
                layers += same;
                before += same && other < i;
            }
            if (!before)
                printf("%s %d %s\n", words[j], layers, g->layers[i]->name);
        }
    }
}

/* On paper: no device is needed. */
static int list(const char *config, const char *const *overrides, size_t count)
{
    settings *s = NULL;
    params *p = NULL;
    network *n = NULL;
    int result = settings_load(&s, config, overrides, count) || params_new(&p, NULL) ||
                         network_new(&n, p, s, s->train.batch, NETWORK_INFER)
                     ? -1
                     : 0;
    if (!result)
        list_layers(n->graph);
    network_free(n);
    params_free(p);
    settings_free(s);
    return result;
}

int main(int argc, char **argv)
{
    const char *const *words = (const char *const *)argv;
    bool listing = argc > 1 && !strcmp(argv[1], "--list");
    if (argc < 2 + listing) {
        fprintf(stderr, "usage: bench_layers SHAPE...\n"
                        "       bench_layers --list CONFIG.ini [section.key=value ...]\n");
        return STATUS_USAGE;
    }
    int result =
        listing ? list(words[2], words + 3, (size_t)argc - 3) : serve(words + 1, (size_t)argc - 1);
    if (result)
        fprintf(stderr, "bench_layers: %s\n", error_message());
    return result ? (int)error_status() : 0;
}
