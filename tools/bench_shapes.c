#include "bench_shapes.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { NUMBERS_MAX = 7, SAMPLES = 200 };

static const struct {
    const char *name;
    int numbers;
} kinds[] = {[CONV] = {"conv", 7},
             [UP] = {"up", 7},
             [DENSE] = {"dense", 3},
             [SCORES] = {"scores", 4},
             [VALUES] = {"values", 4}};

static const char *const pass_names[] = {"forward", "input_gradient", "weight_gradient", "pack",
                                         "peak"};

static void set_convolution(bench_shape *s, const int n[])
{
    bool up = s->kind == UP;
    int stride = n[6];
    shape in = {n[0], n[1], n[2], n[3]};
    shape out =
        up ? (shape){n[0], n[1] * stride, n[2] * stride, n[4]}
           : (shape){n[0], (n[1] + stride - 1) / stride, (n[2] + stride - 1) / stride, n[4]};
    s->big = up ? out : in;
    s->small = up ? in : out;
    s->kernel = n[5];
    s->stride = stride;
    s->operands[INPUT].count = shape_count(in);
    s->operands[OUTPUT].count = shape_count(out);
    s->operands[WEIGHTS].count = (size_t)n[5] * n[5] * n[3] * n[4];
    s->flops = 2.0 * (double)shape_count(s->small) * n[5] * n[5] * s->big.c;
}

static operand matrices(const bench_shape *s, int rows, int columns)
{
    return (operand){.count = (size_t)s->outer * s->inner * rows * columns,
                     .rows = rows,
                     .columns = columns,
                     .row_stride = columns,
                     .outer_stride = s->inner * rows * columns,
                     .inner_stride = rows * columns};
}

/* The heads' matrices of tokens x d lie side by side in the channels. */
static operand heads(const bench_shape *s, int tokens, int d)
{
    operand o = matrices(s, tokens, d);
    o.row_stride = s->inner * d;
    o.inner_stride = d;
    return o;
}

static void set_products(bench_shape *s, const int n[])
{
    operand *o = s->operands;
    s->outer = s->kind == DENSE ? 1 : n[0];
    s->inner = s->kind == DENSE ? 1 : n[1];
    s->transposed = s->kind == SCORES;
    if (s->kind == DENSE) {
        o[INPUT] = matrices(s, n[0], n[2]);
        o[WEIGHTS] = matrices(s, n[2], n[1]);
        o[OUTPUT] = matrices(s, n[0], n[1]);
    } else {
        operand tokens = heads(s, n[2], n[3]), weights = matrices(s, n[2], n[2]);
        o[INPUT] = s->transposed ? tokens : weights;
        o[WEIGHTS] = tokens;
        o[OUTPUT] = s->transposed ? weights : tokens;
    }
    product p = bench_product(s, FORWARD);
    s->flops = 2.0 * s->outer * s->inner * p.m * p.n * p.k;
}

int bench_shape_parse(bench_shape *s, const char *text)
{
    int numbers[NUMBERS_MAX], count = 0;
    size_t length = strcspn(text, ":"), kind = 0, known = sizeof kinds / sizeof *kinds;
    const char *rest = text + length;
    while (kind < known &&
           (strlen(kinds[kind].name) != length || strncmp(kinds[kind].name, text, length)))
        kind++;
    /* a separator, then a number, as long as there are both */
    while (*rest && count < NUMBERS_MAX) {
        char *end;
        long number = strtol(rest + 1, &end, 10);
        if (end == rest + 1 || (*end && *end != ',') || number < 1 || number > 1 << 24)
            break;
        numbers[count++] = (int)number;
        rest = end;
    }
    if (kind == known || *rest || count != kinds[kind].numbers)
        return fail(STATUS_USAGE, "%s: no shape; tools/bench_shapes.h says what is one", text);
    *s = (bench_shape){.text = text, .kind = (enum shape_kind)kind};
    if (is_convolution(s))
        set_convolution(s, numbers);
    else
        set_products(s, numbers);
    return 0;
}

product bench_product(const bench_shape *s, enum pass pass)
{
    product p = {.left = INPUT, .right = WEIGHTS, .transpose_right = s->transposed, .out = OUTPUT};
    if (pass == INPUT_GRADIENT)
        p = (product){
            .left = OUTPUT, .right = WEIGHTS, .transpose_right = !s->transposed, .out = INPUT};
    if (pass == WEIGHT_GRADIENT)
        p = (product){.left = s->transposed ? OUTPUT : INPUT,
                      .transpose_left = true,
                      .right = s->transposed ? INPUT : OUTPUT,
                      .out = WEIGHTS};
    const operand *left = &s->operands[p.left], *out = &s->operands[p.out];
    p.m = out->rows;
    p.n = out->columns;
    p.k = p.transpose_left ? left->rows : left->columns;
    return p;
}

enum operand_name bench_result(enum pass pass)
{
    return pass == FORWARD ? OUTPUT : pass == INPUT_GRADIENT ? INPUT : WEIGHTS;
}

float bench_value(enum operand_name name, size_t i)
{
    /* mixed as MurmurHash3 ends, so that operands have nothing in common */
    uint32_t mixed = (uint32_t)i * OPERANDS + (uint32_t)name;
    mixed = (mixed ^ mixed >> 16) * 0x85ebca6bu;
    mixed = (mixed ^ mixed >> 13) * 0xc2b2ae35u;
    mixed ^= mixed >> 16;
    return (float)((int)(mixed % 17) - 8) / 8;
}

/* ---- protocol ---- */

typedef struct service {
    const worker *worker;
    void *context;
    bench_shape *shapes;
    size_t count, open; /* open: number of the shape, count for none */
} service;

static int open_shape(service *s, size_t index)
{
    if (index >= s->count)
        return fail(STATUS_USAGE, "there is no shape %zu", index);
    if (index == s->open)
        return 0;
    s->open = index;
    return s->worker->open(s->context, &s->shapes[index]) ? fail_while("%s", s->shapes[index].text)
                                                          : 0;
}

static int pass_named(const char *name, enum pass *pass)
{
    for (size_t i = 0; i < sizeof pass_names / sizeof *pass_names; i++)
        if (!strcmp(name, pass_names[i])) {
            *pass = (enum pass)i;
            return 0;
        }
    return fail(STATUS_USAGE, "%s: no pass", name);
}

static double cpu_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int run_for(const service *s, enum pass pass, double at_least, double *seconds)
{
    double begun = clock_seconds();
    do {
        if (s->worker->run(s->context, pass, 1))
            return -1;
        *seconds = clock_seconds() - begun;
    } while (*seconds < at_least);
    return 0;
}

/* Cores kept busy: the most of some tries, since threads that just woke may share one for a while. */
static int measure_cores(const service *s, enum pass pass, double *cores)
{
    enum { TRIES = 4 };
    *cores = 0;
    for (int i = 0; i < TRIES; i++) {
        double seconds, begun = cpu_seconds();
        if (run_for(s, pass, 0.03, &seconds))
            return -1;
        *cores = fmax(*cores, (cpu_seconds() - begun) / seconds);
    }
    return 0;
}

/* JSON has no numbers for what is not finite. */
static void print_number(const char *before, double value)
{
    printf("%s", before);
    if (isfinite(value))
        printf("%.9g", value);
    else
        printf("null");
}

static int check(const service *s, enum pass pass)
{
    if (pass >= PASSES)
        return fail(STATUS_USAGE, "only passes with a result can be checked");
    size_t count = s->shapes[s->open].operands[bench_result(pass)].count;
    float *values = allocate(count, sizeof *values);
    double cores, sum = 0;
    int result =
        !values || measure_cores(s, pass, &cores) || s->worker->read(s->context, pass, values) ? -1
                                                                                               : 0;
    for (size_t i = 0; !result && i < count; i++)
        sum += fabsf(values[i]);
    if (!result) {
        printf("{\"chosen\": \"%s\", \"cores\": %.2f", s->worker->chosen(s->context, pass), cores);
        print_number(", \"sum\": ", sum);
        printf(", \"samples\": [");
        for (size_t i = 0; i < SAMPLES; i++)
            print_number(i ? ", " : "", values[i * 2654435761u % count]);
        printf("]}\n");
    }
    free(values);
    return result;
}

static int time_runs(const service *s, enum pass pass, long steps)
{
    double begun = clock_seconds();
    if (s->worker->run(s->context, pass, steps))
        return -1;
    printf("%.9f\n", clock_seconds() - begun);
    return 0;
}

static int answer(service *s)
{
    char word[24];
    while (scanf("%23s", word) == 1 && strcmp(word, "quit")) {
        bool checking = !strcmp(word, "check");
        size_t index;
        long steps = 1;
        enum pass pass = FORWARD;
        if ((checking && scanf("%23s", word) != 1) || scanf("%zu", &index) != 1 ||
            (!checking && (scanf("%ld", &steps) != 1 || steps < 1)))
            return fail(STATUS_USAGE, "\"check PASS I\", \"PASS I K\" or \"quit\" is expected");
        if (pass_named(word, &pass) || open_shape(s, index) ||
            (checking ? check(s, pass) : time_runs(s, pass, steps)))
            return -1;
        fflush(stdout);
    }
    return 0;
}

int bench_serve(const worker *w, void *context, const char *const *texts, size_t count)
{
    service s = {.worker = w, .context = context, .count = count, .open = count};
    int result = (s.shapes = allocate(count, sizeof *s.shapes)) ? 0 : -1;
    for (size_t i = 0; !result && i < count; i++)
        result = bench_shape_parse(&s.shapes[i], texts[i]);
    if (!result) {
        printf("{%s, \"flops\": [", w->about);
        for (size_t i = 0; i < count; i++)
            printf("%s%.0f", i ? ", " : "", s.shapes[i].flops);
        printf("]}\n");
        fflush(stdout);
        result = answer(&s);
    }
    w->open(context, NULL);
    free(s.shapes);
    return result;
}
