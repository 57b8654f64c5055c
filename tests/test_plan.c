/*
 * How long the plan keeps what a convolution still reads when it finishes the gradient that a batch norm
 * behind it has left: shared buffers give the bits of separate ones, whatever runs between the two, and
 * nothing is kept for longer than that.
 */
#include "base/log.h"
#include "base/memory.h"
#include "base/rng.h"
#include "base/streams.h"
#include "compute/open_device.h"
#include "config/settings.h"
#include "layers/layers.h"
#include "nn/lifetimes.h"
#include "scratch.h"

static device *opened;

static void must(int result)
{
    if (result)
        fail_msg("%s", error_message());
}

static int open_vector(void **state)
{
    static const char *const overrides[] = {"device.kernels=vector"};
    settings *s = NULL;
    int result = scratch_make(state) || settings_load(&s, NULL, overrides, 1) ||
                 open_device(&opened, &s->device);
    settings_free(s);
    return result ? -1 : 0;
}

static int close_device(void **state)
{
    device_close(opened);
    return scratch_remove(state);
}

/* ---- Graphs ---- */

static const shape images = {2, 8, 8, 16}, outputs = {2, 8, 8, 1};

typedef struct drawing {
    params *params;
    graph *graph;
    plan *plan;
} drawing;

/* Adds layers to g, from x (2, 8, 8, 16) to an image of one channel. */
typedef tensor *draw_layers(graph *g, tensor *x);

static tensor *one_behind_the_other(graph *g, tensor *x)
{
    tensor *stem = conv2d(g, "stem", x, 16, 3, 1);
    tensor *a = conv2d(g, "a", stem, 16, 3, 1);
    return conv2d(g, "head", batch_norm(g, "norm_a", a, ACT_RELU), 1, 3, 1);
}

/* Backward, b runs between norm_a, which leaves a's gradient, and a, which finishes it. */
static tensor *interleaved(graph *g, tensor *x)
{
    tensor *stem_a = conv2d(g, "stem_a", x, 16, 3, 1);
    tensor *stem_b = conv2d(g, "stem_b", x, 16, 3, 1);
    tensor *a = conv2d(g, "a", stem_a, 16, 3, 1);
    tensor *b = conv2d(g, "b", stem_b, 16, 3, 1);
    tensor *norm_a = batch_norm(g, "norm_a", a, ACT_RELU);
    tensor *norm_b = batch_norm(g, "norm_b", b, ACT_RELU);
    return conv2d(g, "head", concat(g, "join", norm_a, norm_b), 1, 3, 1);
}

/* The first activation's backward looks at its output, so the second cannot run in place. */
static tensor *bent_twice(graph *g, tensor *x)
{
    tensor *stem = conv2d(g, "stem", x, 16, 3, 1);
    tensor *bent = activation(g, "bent", stem, ACT_SIGMOID);
    return conv2d(g, "head", activation(g, "bent_again", bent, ACT_TANH), 1, 3, 1);
}

/* The sum reads its input twice: written over it, the gradient would count once. */
static tensor *doubled(graph *g, tensor *x)
{
    tensor *stem = conv2d(g, "stem", x, 16, 3, 1);
    return conv2d(g, "head", add(g, "doubled", stem, stem), 1, 3, 1);
}

static drawing draw(draw_layers *layers, device *d, bool separate)
{
    drawing drawn;
    must(params_new(&drawn.params, d));
    must(graph_new(&drawn.graph, drawn.params));
    tensor *y = layers(drawn.graph, graph_input(drawn.graph, "x", images));
    if (!mse(drawn.graph, "loss", y, graph_input(drawn.graph, "truth", outputs), 1, NULL))
        fail_msg("%s", error_message());
    must(plan_new(&drawn.plan, drawn.graph,
                  (struct plan_options){.training = true, .separate = separate}));
    return drawn;
}

static void erase(drawing *d)
{
    plan_free(d->plan);
    graph_free(d->graph);
    params_free(d->params);
}

static void fill(cl_mem buffer, size_t count, rng *random)
{
    float *values = allocate(count, sizeof *values);
    assert_non_null(values);
    for (size_t i = 0; i < count; i++)
        values[i] = rng_uniform(random) - 0.25f;
    must(buffer_write(opened, buffer, 0, values, count * sizeof *values));
    free(values);
}

/* A step; the gradients of all params. */
static float *gradients(draw_layers *layers, bool separate, size_t *count)
{
    rng random = rng_start(1, STREAM_CHECK);
    drawing d = draw(layers, opened, separate);
    must(params_allocate(d.params, true));
    must(params_initialize(d.params, 1));
    must(plan_prepare(d.plan, opened));
    fill(graph_find(d.graph, "x")->data, shape_count(images), &random);
    fill(graph_find(d.graph, "truth")->data, shape_count(outputs), &random);
    must(plan_forward(d.plan));
    must(plan_backward(d.plan));
    assert_null(opened->annotation.layer);     /* what comes next is not counted as a layer's, */
    assert_false(opened->annotation.backward); /* nor as backward's */
    *count = d.params->trainable_floats;
    float *values = allocate(*count, sizeof *values);
    assert_non_null(values);
    must(buffer_read(opened, d.params->gradients, 0, values, *count * sizeof *values));
    erase(&d);
    return values;
}

static void sharing_changes_nothing(draw_layers *layers)
{
    size_t count, also;
    float *shared = gradients(layers, false, &count), *separate = gradients(layers, true, &also);
    assert_int_equal(count, also);
    assert_memory_equal(shared, separate, count * sizeof *shared);
    free(shared);
    free(separate);
}

static void sharing_changes_no_gradient(void **state)
{
    (void)state;
    drawing d = draw(interleaved, opened, false);
    const layer *a = graph_find(d.graph, "a")->producer;
    assert_string_equal(a->finishes->name, "norm_a"); /* what this is about */
    erase(&d);
    sharing_changes_nothing(one_behind_the_other);
    sharing_changes_nothing(interleaved);
    sharing_changes_nothing(bent_twice);
    sharing_changes_nothing(doubled);
}

/* On paper. The most is alive when a's backward writes the gradient of its input: x, the data of stem,
 * the gradient of a, and this one. The data of a, which the norm and a itself have read by then, does
 * not count any more. */
static void what_was_read_is_given_away(void **state)
{
    (void)state;
    drawing d = draw(one_behind_the_other, NULL, false);
    size_t image = shape_count(images) * sizeof(float), count = 0;
    assert_string_equal(graph_find(d.graph, "a")->producer->finishes->name, "norm_a");
    for (size_t i = 0; i + 1 < d.plan->buffer_count; i++) /* the last is scratch memory */
        count += d.plan->buffer_bytes[i] == image;
    assert_int_equal(count, 4);
    erase(&d);
}

/* ---- Who commands are counted for ---- */

static int fails(layer *l, run *r)
{
    assert_ptr_equal(r->device->annotation.layer, l->name);
    return (fail)(STATUS_RUNTIME, "backward %d", r->device->annotation.backward);
}

static void a_failed_layer_is_not_annotated_for_good(void **state)
{
    (void)state;
    drawing d = draw(one_behind_the_other, opened, false);
    must(params_allocate(d.params, true));
    must(plan_prepare(d.plan, opened));
    layer *first = d.graph->layers[0];
    const layer_type *type = first->type;
    layer_type failing = *type;
    failing.forward = failing.backward = fails;
    for (int backward = 0; backward < 2; backward++) {
        first->type = &failing;
        assert_int_equal(backward ? plan_backward(d.plan) : plan_forward(d.plan), -1);
        assert_error(STATUS_RUNTIME, backward ? "backward 1" : "backward 0", "");
        assert_null(opened->annotation.layer);
        assert_false(opened->annotation.backward);
        first->type = type;
        must(plan_forward(d.plan));
    }
    erase(&d);
}

/* When what norm_a keeps of its batch is given away. */
static int end_of_moments(draw_layers *layers)
{
    drawing d = draw(layers, NULL, false);
    lifetimes list = {0};
    int end = -1;
    must(lifetimes_list(d.plan, &list));
    for (size_t i = 0; i < list.count; i++)
        if (list.items[i].number == &graph_find(d.graph, "norm_a")->producer->saved[0].number)
            end = list.items[i].to;
    free(list.items);
    erase(&d);
    return end;
}

/* The convolution that finishes the norm's gradient needs it: layer 1 of 5, layer 2 of 9. */
static void moments_stay_until_the_gradient_is_finished(void **state)
{
    (void)state;
    assert_int_equal(end_of_moments(one_behind_the_other), 2 * 5 - 1 - 1);
    assert_int_equal(end_of_moments(interleaved), 2 * 9 - 1 - 2);
}

/* ---- More values than kernels can count ---- */

typedef tensor *draw_large(graph *g);

static tensor *large_input(graph *g)
{
    return graph_input(g, "large", (shape){1024, 1024, 1024, 1});
}

/* Its sizes multiply to 0 in 64 bits. */
static tensor *larger_than_64_bits(graph *g)
{
    return graph_input(g, "large", (shape){1 << 16, 1 << 16, 1 << 16, 1 << 16});
}

static tensor *wide_convolution(graph *g)
{
    return conv2d(g, "wide", graph_input(g, "x", (shape){16, 1024, 1024, 1}), 64, 3, 1);
}

static tensor *upsampling(graph *g)
{
    return conv2d_transpose(g, "up", graph_input(g, "x", (shape){16, 1024, 1024, 1}), 16);
}

static tensor *many_tokens(graph *g)
{
    tensor *x = graph_input(g, "x", (shape){1, 256, 256, 512}); /* too wide to be streamed */
    return attention(g, "tokens", x, x, x, 2);
}

static tensor *large_kernel(graph *g)
{
    return dense(g, "dense", graph_input(g, "x", (shape){1, 1, 1, 40000}), 40000);
}

static tensor *just_fits(graph *g)
{
    return conv2d(g, "fits", graph_input(g, "x", (shape){8, 1024, 1024, 1}), 64, 3, 1);
}

static void too_many_values_are_refused(void **state)
{
    (void)state;
    static const struct {
        draw_large *layers;
        const char *named, *because; /* NULL: fits */
    } cases[] = {
        {large_input, "input large", "1024 x 1024 x 1024 x 1 has more than"},
        {larger_than_64_bits, "input large", "has more than"},
        {wide_convolution, "layer wide (conv2d)", "16 x 1024 x 1024 x 64 has more than"},
        {upsampling, "layer up (conv2d_transpose)", "16 x 2048 x 2048 x 16 has more than"},
        {many_tokens, "layer tokens (attention)", "2 heads of 65536 x 65536 tokens"},
        {large_kernel, "layer dense (dense)", "dense/kernel has 1600000000 values"},
        {just_fits, NULL, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        params *p;
        graph *g;
        must(params_new(&p, NULL));
        must(graph_new(&g, p));
        const tensor *y = cases[i].layers(g);
        assert_int_equal(y != NULL, !cases[i].named);
        assert_int_equal(g->failed, y == NULL);
        if (!y) {
            assert_int_equal(error_status(), STATUS_MEMORY);
            assert_non_null(strstr(error_message(), cases[i].named));
            assert_non_null(strstr(error_message(), cases[i].because));
        }
        graph_free(g);
        params_free(p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sharing_changes_no_gradient),
        cmocka_unit_test(what_was_read_is_given_away),
        cmocka_unit_test(a_failed_layer_is_not_annotated_for_good),
        cmocka_unit_test(moments_stay_until_the_gradient_is_finished),
        cmocka_unit_test(too_many_values_are_refused),
    };
    log_set_level(LOG_QUIET);
    return cmocka_run_group_tests_name("plan", tests, open_vector, close_device);
}
