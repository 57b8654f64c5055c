/* What layers cost on paper, and where a step's time goes by measured rows. All without a device. */
#include "bench/layer_times.h"
#include "layers/layers.h"
#include "models/network.h"
#include "scratch.h"

enum { FLOAT = sizeof(float) };

static void must(int result)
{
    if (result)
        fail_msg("%s", error_message());
}

/* x (2, 8, 8, 3) -> conv -> norm -> act -> up (2, 16, 16, 4) -> loss against truth */
typedef struct drawing {
    params *params;
    graph *graph;
    plan *plan;
} drawing;

static drawing draw(bool training)
{
    drawing d;
    must(params_new(&d.params, NULL));
    must(graph_new(&d.graph, d.params));
    tensor *x = graph_input(d.graph, "x", (shape){2, 8, 8, 3});
    tensor *truth = graph_input(d.graph, "truth", (shape){2, 16, 16, 4});
    x = conv2d(d.graph, "conv", x, 5, 3, 1);
    x = batch_norm(d.graph, "norm", x, ACT_LINEAR);
    x = activation(d.graph, "act", x, ACT_RELU);
    x = conv2d_transpose(d.graph, "up", x, 4);
    if (!x || !mse(d.graph, "loss", x, truth, 1, NULL))
        fail_msg("%s", error_message());
    must(plan_new(&d.plan, d.graph, (struct plan_options){.training = training}));
    return d;
}

static void erase(drawing *d)
{
    plan_free(d->plan);
    graph_free(d->graph);
    params_free(d->params);
}

static void assert_cost(cost got, double flops, double bytes)
{
    assert_float_equal(got.flops, flops, 0);
    assert_float_equal(got.bytes, bytes, 0);
}

static void costs_are_those_of_the_direct_algorithm(void **state)
{
    (void)state;
    drawing d = draw(true);
    const layer *conv = d.graph->layers[0], *norm = d.graph->layers[1], *act = d.graph->layers[2];
    const layer *up = d.graph->layers[3], *loss = d.graph->layers[4];
    enum { SMALL = 2 * 8 * 8, LARGE = 2 * 16 * 16, Y = SMALL * 5, UP = LARGE * 4 };
    double once = 2.0 * SMALL * 9 * 3 * 5, weights = 9 * 3 * 5, up_weights = 9 * 4 * 5;
    assert_cost(cost_forward(d.plan, conv), once, (SMALL * 3 + Y + weights + 5) * FLOAT);
    /* x wants no gradient: only that of the weights is computed */
    assert_cost(cost_backward(d.plan, conv), once, (SMALL * 3 + Y + weights + 5) * FLOAT);
    assert_cost(cost_forward(d.plan, norm), 0, (2 * Y + 4 * 5) * FLOAT);
    assert_cost(cost_backward(d.plan, norm), 0, (3 * Y + 2 * 5) * FLOAT);
    assert_cost(cost_backward(d.plan, act), 0, 3 * Y * FLOAT);
    /* each pixel of the small side meets all nine taps */
    double transposed = 2.0 * SMALL * 9 * 5 * 4;
    assert_cost(cost_forward(d.plan, up), transposed, (Y + UP + up_weights + 4) * FLOAT);
    assert_cost(cost_backward(d.plan, up), 2 * transposed, (2 * Y + UP + up_weights + 4) * FLOAT);
    assert_cost(cost_forward(d.plan, loss), 0, (2 * UP + 1) * FLOAT);
    assert_cost(cost_backward(d.plan, loss), 0, 3 * UP * FLOAT);
    erase(&d);
}

static void inference_has_no_backward(void **state)
{
    (void)state;
    drawing d = draw(false);
    for (size_t i = 0; i < d.graph->layer_count; i++)
        assert_cost(cost_backward(d.plan, d.graph->layers[i]), 0, 0);
    erase(&d);
}

static void a_gradient_that_others_wrote_is_read_too(void **state)
{
    (void)state;
    params *p;
    graph *g;
    plan *planned;
    must(params_new(&p, NULL));
    must(graph_new(&g, p));
    shape s = {1, 4, 4, 2};
    tensor *x = conv2d(g, "conv", graph_input(g, "x", s), 2, 3, 1);
    tensor *sum = add(g, "sum", x, dense(g, "dense", x, 2));
    assert_non_null(mse(g, "loss", sum, graph_input(g, "truth", s), 1, NULL));
    must(plan_new(&planned, g, (struct plan_options){.training = true}));
    /* dense: x, g, the input's gradient twice, the weights' and the bias's */
    assert_cost(cost_backward(planned, g->layers[1]), 2 * 2.0 * 16 * 4, (4 * 32 + 6) * FLOAT);
    plan_free(planned);
    graph_free(g);
    params_free(p);
}

/* With 16 channels and no device the plan is a CPU's: the norm only sums, and the convolution before it
 * finishes the gradient. */
static void a_gradient_left_to_be_finished_is_paid_by_the_producer(void **state)
{
    (void)state;
    params *p;
    graph *g;
    plan *planned;
    enum { X = 1 * 8 * 8 * 16, WEIGHTS = 9 * 16 * 16 };
    must(params_new(&p, NULL));
    must(graph_new(&g, p));
    shape s = {1, 8, 8, 16};
    tensor *x = conv2d(g, "conv", graph_input(g, "x", s), 16, 3, 1);
    x = conv2d(g, "next", batch_norm(g, "norm", x, ACT_RELU), 16, 3, 1);
    assert_non_null(mse(g, "loss", x, graph_input(g, "truth", s), 1, NULL));
    must(plan_new(&planned, g, (struct plan_options){.training = true}));
    const layer *conv = g->layers[0], *norm = g->layers[1];
    assert_ptr_equal(conv->finishes, norm);
    /* x and g */
    assert_cost(cost_backward(planned, norm), 0, (2 * X + 2 * 16) * FLOAT);
    /* its input, its own output, g read and written, the weights' and the bias's gradients */
    assert_cost(cost_backward(planned, conv), 2.0 * 64 * WEIGHTS, (4 * X + WEIGHTS + 16) * FLOAT);
    plan_free(planned);
    graph_free(g);
    params_free(p);
}

static void attention_costs_its_products(void **state)
{
    (void)state;
    params *p;
    graph *g;
    plan *planned;
    must(params_new(&p, NULL));
    must(graph_new(&g, p));
    shape s = {2, 3, 3, 8};
    tensor *x = dense(g, "dense", graph_input(g, "x", s), 8);
    tensor *y = attention(g, "attention", x, x, x, 2);
    assert_non_null(mse(g, "loss", y, graph_input(g, "truth", s), 1, NULL));
    must(plan_new(&planned, g, (struct plan_options){.training = true}));
    double product = 2.0 * 2 * 2 * 9 * 9 * 4; /* images, heads, tokens, tokens, channels */
    assert_float_equal(cost_forward(planned, g->layers[1]).flops, 2 * product, 0);
    assert_float_equal(cost_backward(planned, g->layers[1]).flops, 4 * product, 0);
    plan_free(planned);
    graph_free(g);
    params_free(p);
}

/* benchmarks.md calls 0.208 GFLOP an image the floor of configs/unet-small.ini. */
static void the_published_network_costs_what_is_said(void **state)
{
    (void)state;
    settings *s;
    params *p;
    network *n;
    double flops = 0;
    must(settings_load(&s, "configs/unet-small.ini", NULL, 0));
    must(params_new(&p, NULL));
    must(network_new(&n, p, s, 1, NETWORK_INFER));
    for (size_t i = 0; i < n->graph->layer_count; i++)
        flops += cost_forward(n->plan, n->graph->layers[i]).flops;
    assert_float_equal(flops, 0.208e9, 0.001e9);
    network_free(n);
    params_free(p);
    settings_free(s);
}

/* ---- Times ---- */

static void rows_come_together_by_layer(void **state)
{
    (void)state;
    drawing d = draw(true);
    const char *conv = d.graph->layers[0]->name, *up = d.graph->layers[3]->name;
    const timeline_row rows[] = {
        {NULL, false, "mixer", "mix_sources", 2, 0.5},
        {conv, false, "convolution_vector", "convolve", 2, 3},
        {conv, false, "convolution_pack", "pack", 2, 1},
        {up, false, "convolution_vector", "convolve", 2, 1},
        {up, true, "convolution_vector", "convolve", 4, 2},
        {conv, true, "convolution_vector", "weight_gradient", 2, 2},
        {NULL, false, "adam", "adam", 2, 0.25},
        {NULL, false, "adam", "move_average", 2, 0.25},
    };
    layer_times t = {0};
    must(layer_times_fill(&t, d.plan, 1, rows, sizeof rows / sizeof *rows, 2));
    assert_int_equal(t.count, 5 + 3);
    assert_string_equal(t.items[0].name, "conv");
    assert_string_equal(t.items[0].kind, "conv2d");
    assert_float_equal(t.items[0].forward, 2, 1e-12);
    assert_float_equal(t.items[0].backward, 1, 1e-12);
    assert_float_equal(t.items[0].cost.flops, 2 * 2.0 * 128 * 135, 0);
    assert_float_equal(layer_time_seconds(&t.items[1]), 0, 0);
    assert_float_equal(layer_time_seconds(&t.items[3]), 1.5, 1e-12);
    assert_string_equal(t.items[7].name, "move_average");
    assert_string_equal(t.items[7].kind, "adam");
    assert_true(t.items[4].is_layer && !t.items[5].is_layer);

    double share = 0;
    for (size_t i = 0; i < t.count; i++)
        share += layer_times_share(&t, layer_time_seconds(&t.items[i]));
    assert_float_equal(share, 100, 1e-9);
    assert_float_equal(t.seconds, 5, 1e-12);
    assert_int_equal(t.kind_count, 5 + 2);
    assert_string_equal(t.kinds[0].kind, "conv2d");
    assert_string_equal(t.kinds[1].kind, "conv2d_transpose");
    assert_float_equal(t.kinds[1].seconds, 1.5, 1e-12);
    assert_string_equal(t.kinds[2].kind, "adam"); /* as long as the mixer */
    assert_float_equal(layer_times_outside_convolutions(&t), 10, 1e-9);
    layer_times_release(&t);
    erase(&d);
}

static void nothing_measured_is_no_time(void **state)
{
    (void)state;
    drawing d = draw(false);
    layer_times t = {0};
    must(layer_times_fill(&t, d.plan, 1, NULL, 0, 1));
    assert_int_equal(t.count, d.graph->layer_count);
    assert_float_equal(layer_times_share(&t, t.seconds), 0, 0);
    assert_float_equal(layer_times_outside_convolutions(&t), 0, 0);
    layer_times_release(&t);
    layer_times_release(&t);
    erase(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(costs_are_those_of_the_direct_algorithm),
        cmocka_unit_test(inference_has_no_backward),
        cmocka_unit_test(a_gradient_that_others_wrote_is_read_too),
        cmocka_unit_test(a_gradient_left_to_be_finished_is_paid_by_the_producer),
        cmocka_unit_test(attention_costs_its_products),
        cmocka_unit_test(the_published_network_costs_what_is_said),
        cmocka_unit_test(rows_come_together_by_layer),
        cmocka_unit_test(nothing_measured_is_no_time),
    };
    return cmocka_run_group_tests_name("layer times", tests, NULL, NULL);
}
