/* The layer table, and layers, parameters and memory of the published networks. All without a
 * device. */
#include "models/network.h"
#include "nn/summary.h"
#include "scratch.h"

static void draw(const char *const *overrides, size_t count, network **n, params **p)
{
    settings *s;
    assert_int_equal(settings_load(&s, NULL, overrides, count), 0);
    assert_int_equal(params_new(p, NULL), 0);
    assert_int_equal(network_new(n, *p, s, 32, NETWORK_INFER), 0);
    settings_free(s);
}

/* The network of a config, with a setting of one's choice (NULL for none). */
static void draw_config(const char *config, const char *setting, int batch, enum network_use use,
                        network **n, params **p)
{
    settings *s;
    if (settings_load(&s, config, &setting, setting != NULL) || params_new(p, NULL) ||
        network_new(n, *p, s, batch, use))
        fail_msg("%s: %s", config, error_message());
    settings_free(s);
}

static void counts_match_the_published_networks(void **state)
{
    (void)state;
    static const struct {
        const char *filters;
        size_t total, trainable; /* 0: not published */
    } cases[] = {{"model.filters=128", 8272130, 8267010},
                 {"model.filters=64", 2071682, 0},
                 {"model.filters=32", 519746, 0}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        network *n;
        params *p;
        draw(&cases[i].filters, 1, &n, &p);
        size_t sum = 0;
        summary_row *rows = summary_rows(n->plan);
        assert_non_null(rows);
        for (size_t k = 0; k < n->graph->layer_count; k++)
            sum += rows[k].parameters;
        free(rows);
        assert_int_equal(sum, cases[i].total);
        assert_int_equal(params_total(p), cases[i].total);
        if (cases[i].trainable)
            assert_int_equal(params_trainable(p), cases[i].trainable);
        network_free(n);
        params_free(p);
    }
}

static void rows_tell_shapes_and_buffers(void **state)
{
    (void)state;
    const char *filters = "model.filters=8";
    network *n;
    params *p;
    draw(&filters, 1, &n, &p);
    summary_row *rows = summary_rows(n->plan);
    assert_non_null(rows);
    assert_string_equal(rows[0].type, "conv2d");
    assert_true(shape_equal(rows[0].output, (shape){32, 32, 32, 8}));
    assert_int_equal(rows[0].parameters, 3 * 3 * 1 * 8 + 8);
    assert_int_equal(rows[0].bytes, 32 * 32 * 32 * 8 * 4);
    for (size_t i = 0; i < n->graph->layer_count; i++) {
        if (n->graph->layers[i]->skipped) { /* a join that its readers do */
            assert_int_equal(rows[i].buffer, -1);
            assert_int_equal(rows[i].bytes, 0);
            continue;
        }
        assert_true(rows[i].buffer >= 0 && (size_t)rows[i].buffer < n->plan->buffer_count);
        assert_true(rows[i].bytes <= n->plan->buffer_bytes[rows[i].buffer]);
    }
    free(rows);
    network_free(n);
    params_free(p);
}

static void table_names_every_layer(void **state)
{
    (void)state;
    const char *filters = "model.filters=64";
    network *n;
    params *p;
    char *text = NULL;
    size_t length, lines = 0;
    draw(&filters, 1, &n, &p);
    FILE *out = open_memstream(&text, &length);
    assert_non_null(out);
    assert_int_equal(summary_print(n->plan, out), 0);
    assert_int_equal(fclose(out), 0);
    for (size_t i = 0; i < length; i++)
        lines += text[i] == '\n';
    assert_int_equal(lines, n->graph->layer_count + 1);
    for (size_t i = 0; i < n->graph->layer_count; i++)
        assert_non_null(strstr(text, n->graph->layers[i]->name));
    free(text);
    network_free(n);
    params_free(p);
}

static void counts_have_commas(void **state)
{
    (void)state;
    char text[32], narrow[4];
    assert_string_equal(summary_count(0, text, sizeof text), "0");
    assert_string_equal(summary_count(999, text, sizeof text), "999");
    assert_string_equal(summary_count(1000, text, sizeof text), "1,000");
    assert_string_equal(summary_count(8272130, text, sizeof text), "8,272,130");
    assert_string_equal(summary_count(SIZE_MAX, text, sizeof text), "18,446,744,073,709,551,615");
    summary_count(123456, narrow, sizeof narrow); /* cut, but a string */
    assert_true(strlen(narrow) < sizeof narrow);
}

/* ---- The UNet-Transformer ---- */

/* What Keras counts for a layer of c inputs: weights, biases; a batch norm has moving statistics too. */
#define CONV(size, inputs, filters) ((size) * (size) * (inputs) * (filters) + (filters))
#define DENSE(inputs, units) ((inputs) * (units) + (units))
#define BATCH_NORM(channels) (4 * (channels))
#define LAYER_NORM(channels) (2 * (channels))

/*
 * The reference's layers for one image, (h, w, c) of the output and parameters. Left out:
 * activations, which keep their input's shape, the bottleneck's blocks 2 and 3, which are as block 1,
 * and decoder_b, which is as decoder_a.
 */
static const struct reference_row {
    const char *name;
    int h, w, c;
    size_t parameters;
} reference[] = {
    {"encoder1/conv1", 32, 32, 32, CONV(3, 1, 32)},
    {"encoder1/conv2", 32, 32, 32, CONV(3, 32, 32)},
    {"encoder1/pool", 16, 16, 32, 0},
    {"encoder2/conv1", 16, 16, 64, CONV(3, 32, 64)},
    {"encoder2/conv2", 16, 16, 64, CONV(3, 64, 64)},
    {"encoder2/pool", 8, 8, 64, 0},
    {"encoder3/conv1", 8, 8, 128, CONV(3, 64, 128)},
    {"encoder3/conv2", 8, 8, 128, CONV(3, 128, 128)},
    {"encoder3/pool", 4, 4, 128, 0},

    {"bottleneck/embed", 4, 4, 192, DENSE(128, 192)},
    {"bottleneck/position", 4, 4, 192, 16 * 192},
    {"bottleneck/block1/norm1", 4, 4, 192, LAYER_NORM(192)},
    {"bottleneck/block1/attention/query", 4, 4, 4 * 192, DENSE(192, 4 * 192)},
    {"bottleneck/block1/attention/key", 4, 4, 4 * 192, DENSE(192, 4 * 192)},
    {"bottleneck/block1/attention/value", 4, 4, 4 * 192, DENSE(192, 4 * 192)},
    {"bottleneck/block1/attention/heads", 4, 4, 4 * 192, 0},
    {"bottleneck/block1/attention/output", 4, 4, 192, DENSE(4 * 192, 192)},
    {"bottleneck/block1/dropout1", 4, 4, 192, 0},
    {"bottleneck/block1/add1", 4, 4, 192, 0},
    {"bottleneck/block1/norm2", 4, 4, 192, LAYER_NORM(192)},
    {"bottleneck/block1/ffn1", 4, 4, 640, DENSE(192, 640)},
    {"bottleneck/block1/ffn2", 4, 4, 192, DENSE(640, 192)},
    {"bottleneck/block1/dropout2", 4, 4, 192, 0},
    {"bottleneck/block1/add2", 4, 4, 192, 0},

    {"decoder_a/stage1/up", 8, 8, 128, CONV(3, 192, 128)},
    {"decoder_a/stage1/norm1", 8, 8, 128, BATCH_NORM(128)},
    {"decoder_a/stage1/join", 8, 8, 256, 0},
    {"decoder_a/stage1/conv", 8, 8, 128, CONV(3, 256, 128)},
    {"decoder_a/stage1/norm2", 8, 8, 128, BATCH_NORM(128)},
    {"decoder_a/stage1/cbam/pool", 2, 1, 128, 0},
    {"decoder_a/stage1/cbam/mlp1", 2, 1, 8, DENSE(128, 8)},
    {"decoder_a/stage1/cbam/mlp2", 2, 1, 128, DENSE(8, 128)},
    {"decoder_a/stage1/cbam/sum", 1, 1, 128, 0},
    {"decoder_a/stage1/cbam/channels", 8, 8, 128, 0},
    {"decoder_a/stage1/cbam/channel_pool", 8, 8, 2, 0},
    {"decoder_a/stage1/cbam/spatial", 8, 8, 1, 7 * 7 * 2},
    {"decoder_a/stage1/cbam/pixels", 8, 8, 128, 0},

    {"decoder_a/stage2/up", 16, 16, 64, CONV(3, 128, 64)},
    {"decoder_a/stage2/norm1", 16, 16, 64, BATCH_NORM(64)},
    {"decoder_a/stage2/join", 16, 16, 128, 0},
    {"decoder_a/stage2/conv", 16, 16, 64, CONV(3, 128, 64)},
    {"decoder_a/stage2/norm2", 16, 16, 64, BATCH_NORM(64)},
    {"decoder_a/stage2/cbam/pool", 2, 1, 64, 0},
    {"decoder_a/stage2/cbam/mlp1", 2, 1, 4, DENSE(64, 4)},
    {"decoder_a/stage2/cbam/mlp2", 2, 1, 64, DENSE(4, 64)},
    {"decoder_a/stage2/cbam/sum", 1, 1, 64, 0},
    {"decoder_a/stage2/cbam/channels", 16, 16, 64, 0},
    {"decoder_a/stage2/cbam/channel_pool", 16, 16, 2, 0},
    {"decoder_a/stage2/cbam/spatial", 16, 16, 1, 7 * 7 * 2},
    {"decoder_a/stage2/cbam/pixels", 16, 16, 64, 0},

    {"decoder_a/sub/conv", 8, 8, 64, CONV(3, 64, 64)},
    {"decoder_a/sub/norm1", 8, 8, 64, BATCH_NORM(64)},
    {"decoder_a/sub/block/norm1", 8, 8, 64, LAYER_NORM(64)},
    {"decoder_a/sub/block/attention/query", 8, 8, 2 * 64, DENSE(64, 2 * 64)},
    {"decoder_a/sub/block/attention/key", 8, 8, 2 * 64, DENSE(64, 2 * 64)},
    {"decoder_a/sub/block/attention/value", 8, 8, 2 * 64, DENSE(64, 2 * 64)},
    {"decoder_a/sub/block/attention/heads", 8, 8, 2 * 64, 0},
    {"decoder_a/sub/block/attention/output", 8, 8, 64, DENSE(2 * 64, 64)},
    {"decoder_a/sub/block/dropout1", 8, 8, 64, 0},
    {"decoder_a/sub/block/add1", 8, 8, 64, 0},
    {"decoder_a/sub/block/norm2", 8, 8, 64, LAYER_NORM(64)},
    {"decoder_a/sub/block/ffn1", 8, 8, 128, DENSE(64, 128)},
    {"decoder_a/sub/block/ffn2", 8, 8, 64, DENSE(128, 64)},
    {"decoder_a/sub/block/dropout2", 8, 8, 64, 0},
    {"decoder_a/sub/block/add2", 8, 8, 64, 0},
    {"decoder_a/sub/up", 16, 16, 64, CONV(3, 64, 64)},
    {"decoder_a/sub/norm2", 16, 16, 64, BATCH_NORM(64)},

    {"decoder_a/stage3/up", 32, 32, 32, CONV(3, 64, 32)},
    {"decoder_a/stage3/norm1", 32, 32, 32, BATCH_NORM(32)},
    {"decoder_a/stage3/join", 32, 32, 64, 0},
    {"decoder_a/stage3/conv", 32, 32, 32, CONV(3, 64, 32)},
    {"decoder_a/stage3/norm2", 32, 32, 32, BATCH_NORM(32)},
    {"decoder_a/stage3/cbam/pool", 2, 1, 32, 0},
    {"decoder_a/stage3/cbam/mlp1", 2, 1, 2, DENSE(32, 2)},
    {"decoder_a/stage3/cbam/mlp2", 2, 1, 32, DENSE(2, 32)},
    {"decoder_a/stage3/cbam/sum", 1, 1, 32, 0},
    {"decoder_a/stage3/cbam/channels", 32, 32, 32, 0},
    {"decoder_a/stage3/cbam/channel_pool", 32, 32, 2, 0},
    {"decoder_a/stage3/cbam/spatial", 32, 32, 1, 7 * 7 * 2},
    {"decoder_a/stage3/cbam/pixels", 32, 32, 32, 0},

    {"head_a", 32, 32, 1, CONV(3, 32, 1)},
    {"head_b", 32, 32, 1, CONV(3, 32, 1)},
};
enum { REFERENCE_ROWS = sizeof reference / sizeof *reference };

/* Where the reference's layers stand in the network: those whose names begin with `rows`, `as`. */
static const struct part {
    const char *rows, *as;
} parts[] = {
    {"encoder", "encoder"},
    {"bottleneck/embed", "bottleneck/embed"},
    {"bottleneck/position", "bottleneck/position"},
    {"bottleneck/block1/", "bottleneck/block1/"},
    {"bottleneck/block1/", "bottleneck/block2/"},
    {"bottleneck/block1/", "bottleneck/block3/"},
    {"decoder_a/", "decoder_a/"},
    {"decoder_a/", "decoder_b/"},
    {"head_", "head_"},
};

static void assert_row(const summary_row *got, const struct reference_row *wanted,
                       const struct part *part)
{
    char name[64];
    snprintf(name, sizeof name, "%s%s", part->as, wanted->name + strlen(part->rows));
    assert_string_equal(got->name, name);
    if (!shape_equal(got->output, (shape){1, wanted->h, wanted->w, wanted->c}) ||
        got->parameters != wanted->parameters)
        fail_msg("%s is (%d, %d, %d) with %zu parameters and should be (%d, %d, %d) with %zu", name,
                 got->output.h, got->output.w, got->output.c, got->parameters, wanted->h, wanted->w,
                 wanted->c, wanted->parameters);
}

/* Goes to the next row that is no activation; those it passes keep the shape. */
static size_t next_row(const summary_row *rows, size_t count, size_t i)
{
    for (i++; i < count && !strcmp(rows[i].type, "activation"); i++)
        assert_true(shape_equal(rows[i].output, rows[i - 1].output));
    return i;
}

/* The rows from `at` on are that part; returns where the next one begins. */
static size_t assert_part(const summary_row *rows, size_t count, size_t at, const struct part *part)
{
    for (int i = 0; i < REFERENCE_ROWS; i++)
        if (!strncmp(reference[i].name, part->rows, strlen(part->rows))) {
            assert_in_range(at, 0, count - 1);
            assert_row(&rows[at], &reference[i], part);
            at = next_row(rows, count, at);
        }
    return at;
}

static void transformer_has_the_layers_of_the_reference(void **state)
{
    (void)state;
    network *n;
    params *p;
    draw_config("configs/unet-transformer.ini", NULL, 1, NETWORK_INFER, &n, &p);
    summary_row *rows = summary_rows(n->plan);
    size_t at = 0, count = n->graph->layer_count;
    assert_non_null(rows);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        at = assert_part(rows, count, at, &parts[i]);
    assert_string_equal(rows[at].name, "outputs_b"); /* unblend has both in one tensor */
    assert_int_equal(at + 1, count);
    free(rows);
    network_free(n);
    params_free(p);
}

/* The counts are those of the same models in tools/torch_unet_transformer.py. */
static const struct variant {
    const char *config, *setting;
    size_t total, trainable;
    bool cbam, sub_blocks, transformer;
} variants[] = {
    {"configs/unet-transformer.ini", NULL, 4494474, 4492170, true, true, true},
    {"configs/unet-transformer.ini", "model.train_position=false", 4494474, 4489098, true, true,
     true},
    {"configs/unet-transformer-cbam.ini", NULL, 4245642, 4243850, true, false, true},
    {"configs/unet-transformer-baseline.ini", NULL, 4239202, 4237410, false, false, true},
    {"configs/unet-transformer.ini", "model.cbam=false", 4488034, 4485730, false, true, true},
    {"configs/unet-transformer.ini", "model.blocks=0", 1800138, 1797834, true, true, false},
};

static void transformer_variants_are_what_they_are_called(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof variants / sizeof *variants; i++) {
        const struct variant *v = &variants[i];
        network *n;
        params *p;
        draw_config(v->config, v->setting, 1, NETWORK_INFER, &n, &p);
        assert_int_equal(params_total(p), v->total);
        assert_int_equal(params_trainable(p), v->trainable);
        assert_int_equal(graph_find(n->graph, "decoder_b/stage3/cbam/pixels") != NULL, v->cbam);
        assert_int_equal(graph_find(n->graph, "decoder_b/sub/up") != NULL, v->sub_blocks);
        assert_int_equal(graph_find(n->graph, "bottleneck/block3/add2") != NULL, v->transformer);
        network_free(n);
        params_free(p);
    }
}

/* The share of memory that the plan takes of what separate buffers would. */
static double planned_share(enum network_use use)
{
    network *n;
    params *p;
    draw_config("configs/unet-transformer.ini", NULL, 256, use, &n, &p);
    double share = (double)n->plan->planned_bytes / (double)n->plan->separate_bytes;
    network_free(n);
    params_free(p);
    return share;
}

static void transformer_shares_its_memory(void **state)
{
    (void)state;
    assert_true(planned_share(NETWORK_TRAIN) <= 0.6);
    assert_true(planned_share(NETWORK_INFER) <= 0.25);
}

static void transformer_configs_have_the_published_recipe(void **state)
{
    (void)state;
    static const char *const configs[] = {"configs/unet-transformer.ini",
                                          "configs/unet-transformer-cbam.ini",
                                          "configs/unet-transformer-baseline.ini"};
    for (size_t i = 0; i < sizeof configs / sizeof *configs; i++) {
        settings *s;
        assert_int_equal(settings_load(&s, configs[i], NULL, 0), 0);
        assert_int_equal(s->stages[0].architecture, ARCHITECTURE_unet_transformer);
        assert_int_equal(s->train.batch, 256);
        assert_int_equal(s->train.steps_per_epoch, 1000);
        assert_int_equal(s->train.epochs, 80);
        assert_true(s->train.learning_rate == 1e-3);
        assert_int_equal(s->train.monitor, MONITOR_LOSS);
        assert_int_equal(s->train.schedule, SCHEDULE_PLATEAU);
        assert_true(s->train.rate_factor == 0.5);
        assert_true(s->train.rate_min == 1e-6);
        assert_int_equal(s->train.plateau_patience, 5);
        assert_int_equal(s->train.stop_patience, 5);
        assert_true(s->stages[0].dropout == 0.1);
        assert_true(s->data.validation == 0);
        settings_free(s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_match_the_published_networks),
        cmocka_unit_test(rows_tell_shapes_and_buffers),
        cmocka_unit_test(table_names_every_layer),
        cmocka_unit_test(counts_have_commas),
        cmocka_unit_test(transformer_has_the_layers_of_the_reference),
        cmocka_unit_test(transformer_variants_are_what_they_are_called),
        cmocka_unit_test(transformer_shares_its_memory),
        cmocka_unit_test(transformer_configs_have_the_published_recipe),
    };
    return cmocka_run_group_tests_name("summary", tests, NULL, NULL);
}
