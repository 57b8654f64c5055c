/*
 * Training the UNet-Transformer: ten steps beside PyTorch's (tests/fixtures), and every variant that
 * the settings allow takes a step and infers.
 */
#include "network_bench.h"

/* ---- Beside PyTorch ---- */

/* Batch number `step` of tensors (steps, n, h, w, 1). */
static const float *batch_of(const safetensors *file, const char *name, size_t step)
{
    const struct stored_tensor *t = stored(file, "", name);
    return (const float *)t->data + step * (stored_elements(t) / t->shape[0]);
}

static void show_batch(const bench *b, const safetensors *file, size_t step)
{
    write_tensor(b->infer->input, batch_of(file, "x", step));
    write_tensor(b->train->input, batch_of(file, "x", step));
    write_truths(b->train, (const float *[]){batch_of(file, "a", step), batch_of(file, "b", step)});
}

static void compare_losses(const bench *b, const safetensors *file, size_t step)
{
    static const char *const heads[] = {"a", "b"};
    float losses[SOURCES_MAX];
    read_losses(b->train, losses);
    for (int i = 0; i < b->train->mixture.sources; i++) {
        double wanted = ((const float *)stored(file, "loss/", heads[i])->data)[step];
        if (!(fabs(losses[i] - wanted) <= 1e-3 * wanted))
            fail_msg("the loss of head %s in step %zu is %.9g and should be %.9g (within 0.1 %%)",
                     heads[i], step + 1, losses[i], wanted);
    }
}

static void ten_steps_match_pytorch(void **state)
{
    (void)state;
    safetensors *start = fixture_of("transformer"), *steps = fixture_of("transformer_steps");
    bench b = bench_of_fixture(start, (struct plan_options){0});
    size_t count = stored(steps, "", "x")->shape[0];
    assert_int_equal(count, 10);
    for (size_t i = 0; i < count; i++) {
        show_batch(&b, steps, i);
        train_step(&b, 1e-3);
        compare_losses(&b, steps, i);
    }
    bench_close(&b);
    safetensors_free(start);
    safetensors_free(steps);
}

/* ---- Variants ---- */

/* A tiny UNet-Transformer with one setting of one's choice, its first batch in front of it. */
static bench tiny_bench(const char *setting)
{
    const char *const overrides[] = {
        "model.architecture=unet-transformer",
        "model.filters=4",
        "model.cbam_ratio=2",
        "model.blocks=2",
        "model.width=12",
        "model.heads=2",
        "model.key_size=6",
        "model.ffn=10",
        "data.size=16x16",
        setting,
    };
    safetensors *file = fixture_of("transformer_steps");
    const size_t *dims = stored(file, "", "x")->shape;
    assert_true(dims[2] == 16 && dims[3] == 16);
    bench b = bench_open(overrides, sizeof overrides / sizeof *overrides, (int)dims[1],
                         (struct plan_options){0});
    must(params_initialize(b.params, 1));
    show_batch(&b, file, 0);
    safetensors_free(file);
    return b;
}

static void assert_still_finite(const bench *b)
{
    int bad;
    must(buffer_read(opened, b->status, 0, &bad, sizeof bad));
    assert_int_equal(bad, 0);
    for (size_t i = 0; i < b->params->count; i++) {
        const param *item = b->params->items[i];
        float *values = read_values(item->data, item->count);
        assert_finite(values, item->count, item->name);
        free(values);
    }
}

/* Finite outputs of a sigmoid. */
static void assert_infers(bench *b)
{
    must(plan_forward(b->infer->plan));
    size_t count = shape_count(b->infer->output->shape);
    float *values = read_tensor(b->infer->output);
    for (size_t i = 0; i < count; i++)
        if (!(values[i] >= 0 && values[i] <= 1))
            fail_msg("output [%zu] is %g", i, values[i]);
    free(values);
}

/* A layer that the setting takes away, and one that it leaves. */
static void variant_works(const char *setting, const char *without, const char *with)
{
    bench b = tiny_bench(setting);
    float losses[SOURCES_MAX];
    if (graph_find(b.train->graph, without) || !graph_find(b.train->graph, with))
        fail_msg("%s: there should be a layer %s, and none %s", setting, with, without);
    float *before = read_values(b.params->values, b.params->value_floats);
    train_step(&b, 1e-3);
    float *after = read_values(b.params->values, b.params->value_floats);
    assert_memory_not_equal(before, after, b.params->value_floats * sizeof *before);
    read_losses(b.train, losses);
    assert_finite(losses, (size_t)b.train->mixture.sources, "the loss");
    assert_still_finite(&b);
    assert_infers(&b);
    free(before);
    free(after);
    bench_close(&b);
}

static void works_without_cbam(void **state)
{
    (void)state;
    variant_works("model.cbam=false", "decoder_a/stage1/cbam/pool", "decoder_b/sub/conv");
}

static void works_without_sub_blocks(void **state)
{
    (void)state;
    variant_works("model.sub_blocks=false", "decoder_b/sub/conv", "decoder_a/stage1/cbam/pool");
}

static void works_without_transformer(void **state)
{
    (void)state;
    variant_works("model.blocks=0", "bottleneck/embed", "decoder_b/sub/conv");
}

static void works_without_dropout(void **state)
{
    (void)state;
    variant_works("model.dropout=0", "bottleneck/block1/dropout1", "bottleneck/block1/add1");
}

static const param *param_named(const params *p, const char *name)
{
    for (size_t i = 0; i < p->count; i++)
        if (!strcmp(p->items[i]->name, name))
            return p->items[i];
    fail_msg("there is no param %s", name);
    return NULL;
}

/* Whether a step changes the position table. */
static bool step_moves_table(const char *setting)
{
    bench b = tiny_bench(setting);
    const param *table = param_named(b.params, "bottleneck/position");
    float *before = read_values(table->data, table->count);
    train_step(&b, 1e-3);
    assert_still_finite(&b);
    assert_infers(&b);
    float *after = read_values(table->data, table->count);
    bool moved = memcmp(before, after, table->count * sizeof *before);
    assert_true(moved == param_is_trainable(table));
    free(before);
    free(after);
    bench_close(&b);
    return moved;
}

static void the_position_table_moves_only_if_trained(void **state)
{
    (void)state;
    assert_true(step_moves_table("model.train_position=true"));
    assert_false(step_moves_table("model.train_position=false"));
}

/* ---- Dropout ---- */

/* Three steps of a network with dropout, as the trainer counts them. */
static bench trained_with_dropout(uint64_t seed)
{
    bench b = tiny_bench("model.dropout=0.5");
    b.step.seed = seed;
    for (; b.step.number < 3; b.step.number++)
        train_step(&b, 1e-3);
    return b;
}

static void dropout_follows_the_seed(void **state)
{
    (void)state;
    bench b = trained_with_dropout(7), again = trained_with_dropout(7);
    bench other = trained_with_dropout(8);
    size_t count = b.params->value_floats;
    assert_still_finite(&b);
    assert_same_bits(b.params->values, again.params->values, count, "a second training");
    float *mine = read_values(b.params->values, count);
    float *others = read_values(other.params->values, count);
    assert_memory_not_equal(mine, others, count * sizeof *mine);
    free(mine);
    free(others);
    bench_close(&b);
    bench_close(&again);
    bench_close(&other);
}

static void inference_drops_nothing(void **state)
{
    (void)state;
    bench with = trained_with_dropout(7), without = tiny_bench("model.dropout=0");
    must(buffer_copy(opened, with.params->values, 0, without.params->values, 0,
                     with.params->value_floats * sizeof(float)));
    without.params->version++;
    with.infer->plan->run.seed = 9;
    assert_infers(&with);
    assert_infers(&without);
    assert_same_bits(with.infer->output->data, without.infer->output->data,
                     shape_count(with.infer->output->shape), "the output with dropout");
    bench_close(&with);
    bench_close(&without);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ten_steps_match_pytorch),
        cmocka_unit_test(works_without_cbam),
        cmocka_unit_test(works_without_sub_blocks),
        cmocka_unit_test(works_without_transformer),
        cmocka_unit_test(works_without_dropout),
        cmocka_unit_test(the_position_table_moves_only_if_trained),
        cmocka_unit_test(dropout_follows_the_seed),
        cmocka_unit_test(inference_drops_nothing),
    };
    int failed = cmocka_run_group_tests_name("transformer, vector kernels", tests, open_vector,
                                             close_device);
    return failed + cmocka_run_group_tests_name("transformer, tiled kernels", tests, open_tiled,
                                                close_device);
}
