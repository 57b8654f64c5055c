/*
 * The U-Net's blocks that a config can choose: filters and convolutions of each resolution, residual
 * modules, no batch norms. Their layers and parameters, their gradients, and lists that do not fit.
 */
#include "trainings.h"

#include "base/rng.h"
#include "base/streams.h"
#include "gradient_check.h"
#include "layers/layers.h"
#include "models/network.h"
#include <string.h>

static network *network_on(params *p, const settings *s)
{
    network *n;
    must(network_new(&n, p, s, 4, NETWORK_TRAIN));
    return n;
}

static settings *settings_with(const char *const *overrides, size_t count)
{
    settings *s;
    must(settings_load(&s, NULL, overrides, count));
    return s;
}

/* ---- On paper ---- */

/* A network that has no device. */
typedef struct on_paper {
    settings *settings;
    params *params;
    network *network;
} on_paper;

static on_paper draw_network(const char *const *overrides, size_t count)
{
    on_paper made = {.settings = settings_with(overrides, count)};
    must(params_new(&made.params, NULL));
    made.network = network_on(made.params, made.settings);
    return made;
}

static void discard(on_paper *made)
{
    network_free(made->network);
    params_free(made->params);
    settings_free(made->settings);
}

static void shape_is(const network *n, const char *layer, int h, int w, int c)
{
    const tensor *t = graph_find(n->graph, layer);
    if (!t)
        fail_msg("there is no layer %s", layer);
    if (t->shape.h != h || t->shape.w != w || t->shape.c != c)
        fail_msg("%s is %d x %d x %d", layer, t->shape.h, t->shape.w, t->shape.c);
}

static void every_resolution_has_its_own(void **state)
{
    static const char *const overrides[] = {"model.filters=8 12 20", "model.convolutions=1 3 2"};
    (void)state;
    on_paper made = draw_network(overrides, 2);
    const network *n = made.network;
    shape_is(n, "encoder1/conv1", 32, 32, 8);
    shape_is(n, "encoder2/conv3", 16, 16, 12);
    shape_is(n, "encoder3/conv2", 8, 8, 20);
    shape_is(n, "decoder2/up", 16, 16, 12);
    shape_is(n, "decoder2/conv3", 16, 16, 12);
    shape_is(n, "decoder1/conv1", 32, 32, 8);
    assert_null(graph_find(n->graph, "encoder1/conv2"));
    assert_null(graph_find(n->graph, "encoder2/conv4"));
    assert_null(graph_find(n->graph, "encoder3/conv3"));
    assert_null(graph_find(n->graph, "decoder1/conv2"));
    discard(&made);
}

/* Without skips nothing goes from encoder to decoder beside the lowest resolution. */
static void an_autoencoder_joins_nothing(void **state)
{
    static const char *const overrides[] = {"model.filters=8 12 20", "model.skips=false"};
    (void)state;
    on_paper made = draw_network(overrides, 2);
    shape_is(made.network, "decoder1/up", 32, 32, 8);
    assert_null(graph_find(made.network->graph, "decoder1/join"));
    assert_int_equal(params_find(made.params, "decoder1/conv1/kernel")->dims[2], 8);
    discard(&made);
}

/* The additions of a module of so many convolutions: of pairs, and of one that is left. */
static void modules_add_pairs(void **state)
{
    (void)state;
    for (int count = 1; count <= 5; count++) {
        char convolutions[32], name[32];
        snprintf(convolutions, sizeof convolutions, "model.convolutions=%d", count);
        on_paper made = draw_network(
            (const char *[]){"model.filters=4", "model.residual=true", convolutions}, 3);
        const network *n = made.network;
        for (int i = 1; i <= 3; i++) {
            snprintf(name, sizeof name, "encoder2/add%d", i);
            assert_int_equal(graph_find(n->graph, name) != NULL, i <= count / 2);
        }
        snprintf(name, sizeof name, "encoder2/norm%d", count);
        shape_is(n, name, 16, 16, 8);
        discard(&made);
    }
}

static enum activation activation_of(const network *n, const char *name)
{
    const tensor *t = graph_find(n->graph, name);
    assert_non_null(t);
    return ((const struct activation_options *)t->producer->options)->kind;
}

/* Inside a gated pair are two thirds of the channels, by sixteens where that is possible. */
static void gated_pairs_are_narrower(void **state)
{
    static const char *const overrides[] = {"model.filters=6 32 64", "model.convolutions=4",
                                            "model.residual=true", "model.gated=true"};
    (void)state;
    on_paper made = draw_network(overrides, 4);
    const network *n = made.network;
    shape_is(n, "encoder1/conv2", 32, 32, 8);
    shape_is(n, "encoder1/gate1", 32, 32, 4);
    shape_is(n, "encoder1/conv3", 32, 32, 6);
    shape_is(n, "encoder2/norm2", 16, 16, 32);
    assert_int_equal(activation_of(n, "encoder2/norm1"), ACT_RELU);
    assert_int_equal(activation_of(n, "encoder2/norm2"), ACT_LINEAR); /* the gate is one */
    shape_is(n, "encoder2/gate1", 16, 16, 16);
    shape_is(n, "decoder2/add1", 16, 16, 32);
    shape_is(n, "encoder3/conv2", 8, 8, 96);
    shape_is(n, "encoder3/gate1", 8, 8, 48);
    assert_null(graph_find(n->graph, "encoder1/gate2")); /* the fourth convolution has no partner */
    discard(&made);
}

/* A block behind the modules that are named, in both architectures; many tokens keep no weights. */
static void resolutions_attend_where_asked(void **state)
{
    static const char *const kinds[] = {"model.architecture=unet",
                                        "model.architecture=unet-transformer"};
    (void)state;
    for (size_t i = 0; i < COUNT(kinds); i++) {
        on_paper made =
            draw_network((const char *[]){kinds[i], "model.filters=8", "model.attention=1, 3"}, 3);
        const network *n = made.network;
        shape_is(n, "encoder1/block/attention/heads", 32, 32, 8);
        shape_is(n, "encoder1/block/ffn1", 32, 32, 16);
        shape_is(n, "encoder3/block/attention/heads", 8, 8, 32);
        assert_null(graph_find(n->graph, "encoder2/block/norm1"));
        const layer *many = graph_find(n->graph, "encoder1/block/attention/heads")->producer,
                    *few = graph_find(n->graph, "encoder3/block/attention/heads")->producer;
        assert_int_equal(many->saved[0].bytes, sizeof(float) * 4 * 2 * 1024);
        assert_int_equal(few->saved[0].bytes, sizeof(float) * 4 * 2 * 64 * 64);
        discard(&made);
    }
}

/* As many parameters as without, since sums have none; and fewer without norms. */
static void parameters_are_counted(void **state)
{
    static const char *const overrides[][3] = {{"model.filters=32", "model.convolutions=2", NULL},
                                               {"model.filters=32", "model.residual=true", NULL},
                                               {"model.filters=32", "model.batch_norm=false", NULL},
                                               {"model.filters=32 64 128", NULL, NULL}};
    static const size_t totals[] = {519746, 519746, 519746 - 2 * 4 * (2 * 32 + 2 * 64 + 128),
                                    519746};
    (void)state;
    for (size_t i = 0; i < COUNT(overrides); i++) {
        on_paper made = draw_network(overrides[i], overrides[i][1] ? 2 : 1);
        assert_int_equal(params_total(made.params), totals[i]);
        discard(&made);
    }
}

static void what_does_not_fit_is_refused(void **state)
{
    static const struct {
        const char *override, *message;
    } cases[] = {
        {"model.filters=8 16",
         "model.filters has 2 numbers for the 3 resolutions of model.modules"},
        {"model.convolutions=1 2 3 4",
         "model.convolutions has 4 numbers for the 3 resolutions of model.modules"},
        {"model.gated=true", "model.gated needs model.residual: it is about residual pairs"},
        {"model.attention=2 4", "model.attention: there is no resolution 4, only 3"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        settings *s = settings_with(&cases[i].override, 1);
        params *p;
        network *n;
        must(params_new(&p, NULL));
        assert_int_equal(network_new(&n, p, s, 1, NETWORK_INFER), -1);
        assert_string_equal(error_message(), cases[i].message);
        assert_int_equal(error_status(), STATUS_USAGE);
        params_free(p);
        settings_free(s);
    }
    settings *s = settings_with(
        (const char *[]){"model.architecture=unet-transformer", "model.filters=8 16 32"}, 2);
    params *p;
    network *n;
    must(params_new(&p, NULL));
    assert_int_equal(network_new(&n, p, s, 1, NETWORK_INFER), -1);
    assert_string_equal(error_message(),
                        "model.filters: a unet-transformer has one number of filters, not 3");
    params_free(p);
    settings_free(s);
}

/* ---- Gradients ---- */

/* Outputs in 0..1 with room to move: a kink, where differences say nothing, is rarely met. */
static void gradients_follow_the_loss(const char *const *overrides, size_t count)
{
    settings *s = settings_with(overrides, count);
    params *p;
    batches *b;
    must(params_new(&p, opened));
    network *n = network_on(p, s);
    must(params_allocate(p, true));
    must(params_initialize(p, 3));
    must(network_prepare(n));
    must(batches_open(&b, opened, &s->data, 1, false));
    must(batches_next(b, SPLIT_TRAIN, 1, STREAM_TRAIN, 0, 4, n->input->data, n->truth->data));
    total_loss(n, &s->train);
    must(plan_backward(n->plan));
    for (size_t i = 0; i < p->count; i++)
        if (p->items[i]->gradient)
            check_gradient(n, &s->train, p->items[i]);
    batches_close(b);
    network_free(n);
    params_free(p);
    settings_free(s);
}

#define SMOOTH "model.activation=tanh", "data.directory=tests/sample", "model.modules=2"

static void residual_gradients_follow_the_loss(void **state)
{
    (void)state;
    gradients_follow_the_loss((const char *[]){SMOOTH, "model.filters=4 6", "model.residual=true",
                                               "model.convolutions=4 3"},
                              6);
}

static void gated_gradients_follow_the_loss(void **state)
{
    (void)state;
    gradients_follow_the_loss((const char *[]){SMOOTH, "model.filters=4 6", "model.residual=true",
                                               "model.gated=true", "model.convolutions=3"},
                              7);
}

static void attention_gradients_follow_the_loss(void **state)
{
    (void)state;
    gradients_follow_the_loss(
        (const char *[]){SMOOTH, "model.filters=4", "model.attention=1 2", "model.convolutions=1"},
        6);
}

static void gradients_without_norms_follow_the_loss(void **state)
{
    (void)state;
    gradients_follow_the_loss((const char *[]){SMOOTH, "model.filters=4", "model.residual=true",
                                               "model.batch_norm=false", "model.convolutions=3 2"},
                              7);
    gradients_follow_the_loss((const char *[]){SMOOTH, "model.filters=4", "model.batch_norm=false"},
                              5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_resolution_has_its_own),
        cmocka_unit_test(an_autoencoder_joins_nothing),
        cmocka_unit_test(resolutions_attend_where_asked),
        cmocka_unit_test(attention_gradients_follow_the_loss),
        cmocka_unit_test(modules_add_pairs),
        cmocka_unit_test(gated_pairs_are_narrower),
        cmocka_unit_test(parameters_are_counted),
        cmocka_unit_test(what_does_not_fit_is_refused),
        cmocka_unit_test(residual_gradients_follow_the_loss),
        cmocka_unit_test(gated_gradients_follow_the_loss),
        cmocka_unit_test(gradients_without_norms_follow_the_loss),
    };
    return cmocka_run_group_tests_name("blocks", tests, open_for_trainings, close_after_trainings);
}
