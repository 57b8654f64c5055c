/*
 * Training with frozen parameters: layers leave out gradients that nobody wants, a frozen batch norm
 * runs on its moving statistics, and the plan drops what stands before everything that is trained.
 */
#include "base/memory.h"
#include "base/rng.h"
#include "base/streams.h"
#include "layer_cases.h"
#include "nn/plan.h"
#include <math.h>

/* ---- Layers against the plain C ---- */

/* One side of each pair is frozen, the other, and both. */
static void check_pair(void **state, const layer_case *c, const char *one, const char *other)
{
    check_frozen(state, c, one);
    check_frozen(state, c, other);
    check_frozen(state, c, "*");
}

/* Winograd's method, the narrow one and the direct one. */
static void conv2d_matches(void **state)
{
    static const struct {
        shape x;
        int filters, kernel, stride;
    } cases[] = {{{2, 5, 6, 16}, 32, 3, 1}, {{3, 4, 5, 3}, 2, 3, 1}, {{2, 6, 5, 5}, 17, 3, 2}};
    for (size_t i = 0; i < limited(COUNT(cases)); i++) {
        struct conv2d_options o = {cases[i].filters, cases[i].kernel, cases[i].stride, 0};
        layer_case c = {&conv2d_layer, &o, {cases[i].x}, 1, false};
        check_pair(state, &c, "*/kernel", "*/bias");
        o.flags = CONV2D_NO_BIAS;
        check_frozen(state, &c, "*");
    }
}

static void conv2d_transpose_matches(void **state)
{
    static const struct conv2d_transpose_options o = {17};
    check_pair(state, &(layer_case){&conv2d_transpose_layer, &o, {{2, 3, 4, 16}}, 1, false},
               "*/kernel", "*/bias");
}

static void dense_matches(void **state)
{
    static const struct dense_options plain = {.units = 7, .heads = 1},
                                      heads = {.units = 4, .heads = 3};
    shape x = {2, 3, 5, 12};
    check_pair(state, &(layer_case){&dense_layer, &plain, {x}, 1, false}, "*/kernel", "*/bias");
    check_pair(state, &(layer_case){&dense_layer, &heads, {x}, 1, false}, "*/kernel", "*/bias");
}

static const shape images[] = {{1, 2, 3, 1}, {3, 5, 3, 3}, {2, 16, 16, 33}};

static void layer_norm_matches(void **state)
{
    for (size_t i = 0; i < limited(COUNT(images)); i++)
        check_pair(state, &(layer_case){&layer_norm_layer, NULL, {images[i]}, 1, false}, "*/gamma",
                   "*/beta");
}

static void batch_norm_matches(void **state)
{
    static const enum activation kinds[] = {ACT_RELU, ACT_LEAKY_RELU, ACT_SIGMOID, ACT_LINEAR};
    for (size_t k = 0; k < COUNT(kinds); k++) {
        for (size_t i = 0; i < limited(COUNT(images)); i++) {
            layer_case c = {&batch_norm_layer, &kinds[k], {images[i]}, 1, false};
            check_pair(state, &c, "*/gamma", "*/beta");
            check_frozen(state, &c, "*a"); /* gamma and beta, but not the statistics */
            check_frozen(state, &c, "*/moving_*");
        }
    }
}

static void position_embedding_matches(void **state)
{
    static const struct position_embedding_options trained = {false};
    check_frozen(state, &(layer_case){&position_embedding_layer, &trained, {images[1]}, 1, false},
                 "*");
}

/* ---- Networks ---- */

static void must(int result)
{
    if (result)
        fail_msg("%s", error_message());
}

typedef struct training {
    device *device;
    params *params;
    graph *graph;
    plan *plan;
} training;

static const shape mixture = {2, 8, 8, 1};

/* Two stages of convolutions and norms that defer their work, and a join. */
static tensor *add_layers(graph *g, tensor *x)
{
    tensor *first = batch_norm(g, "first/norm", conv2d(g, "first/conv", x, 16, 3, 1), ACT_RELU);
    tensor *inner = conv2d(g, "first/inner", first, 16, 3, 1);
    tensor *skip = batch_norm(g, "first/skip", inner, ACT_LEAKY_RELU);
    tensor *down = max_pool(g, "second/pool", skip);
    tensor *low = batch_norm(g, "second/norm", conv2d(g, "second/conv", down, 16, 3, 1), ACT_RELU);
    tensor *up = conv2d_transpose(g, "second/up", low, 16);
    tensor *joined = concat(g, "second/join", up, skip);
    tensor *last = conv2d(g, "second/last", joined, 16, 3, 1);
    return conv2d(g, "second/head", batch_norm(g, "second/last_norm", last, ACT_RELU), 1, 3, 1);
}

static void fill(device *d, const tensor *t, uint64_t stream)
{
    rng random = rng_start(stream, STREAM_CHECK);
    size_t count = shape_count(t->shape);
    float *values = allocate(count, sizeof *values);
    assert_non_null(values);
    for (size_t i = 0; i < count; i++)
        values[i] = rng_uniform(&random) - 0.25f;
    must(buffer_write(d, t->data, 0, values, count * sizeof *values));
    free(values);
}

/* A training up to the gradients of its first step. frozen may be NULL. */
static training train(device *d, const char *frozen, struct plan_options options)
{
    training t = {.device = d};
    options.training = true;
    must(params_new(&t.params, d));
    if (frozen)
        must(params_freeze(t.params, frozen));
    must(graph_new(&t.graph, t.params));
    tensor *y = add_layers(t.graph, graph_input(t.graph, "x", mixture));
    if (!mse(t.graph, "loss", y, graph_input(t.graph, "truth", mixture), 1, NULL))
        fail_msg("%s", error_message());
    must(params_allocate(t.params, true));
    must(params_initialize(t.params, 1));
    must(plan_new(&t.plan, t.graph, options));
    must(plan_prepare(t.plan, d));
    fill(d, graph_find(t.graph, "x"), 1);
    fill(d, graph_find(t.graph, "truth"), 2);
    must(plan_forward(t.plan));
    must(plan_backward(t.plan));
    return t;
}

static void close_training(training *t)
{
    plan_free(t->plan);
    graph_free(t->graph);
    params_free(t->params);
}

static const param *param_named(const training *t, const char *name)
{
    for (size_t i = 0; i < t->params->count; i++)
        if (!strcmp(t->params->items[i]->name, name))
            return t->params->items[i];
    fail_msg("there is no param %s", name);
    return NULL;
}

static float *read_values(const training *t, cl_mem buffer, size_t count)
{
    float *values = allocate(count, sizeof *values);
    assert_non_null(values);
    must(buffer_read(t->device, buffer, 0, values, count * sizeof *values));
    return values;
}

static void assert_same_gradients(const training *a, const training *b)
{
    for (size_t i = 0; i < a->params->count; i++) {
        const param *left = a->params->items[i], *right = b->params->items[i];
        if (!left->gradient || !right->gradient)
            continue;
        float *one = read_values(a, left->gradient, left->count);
        float *other = read_values(b, right->gradient, right->count);
        for (size_t k = 0; k < left->count; k++)
            if (memcmp(&one[k], &other[k], sizeof *one) || isnan(one[k]))
                fail_msg("the gradient of %s differs", left->name);
        free(one);
        free(other);
    }
}

static const layer *layer_named(const training *t, const char *name)
{
    return graph_find(t->graph, name)->producer;
}

/* Shared buffers and deferred work give the bits that separate ones give. */
static void sharing_changes_nothing(void **state)
{
    static const char *const patterns[] = {"first*",  "*conv*", "*/kernel", "*norm/*",
                                           "*/gamma", "*/beta", "*/bias",   "second/*"};
    for (size_t i = 0; i < COUNT(patterns); i++) {
        training shared = train(*state, patterns[i], (struct plan_options){0});
        training separate = train(*state, patterns[i], (struct plan_options){.separate = true});
        assert_true(params_matching(shared.params, patterns[i]) > 0);
        assert_same_gradients(&shared, &separate);
        close_training(&shared);
        close_training(&separate);
    }
}

/* Freezing kernels and biases does not change what is computed: the other gradients keep their bits
 * where each is a computation of its own. */
static void other_gradients_stay(void **state)
{
    static const char *const patterns[] = {"*/bias", "second/head/*", "first/conv/*"};
    training all = train(*state, NULL, (struct plan_options){.separate = true});
    for (size_t i = 0; i < COUNT(patterns); i++) {
        training some = train(*state, patterns[i], (struct plan_options){.separate = true});
        assert_true(some.params->trainable_floats < all.params->trainable_floats);
        assert_same_gradients(&all, &some);
        close_training(&some);
    }
    close_training(&all);
}

/* Nothing before the first trained layer runs backward or has a gradient, and less memory is planned. */
static void what_stands_before_is_dropped(void **state)
{
    training all = train(*state, NULL, (struct plan_options){0});
    training second = train(*state, "first/*", (struct plan_options){0});
    static const char *const before[] = {"first/conv", "first/norm", "first/inner", "first/skip",
                                         "second/pool"};
    for (size_t i = 0; i < COUNT(before); i++) {
        assert_true(plan_runs_backward(all.plan, layer_named(&all, before[i])));
        assert_false(plan_runs_backward(second.plan, layer_named(&second, before[i])));
        assert_null(graph_find(second.graph, before[i])->gradient);
    }
    assert_true(plan_runs_backward(second.plan, layer_named(&second, "second/conv")));
    assert_true(second.plan->planned_bytes < all.plan->planned_bytes);
    close_training(&all);
    close_training(&second);
}

/* Frozen statistics stay, trained ones move; frozen params lie behind the trained ones. */
static void only_trained_statistics_move(void **state)
{
    training t = train(*state, "first/*", (struct plan_options){0});
    const param *still = param_named(&t, "first/norm/moving_mean");
    const param *moved = param_named(&t, "second/norm/moving_mean");
    float *zeros = read_values(&t, still->data, still->count);
    float *means = read_values(&t, moved->data, moved->count);
    for (size_t i = 0; i < still->count; i++)
        assert_true(zeros[i] == 0);
    assert_true(means[0] != 0 || means[1] != 0);
    free(zeros);
    free(means);
    for (size_t i = 0; i < t.params->count; i++) {
        const param *item = t.params->items[i];
        assert_int_equal(item->offset < t.params->trainable_floats, param_is_trainable(item));
        assert_int_equal(item->gradient != NULL, param_is_trainable(item));
        assert_int_equal(item->frozen, !strncmp(item->name, "first/", 6));
    }
    close_training(&t);
}

/* With everything frozen there is no backward at all. */
static void nothing_trained_means_no_backward(void **state)
{
    training t = train(*state, "*", (struct plan_options){0});
    assert_int_equal(t.params->trainable_floats, 0);
    assert_null(t.params->gradients);
    for (size_t i = 0; i < t.graph->layer_count; i++)
        assert_false(plan_runs_backward(t.plan, t.graph->layers[i]));
    assert_int_equal(params_matching(t.params, "third*"), 0);
    close_training(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(conv2d_matches),
        cmocka_unit_test(conv2d_transpose_matches),
        cmocka_unit_test(dense_matches),
        cmocka_unit_test(layer_norm_matches),
        cmocka_unit_test(batch_norm_matches),
        cmocka_unit_test(position_embedding_matches),
        cmocka_unit_test(sharing_changes_nothing),
        cmocka_unit_test(other_gradients_stay),
        cmocka_unit_test(what_stands_before_is_dropped),
        cmocka_unit_test(only_trained_statistics_move),
        cmocka_unit_test(nothing_trained_means_no_backward),
    };
    return RUN_FAMILIES("frozen", tests);
}
