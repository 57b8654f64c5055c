/* The layers of the UNet-Transformer, as test_layers.c does it; the masks of dropout, and blocks as
 * the model has them with shared buffers. */
#include "base/memory.h"
#include "layer_cases.h"
#include "nn/plan.h"
#include <math.h>

/* One pixel, one channel; channels that fill no lane, one lane and parts of the next, many lanes. */
static const shape images[] = {{1, 2, 3, 3},  {3, 3, 1, 5},   {2, 1, 1, 1},   {3, 5, 7, 17},
                               {1, 7, 11, 1}, {2, 13, 9, 33}, {2, 16, 8, 64}, {3, 4, 4, 192}};

static void check_images(void **state, const layer_type *type, const void *options, int inputs)
{
    for (size_t i = 0; i < limited(COUNT(images)); i++) {
        layer_case c = {type, options, {images[i], images[i]}, inputs, false};
        check(state, &c);
    }
}

static void layer_norm_matches(void **state)
{
    check_images(state, &layer_norm_layer, NULL, 1);
}

static void position_embedding_matches(void **state)
{
    static const struct position_embedding_options trained = {false}, fixed = {true};
    check_images(state, &position_embedding_layer, &trained, 1);
    check_images(state, &position_embedding_layer, &fixed, 1);
}

static void dropout_matches(void **state)
{
    static const struct dropout_options none = {0}, some = {0.1}, most = {0.9};
    check_images(state, &dropout_layer, &none, 1);
    check_images(state, &dropout_layer, &some, 1);
    check_images(state, &dropout_layer, &most, 1);
    check(state, &(layer_case){&dropout_layer, &some, {images[1]}, 1, true});
}

static void add_matches(void **state)
{
    check_images(state, &add_layer, NULL, 2);
}

static void gate_matches(void **state)
{
    for (size_t i = 0; i < limited(COUNT(images)); i++) {
        shape x = images[i];
        x.c *= 2;
        check(state, &(layer_case){&gate_layer, NULL, {x}, 1, false});
    }
}

static void pools_match(void **state)
{
    check_images(state, &global_pool_layer, NULL, 1);
    check_images(state, &sum_pixels_layer, NULL, 1);
    check_images(state, &channel_pool_layer, NULL, 1);
}

static void scales_match(void **state)
{
    for (size_t i = 0; i < limited(COUNT(images)); i++) {
        shape x = images[i], channels = {x.n, 1, 1, x.c}, pixels = {x.n, x.h, x.w, 1};
        check(state, &(layer_case){&scale_channels_layer, NULL, {x, channels}, 2, false});
        check(state, &(layer_case){&scale_pixels_layer, NULL, {x, pixels}, 2, false});
    }
}

/* Gray and colour, 2 to 4 sources, equal weights and others. */
static void consistent_matches(void **state)
{
    static const struct consistent_options mixtures[] = {{2, {0.5f, 0.5f}},
                                                         {2, {0.3f, 0.9f}},
                                                         {3, {0.2f, 0.5f, 0.3f}},
                                                         {4, {0.25f, 0.25f, 0.25f, 0.25f}}};
    for (size_t i = 0; i < limited(COUNT(mixtures)); i++)
        for (int c = 1; c <= 3; c += 2) {
            shape x = {2, 5, 7, c}, z = {2, 5, 7, mixtures[i].sources * c};
            check(state, &(layer_case){&consistent_layer, &mixtures[i], {z, x}, 2, false});
        }
}

static void conv2d_without_bias_matches(void **state)
{
    static const struct {
        shape x;
        int filters, kernel;
    } cases[] = {{{1, 3, 4, 2}, 1, 3}, {{2, 9, 11, 2}, 1, 7}, {{3, 5, 3, 17}, 33, 3}};
    for (size_t i = 0; i < limited(COUNT(cases)); i++) {
        struct conv2d_options options = {cases[i].filters, cases[i].kernel, 1,
                                         CONV2D_NO_BIAS | CONV2D_HE_NORMAL};
        check(state, &(layer_case){&conv2d_layer, &options, {cases[i].x}, 1, false});
    }
}

static void must(int result)
{
    if (result)
        fail_msg("%s", error_message());
}

/* ---- A graph between an input x and a loss ---- */

typedef struct bench {
    params *params;
    graph *graph;
    tensor *x, *y, *truth;
    plan *plan;
} bench;

typedef tensor *builder(graph *g, tensor *x);

static bench bench_open(device *d, builder *build, shape s, struct plan_options options)
{
    bench b = {0};
    options.training = true;
    must(params_new(&b.params, d));
    must(graph_new(&b.graph, b.params));
    b.x = graph_input(b.graph, "x", s);
    b.y = build(b.graph, b.x);
    b.truth = b.y ? graph_input(b.graph, "truth", b.y->shape) : NULL;
    if (!mse(b.graph, "loss", b.y, b.truth, 1, NULL))
        fail_msg("%s", error_message());
    b.y->is_output = true;
    must(params_allocate(b.params, true));
    must(params_initialize(b.params, 1));
    must(plan_new(&b.plan, b.graph, options));
    must(plan_prepare(b.plan, d));
    return b;
}

static void bench_close(bench *b)
{
    plan_free(b->plan);
    graph_free(b->graph);
    params_free(b->params);
}

static float *read_values(device *d, cl_mem buffer, size_t count)
{
    float *values = allocate(count, sizeof *values);
    assert_non_null(values);
    must(buffer_read(d, buffer, 0, values, count * sizeof *values));
    return values;
}

static void write_waves(device *d, const tensor *t, double frequency)
{
    size_t count = shape_count(t->shape);
    float *values = allocate(count, sizeof *values);
    assert_non_null(values);
    for (size_t i = 0; i < count; i++)
        values[i] = (float)sin(frequency * (double)i);
    must(buffer_write(d, t->data, 0, values, count * sizeof *values));
    free(values);
}

static void run_step(device *d, bench *b, uint64_t seed, uint64_t number)
{
    write_waves(d, b->x, 0.7);
    write_waves(d, b->truth, 0.3);
    must(plan_train(b->plan, (struct training_step){seed, number, KERAS_NORM_MOMENTUM}));
}

static void run_bench(device *d, bench *b)
{
    run_step(d, b, 0, 0);
}

static void assert_same_bits(device *d, cl_mem left, cl_mem right, size_t count, const char *name)
{
    float *a = read_values(d, left, count), *b = read_values(d, right, count);
    double largest = 0;
    for (size_t i = 0; i < count; i++)
        largest = fabs(a[i]) > largest || isnan(a[i]) ? fabs(a[i]) : largest;
    if (memcmp(a, b, count * sizeof *a) || !(largest > 0))
        fail_msg("%s differs between shared and separate buffers, or is NaN or 0", name);
    free(a);
    free(b);
}

/* As the encoder of the bottleneck, with a 1x1 convolution for what is dense there. */
static tensor *build_transformer(graph *g, tensor *x)
{
    tensor *t = conv2d(g, "embed", x, 12, 1, 1);
    t = position_embedding(g, "position", t, true);
    tensor *branch = conv2d(g, "attention", layer_norm(g, "norm1", t), 12, 1, 1);
    t = add(g, "sum1", dropout(g, "drop1", branch, 0.1), t);
    branch = conv2d(g, "ffn1", layer_norm(g, "norm2", t), 20, 1, 1);
    branch = conv2d(g, "ffn2", activation(g, "relu", branch, ACT_RELU), 12, 1, 1);
    return add(g, "sum2", dropout(g, "drop2", branch, 0.1), t);
}

static tensor *build_cbam(graph *g, tensor *x)
{
    x = conv2d(g, "conv", x, 20, 3, 1);
    tensor *v = conv2d(g, "mlp1", global_pool(g, "pool", x), 4, 1, 1);
    v = conv2d(g, "mlp2", activation(g, "relu", v, ACT_RELU), 20, 1, 1);
    v = activation(g, "channels", sum_pixels(g, "both", v), ACT_SIGMOID);
    x = scale_channels(g, "channel_attention", x, v);
    tensor *m = conv2d_plain(g, "spatial", channel_pool(g, "summary", x), 1, 7);
    return scale_pixels(g, "spatial_attention", x, activation(g, "pixels", m, ACT_SIGMOID));
}

/* In-place layers and reused buffers give the bits that buffers of their own, full of NaN, give. */
static void sharing_changes_nothing(device *d, builder *build)
{
    shape s = {2, 5, 6, 3};
    bench shared = bench_open(d, build, s, (struct plan_options){.training = true});
    bench separate = bench_open(d, build, s, (struct plan_options){.separate = true});
    assert_true(shared.plan->planned_bytes < separate.plan->planned_bytes);
    run_bench(d, &shared);
    run_bench(d, &separate);
    assert_same_bits(d, shared.y->data, separate.y->data, shape_count(shared.y->shape), "output");
    for (size_t i = 0; i < shared.params->count; i++)
        assert_same_bits(d, shared.params->items[i]->gradient, separate.params->items[i]->gradient,
                         shared.params->items[i]->count, shared.params->items[i]->name);
    bench_close(&shared);
    bench_close(&separate);
}

static void blocks_run_in_shared_buffers(void **state)
{
    if (getenv("UNBLEND_TEST_SHAPES"))
        skip(); /* about plans rather than kernels: too much for a simulation */
    sharing_changes_nothing(*state, build_transformer);
    sharing_changes_nothing(*state, build_cbam);
}

/* ---- Gradients by one input of two ---- */

static tensor *build_constant_factors(graph *g, tensor *x)
{
    tensor *y = conv2d(g, "conv", x, 3, 1, 1);
    tensor *channels = graph_input(g, "channels", (shape){x->shape.n, 1, 1, 3});
    tensor *pixels = graph_input(g, "pixels", (shape){x->shape.n, x->shape.h, x->shape.w, 1});
    return scale_pixels(g, "by_pixels", scale_channels(g, "by_channels", y, channels), pixels);
}

static tensor *build_constant_images(graph *g, tensor *x)
{
    tensor *channels = sum_pixels(g, "sum", conv2d(g, "conv", x, 3, 1, 1));
    tensor *pixels = conv2d(g, "pixels", x, 1, 1, 1);
    tensor *image = graph_input(g, "image", (shape){x->shape.n, x->shape.h, x->shape.w, 3});
    return add(g, "both", scale_channels(g, "by_channels", image, channels),
               scale_pixels(g, "by_pixels", image, pixels));
}

/* The plan leaves out what no parameter stands before; what is left must not change by that. */
static void unwanted_gradients_change_nothing(void **state)
{
    static builder *const builders[] = {build_constant_factors, build_constant_images};
    static const char *const constants[] = {"channels", "pixels", "image"};
    device *d = *state;
    for (size_t k = 0; k < COUNT(builders); k++) {
        bench both[2];
        for (int all = 0; all < 2; all++) {
            both[all] = bench_open(d, builders[k], (shape){2, 3, 4, 5},
                                   (struct plan_options){.separate = true, .all_gradients = all});
            for (size_t i = 0; i < COUNT(constants); i++) {
                const tensor *t = graph_find(both[all].graph, constants[i]);
                if (t && !t->producer)
                    write_waves(d, t, 0.9);
            }
            run_bench(d, &both[all]);
        }
        for (size_t i = 0; i < both[0].params->count; i++)
            assert_same_bits(d, both[0].params->items[i]->gradient,
                             both[1].params->items[i]->gradient, both[0].params->items[i]->count,
                             both[0].params->items[i]->name);
        bench_close(&both[0]);
        bench_close(&both[1]);
    }
}

/* ---- Dropout's masks ---- */

static const double rate = 0.3;

static tensor *build_dropout(graph *g, tensor *x)
{
    return dropout(g, "second", dropout(g, "first", x, 0), rate);
}

/* Runs a step and tells which values were kept; the gradient must have been kept likewise. */
static bool *mask_of_step(device *d, bench *b, uint64_t seed, uint64_t step)
{
    size_t count = shape_count(b->x->shape);
    bool *kept = allocate(count, sizeof *kept);
    run_step(d, b, seed, step);
    float *x = read_values(d, b->x->data, count), *y = read_values(d, b->y->data, count);
    float *dx = read_values(d, b->x->gradient, count), *dy = read_values(d, b->y->gradient, count);
    for (size_t i = 1; kept && i < count; i++) {
        kept[i] = y[i] != 0;
        assert_float_equal(y[i], kept[i] ? x[i] / (1 - rate) : 0, 1e-6);
        assert_float_equal(dx[i], kept[i] ? dy[i] / (1 - rate) : 0, 1e-6);
    }
    free(x);
    free(y);
    free(dx);
    free(dy);
    assert_non_null(kept);
    return kept;
}

static size_t count_differences(const bool *a, const bool *b, size_t count)
{
    size_t differences = 0;
    for (size_t i = 1; i < count; i++)
        differences += a[i] != b[i];
    return differences;
}

/* Masks that have nothing to do with each other differ in 2 * rate * (1 - rate) of the places. */
static void assert_unrelated(const bool *a, const bool *b, size_t count)
{
    double share = (double)count_differences(a, b, count) / (double)count;
    assert_true(fabs(share - 2 * rate * (1 - rate)) < 0.02);
}

static void dropout_draws_masks(void **state)
{
    device *d = *state;
    shape s = {2, 16, 16, 9};
    size_t count = shape_count(s), kept = 0;
    if (simulated_shapes()) /* statistics need many values; the kernel has been checked above */
        skip();
    bench b = bench_open(d, build_dropout, s,
                         (struct plan_options){.separate = true, .all_gradients = true});
    bool *mask = mask_of_step(d, &b, 7, 41), *next = mask_of_step(d, &b, 7, 42);
    bool *other = mask_of_step(d, &b, 8, 41), *again = mask_of_step(d, &b, 7, 41);
    for (size_t i = 1; i < count; i++)
        kept += mask[i];
    assert_true(fabs((double)kept / (double)count - (1 - rate)) < 0.02);
    assert_unrelated(mask, next, count);
    assert_unrelated(mask, other, count);
    assert_int_equal(count_differences(mask, again, count), 0);
    free(mask);
    free(next);
    free(other);
    free(again);
    bench_close(&b);
}

static tensor *build_two_dropouts(graph *g, tensor *x)
{
    return dropout(g, "second", dropout(g, "first", x, rate), rate);
}

/* Else the second would drop nothing that the first has left. */
static void each_layer_has_a_mask_of_its_own(void **state)
{
    device *d = *state;
    shape s = {2, 16, 16, 9};
    size_t count = shape_count(s), kept = 0;
    if (simulated_shapes())
        skip();
    bench b = bench_open(d, build_two_dropouts, s,
                         (struct plan_options){.separate = true, .all_gradients = true});
    run_bench(d, &b);
    float *y = read_values(d, b.y->data, count);
    for (size_t i = 1; i < count; i++)
        kept += y[i] != 0;
    assert_true(fabs((double)kept / (double)count - (1 - rate) * (1 - rate)) < 0.02);
    free(y);
    bench_close(&b);
}

static tensor *build_longer_dropout(graph *g, tensor *x)
{
    return build_dropout(g, activation(g, "before", dropout(g, "zeroth", x, 0), ACT_LINEAR));
}

static void masks_follow_from_names(void **state)
{
    device *d = *state;
    shape s = {2, 16, 16, 9};
    if (simulated_shapes())
        skip();
    struct plan_options options = {.separate = true, .all_gradients = true};
    bench plain = bench_open(d, build_dropout, s, options);
    bench longer = bench_open(d, build_longer_dropout, s, options);
    bool *mask = mask_of_step(d, &plain, 7, 41), *behind = mask_of_step(d, &longer, 7, 41);
    assert_int_equal(count_differences(mask, behind, shape_count(s)), 0);
    free(mask);
    free(behind);
    bench_close(&plain);
    bench_close(&longer);
}

static tensor *build_impossible_dropout(graph *g, tensor *x)
{
    return dropout(g, "drop", x, 1);
}

static void impossible_layers_are_refused(void **state)
{
    params *p;
    graph *g;
    must(params_new(&p, *state));
    must(graph_new(&g, p));
    tensor *x = graph_input(g, "x", (shape){2, 3, 4, 5});
    tensor *other = graph_input(g, "other", (shape){2, 3, 4, 1});
    assert_null(build_impossible_dropout(g, x));
    assert_null(add(g, "add", x, other));
    assert_null(gate(g, "gate", x));
    assert_null(scale_channels(g, "channels", x, other));
    assert_null(scale_pixels(g, "pixels", x, x));
    const float weights[] = {0.5f, 0.5f, 0};
    tensor *sources = graph_input(g, "sources", (shape){2, 3, 4, 2});
    assert_non_null(consistent(g, "consistent", sources, other, 2, weights));
    assert_null(consistent(g, "other sources", x, other, 2, weights));
    assert_null(consistent(g, "too few", other, other, 1, weights));
    assert_null(consistent(g, "no weight", graph_input(g, "three", (shape){2, 3, 4, 3}), other, 3,
                           weights));
    assert_non_null(add(g, "twice", x, x));
    assert_null(add(g, "twice", x, x)); /* names tell layers apart */
    graph_free(g);
    params_free(p);
}

/* ---- NaN stays visible ---- */

static void assert_nan_passes(device *d, builder *build, size_t nan_at, const size_t *seen_at,
                              size_t seen_count)
{
    const float nan_value = NAN;
    bench b = bench_open(d, build, (shape){2, 3, 3, 20},
                         (struct plan_options){.separate = true, .all_gradients = true});
    write_waves(d, b.x, 0.7);
    must(buffer_write(d, b.x->data, nan_at * sizeof(float), &nan_value, sizeof nan_value));
    must(plan_forward(b.plan));
    size_t count = shape_count(b.y->shape), found = 0;
    float *y = read_values(d, b.y->data, count);
    for (size_t i = 0; i < count; i++)
        found += isnan(y[i]) != 0;
    assert_int_equal(found, seen_count);
    for (size_t i = 0; i < seen_count; i++)
        assert_true(isnan(y[seen_at[i]]));
    free(y);
    bench_close(&b);
}

static tensor *build_global_pool(graph *g, tensor *x)
{
    return global_pool(g, "pool", x);
}

static tensor *build_channel_pool(graph *g, tensor *x)
{
    return channel_pool(g, "pool", x);
}

static tensor *build_max_pool(graph *g, tensor *x)
{
    return max_pool(g, "pool", x);
}

static void pools_show_nan(void **state)
{
    const size_t pixel = 9 + 4, channel = 18; /* the centre of the second image */
    assert_nan_passes(*state, build_global_pool, pixel * 20 + channel,
                      (size_t[]){2 * 20 + channel, 3 * 20 + channel}, 2);
    assert_nan_passes(*state, build_channel_pool, pixel * 20 + channel,
                      (size_t[]){2 * pixel, 2 * pixel + 1}, 2);
    assert_nan_passes(*state, build_max_pool, pixel * 20 + channel, (size_t[]){20 + channel}, 1);
}

/* ---- Ties ---- */

/* Of equal values the first gets the gradient, whole. */
static void the_first_of_equal_values_is_pooled(void **state)
{
    device *d = *state;
    shape s = {1, 4, 4, 20};
    bench b = bench_open(d, build_max_pool, s,
                         (struct plan_options){.separate = true, .all_gradients = true});
    must(buffer_fill(d, b.x->data, 0.5f, 0, shape_count(s) * sizeof(float)));
    must(buffer_fill(d, b.truth->data, 0, 0, shape_count(b.y->shape) * sizeof(float)));
    must(plan_forward(b.plan));
    must(plan_backward(b.plan));
    float *dx = read_values(d, b.x->gradient, shape_count(s));
    for (int i = 0; i < 16 * 20; i++)
        assert_int_equal(dx[i] > 0, i / 20 % 2 == 0 && i / 80 % 2 == 0);
    free(dx);
    bench_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(layer_norm_matches),
        cmocka_unit_test(position_embedding_matches),
        cmocka_unit_test(dropout_matches),
        cmocka_unit_test(add_matches),
        cmocka_unit_test(gate_matches),
        cmocka_unit_test(pools_match),
        cmocka_unit_test(scales_match),
        cmocka_unit_test(consistent_matches),
        cmocka_unit_test(conv2d_without_bias_matches),
        cmocka_unit_test(blocks_run_in_shared_buffers),
        cmocka_unit_test(unwanted_gradients_change_nothing),
        cmocka_unit_test(dropout_draws_masks),
        cmocka_unit_test(each_layer_has_a_mask_of_its_own),
        cmocka_unit_test(masks_follow_from_names),
        cmocka_unit_test(impossible_layers_are_refused),
        cmocka_unit_test(pools_show_nan),
        cmocka_unit_test(the_first_of_equal_values_is_pooled),
    };
    return RUN_FAMILIES("transformer layers", tests);
}
