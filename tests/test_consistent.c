/*
 * Outputs that blend to the mixture (model.consistent): what leaves the device does, whatever goes in, and
 * every architecture can have the layer behind it. Its definition: test_reference_consistent.c.
 */
#include "network_bench.h"

#include "base/rng.h"
#include "base/streams.h"
#include "layers/layers.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* ---- On the device ---- */

enum { PIXELS = 4096 };

/* The layer alone, over a mixture of single values. */
typedef struct projection {
    params *params;
    graph *graph;
    plan *plan;
    tensor *z, *x, *y;
    int sources;
} projection;

static projection projection_open(int sources, const float weights[])
{
    projection p = {.sources = sources};
    must(params_new(&p.params, opened));
    must(graph_new(&p.graph, p.params));
    p.z = graph_input(p.graph, "z", (shape){1, 1, PIXELS, sources});
    p.x = graph_input(p.graph, "x", (shape){1, 1, PIXELS, 1});
    p.y = consistent(p.graph, "consistent", p.z, p.x, sources, weights);
    assert_non_null(p.y);
    p.y->is_output = true;
    must(params_allocate(p.params, false));
    must(plan_new(&p.plan, p.graph, (struct plan_options){0}));
    must(plan_prepare(p.plan, opened));
    return p;
}

static void projection_close(projection *p)
{
    plan_free(p->plan);
    graph_free(p->graph);
    params_free(p->params);
}

/* Release with free(). */
static float *project(projection *p, const float *z, const float *x)
{
    write_tensor(p->z, z);
    write_tensor(p->x, x);
    must(plan_forward(p->plan));
    return read_tensor(p->y);
}

/* Mostly near 0..1, now and then far off, and now and then the same as another. */
static void draw_outputs(float *z, size_t count)
{
    rng random = rng_start(1, STREAM_CHECK);
    for (size_t i = 0; i < count; i++)
        z[i] = (float)(0.5 + rng_normal(&random) * (i % 7 ? 1 : i % 5 ? 100 : 0));
}

static void assert_consistent(const float *y, const float *x, const float *weights, int sources,
                              size_t pixels)
{
    for (size_t i = 0; i < pixels; i++) {
        double blend = 0;
        for (int k = 0; k < sources; k++) {
            float value = y[i * (size_t)sources + (size_t)k];
            if (!(value >= 0 && value <= 1))
                fail_msg("pixel %zu: source %d is %.9g", i, k, value);
            blend += (double)weights[k] * value;
        }
        if (!(fabs(blend - x[i]) <= 2e-7))
            fail_msg("pixel %zu: the sources blend to %.9g, the mixture is %.9g", i, blend, x[i]);
    }
}

static const struct mixed {
    int sources;
    float weights[4];
} mixtures[] = {{2, {0.5f, 0.5f}},
                {2, {0.3f, 0.7f}},
                {2, {0.1f, 0.9f}},
                {3, {0.2f, 0.5f, 0.3f}},
                {4, {0.25f, 0.25f, 0.25f, 0.25f}}};

static void what_comes_out_blends_to_what_went_in(void **state)
{
    static float z[4 * PIXELS], x[PIXELS];
    (void)state;
    for (size_t i = 0; i < COUNT(mixtures); i++) {
        const struct mixed *m = &mixtures[i];
        projection p = projection_open(m->sources, m->weights);
        draw_outputs(z, (size_t)PIXELS * (size_t)m->sources);
        for (int k = 0; k < PIXELS; k++)
            x[k] = (float)(k % 256) / 255; /* black and white among them */
        float *y = project(&p, z, x);
        assert_consistent(y, x, m->weights, m->sources, PIXELS);
        float *again = project(&p, y, x); /* what is consistent stays */
        for (size_t k = 0; k < (size_t)PIXELS * (size_t)m->sources; k++)
            assert_true(fabsf(again[k] - y[k]) <= 1e-6f);
        free(again);
        free(y);
        projection_close(&p);
    }
}

/* A diverged network must not look sound. */
static void not_a_number_stays_visible(void **state)
{
    static float z[4 * PIXELS], x[PIXELS];
    (void)state;
    for (size_t i = 0; i < COUNT(mixtures); i++) {
        const struct mixed *m = &mixtures[i];
        size_t sources = (size_t)m->sources;
        projection p = projection_open(m->sources, m->weights);
        draw_outputs(z, PIXELS * sources);
        for (int k = 0; k < PIXELS; k++)
            x[k] = 0.4f;
        z[5 * sources + 1] = NAN;
        x[9] = NAN;
        float *y = project(&p, z, x);
        assert_true(isnan(y[5 * sources + 1]));
        for (size_t k = 0; k < sources; k++)
            assert_true(isnan(y[9 * sources + k]));
        assert_false(isnan(y[6 * sources]));
        free(y);
        projection_close(&p);
    }
}

/* ---- Behind networks ---- */

enum { BATCH = 3, SIDE = 16 };

/* The infer network's output for a random mixture, as values and as the bytes of pictures. */
static void assert_network_consistent(network *n)
{
    shape s = n->input->shape;
    size_t count = shape_count(s), sources = (size_t)n->mixture.sources, c = (size_t)s.c;
    float *x = allocate(count, sizeof *x), *z = allocate(count * sources, sizeof *z);
    const float weights[] = {1.0f / (float)sources, 1.0f / (float)sources, 1.0f / (float)sources};
    assert_true(x && z);
    for (size_t i = 0; i < count; i++)
        x[i] = (float)((i * 37 + i / 11) % 256) / 255;
    write_tensor(n->input, x);
    must(network_forward(n));
    float *y = read_tensor(n->output);
    for (size_t i = 0; i < count; i++) /* side by side, a channel of a pixel at a time */
        for (size_t k = 0; k < sources; k++)
            z[i * sources + k] = y[i / c * c * sources + k * c + i % c];
    assert_consistent(z, x, weights, (int)sources, count);
    for (size_t i = 0; i < count; i++) {
        double blend = 0;
        for (size_t k = 0; k < sources; k++)
            blend += floor((double)z[i * sources + k] * 255 + 0.5) / 255 / (double)sources;
        assert_true(fabs(blend - x[i]) <= 1.0 / 255);
    }
    free(x);
    free(y);
    free(z);
}

static void every_architecture_can_be_consistent(void **state)
{
    static const char *const cases[][10] = {
        {"model.filters=4", "model.modules=2"},
        {"model.filters=4", "model.modules=2", "data.channels=3", "data.sources=a, b, c"},
        {"model.architecture=unet-transformer", "model.filters=4", "model.width=8", "model.heads=2",
         "model.key_size=4", "model.ffn=8", "model.blocks=1"},
        {"model.filters=4", "model.modules=2", "stage.2.filters=4", "stage.2.modules=1",
         "stage.2.consistent=true"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        const char *overrides[12] = {"data.size=16x16", "model.consistent=true"};
        size_t count = 2;
        for (size_t k = 0; k < 10 && cases[i][k]; k++)
            overrides[count++] = cases[i][k];
        bench b = bench_open(overrides, count, BATCH, (struct plan_options){0});
        must(params_initialize(b.params, 1));
        assert_network_consistent(b.infer);
        bench_close(&b);
    }
}

/* NETWORK_PROJECT, of a model that was trained without; its own outputs are far from consistent. */
static void other_networks_can_be_projected(void **state)
{
    static const char *const overrides[] = {"data.size=16x16", "model.filters=4", "model.modules=2",
                                            "model.activation=sigmoid"};
    (void)state;
    bench b = bench_open(overrides, COUNT(overrides), BATCH, (struct plan_options){0});
    network *projected;
    must(network_new(&projected, b.params, b.settings, BATCH, NETWORK_PROJECT));
    must(network_prepare(projected));
    must(params_initialize(b.params, 1));
    assert_network_consistent(projected);
    network_free(projected);
    bench_close(&b);
}

/* A network that is consistent itself is left as it is. */
static void nothing_is_projected_twice(void **state)
{
    static const char *const overrides[] = {"data.size=16x16", "model.filters=4", "model.modules=2",
                                            "model.consistent=true"};
    (void)state;
    bench b = bench_open(overrides, COUNT(overrides), BATCH, (struct plan_options){0});
    network *projected;
    must(network_new(&projected, b.params, b.settings, BATCH, NETWORK_PROJECT));
    assert_int_equal(projected->graph->layer_count, b.infer->graph->layer_count);
    network_free(projected);
    bench_close(&b);
}

/* Where one source is at its limit, the gradient still says which way to go: a step makes it better. */
static void outputs_at_their_limit_still_learn(void **state)
{
    static const char *const overrides[] = {"data.size=16x16", "model.filters=4", "model.modules=2",
                                            "model.consistent=true"};
    static float blend[BATCH * SIDE * SIDE], first[BATCH * SIDE * SIDE],
        second[BATCH * SIDE * SIDE];
    float before[2], after[2];
    (void)state;
    bench b = bench_open(overrides, COUNT(overrides), BATCH, (struct plan_options){0});
    must(params_initialize(b.params, 1));
    const float apart[] = {10, -10}; /* of the heads' biases: everything is the first source's */
    param *bias = NULL;
    for (size_t i = 0; i < b.params->count; i++)
        if (!strcmp(b.params->items[i]->name, "heads/bias"))
            bias = b.params->items[i];
    assert_non_null(bias);
    must(buffer_write(opened, bias->data, 0, apart, sizeof apart));
    b.params->version++;
    for (int i = 0; i < BATCH * SIDE * SIDE; i++) {
        second[i] = (float)(i % 9) / 9;
        blend[i] = second[i] / 2;
    }
    write_tensor(b.train->input, blend);
    write_truths(b.train, (const float *[]){first, second});
    must(plan_train(b.train->plan, b.step));
    read_losses(b.train, before);
    for (int i = 0; i < 200; i++)
        train_step(&b, 0.3);
    must(plan_train(b.train->plan, b.step));
    read_losses(b.train, after);
    assert_true(before[0] > 0.2f);
    assert_true(after[0] < 0.1f * before[0]);
    bench_close(&b);
}

int main(void)
{
    const struct CMUnitTest on_devices[] = {
        cmocka_unit_test(what_comes_out_blends_to_what_went_in),
        cmocka_unit_test(not_a_number_stays_visible),
    };
    const struct CMUnitTest networks[] = {
        cmocka_unit_test(every_architecture_can_be_consistent),
        cmocka_unit_test(other_networks_can_be_projected),
        cmocka_unit_test(nothing_is_projected_twice),
        cmocka_unit_test(outputs_at_their_limit_still_learn),
    };
    return cmocka_run_group_tests_name("projection, vector kernels", on_devices, open_vector,
                                       close_device) +
           cmocka_run_group_tests_name("projection, tiled kernels", on_devices, open_tiled,
                                       close_device) +
           cmocka_run_group_tests_name("consistent networks", networks, open_vector, close_device);
}
