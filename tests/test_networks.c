/*
 * Whole networks: one training step beside PyTorch's (tests/fixtures), buffers shared or not, a few
 * pairs learned by heart, a model saved and loaded.
 */
#include "base/streams.h"
#include "data/batches.h"
#include "models/model_file.h"
#include "network_bench.h"

/* ---- Beside PyTorch ---- */

static float largest(const float *values, size_t count)
{
    float most = 0;
    for (size_t i = 0; i < count; i++)
        most = fmaxf(most, fabsf(values[i]));
    return most;
}

/* Within tolerance, relative to the tensor's largest value; NaN never is. */
static void compare(const float *got, const struct stored_tensor *wanted, double tolerance,
                    double floor)
{
    const float *values = wanted->data;
    size_t count = stored_elements(wanted);
    double allowed = fmax(tolerance * largest(values, count), floor);
    for (size_t i = 0; i < count; i++)
        if (!(fabs((double)got[i] - values[i]) <= allowed))
            fail_msg("%s[%zu] is %.9g and should be %.9g (within %.3g)", wanted->name, i, got[i],
                     values[i], allowed);
}

/* A tensor of both heads side by side, each beside its own largest value. */
static void compare_heads(const float *got, const struct stored_tensor *wanted, double tolerance,
                          double floor)
{
    enum { HEADS = 2 };
    const float *values = wanted->data;
    size_t count = stored_elements(wanted) / HEADS;
    for (size_t head = 0; head < HEADS; head++) {
        float *mine = allocate(count, sizeof *mine), *theirs = allocate(count, sizeof *theirs);
        assert_true(mine && theirs);
        for (size_t i = 0; i < count; i++) {
            mine[i] = got[i * HEADS + head];
            theirs[i] = values[i * HEADS + head];
        }
        struct stored_tensor part = {
            .name = wanted->name, .data = theirs, .dimensions = 1, .shape = {count}};
        compare(mine, &part, tolerance, floor);
        free(mine);
        free(theirs);
    }
}

static void compare_buffer(cl_mem buffer, const struct stored_tensor *wanted, double tolerance,
                           double floor)
{
    float *got = read_values(buffer, stored_elements(wanted));
    if (strstr(wanted->name, "heads/"))
        compare_heads(got, wanted, tolerance, floor);
    else
        compare(got, wanted, tolerance, floor);
    free(got);
}

static const char *const sources[] = {"a", "b"}; /* as the fixtures call them */

static void compare_outputs(const network *n, const safetensors *file, const char *group)
{
    for (int k = 0; k < n->mixture.sources; k++) {
        float *got = read_source(n, k);
        compare(got, stored(file, group, sources[k]), 1e-5, 1e-5);
        free(got);
    }
}

/* Gradients that are zero by nature (biases before a batch norm) are rounding noise on both sides:
 * only their size is compared. */
static const double gradient_noise = 5e-7;

static void compare_gradients(const params *p, const safetensors *file)
{
    for (size_t i = 0; i < p->count; i++)
        if (param_is_trainable(p->items[i]))
            compare_buffer(p->items[i]->gradient, stored(file, "grad/", p->items[i]->name), 1e-4,
                           gradient_noise);
}

/*
 * Adam's first step is rate * g / (|g| + 3e-6): it divides a gradient by its own size. What the
 * gradients may differ by therefore counts the more, the smaller the gradient is.
 */
static void compare_step(const params *p, const safetensors *file, double rate)
{
    for (size_t k = 0; k < p->count; k++) {
        const param *item = p->items[k];
        const struct stored_tensor *wanted = stored(file, "after/", item->name);
        if (!param_is_trainable(item)) {
            compare_buffer(item->data, wanted, 1e-5, 1e-6);
            continue;
        }
        const float *gradient = stored(file, "grad/", item->name)->data;
        const float *values = wanted->data;
        float *got = read_values(item->data, item->count);
        double error = 1e-4 * largest(gradient, item->count) + gradient_noise;
        for (size_t i = 0; i < item->count; i++) {
            double share = fmin(1, error / (fabs(gradient[i]) + 3e-6));
            double allowed = 1e-6 + 2 * rate * share;
            if (!(fabs((double)got[i] - values[i]) <= allowed))
                fail_msg("after/%s[%zu] is %.9g and should be %.9g (within %.3g)", item->name, i,
                         got[i], values[i], allowed);
        }
        free(got);
    }
}

static void matches_pytorch(const char *name)
{
    const double rate = 1e-3;
    safetensors *file = fixture_of(name);
    bench b = bench_of_fixture(file, (struct plan_options){0});

    must(plan_forward(b.infer->plan));
    compare_outputs(b.infer, file, "infer/");

    must(plan_forward(b.train->plan));
    compare_outputs(b.train, file, "train/");
    float losses[SOURCES_MAX];
    read_losses(b.train, losses);
    for (int k = 0; k < b.train->mixture.sources; k++)
        compare(&losses[k], stored(file, "loss/", sources[k]), 1e-5, 0);

    must(plan_backward(b.train->plan));
    compare_gradients(b.params, file);

    must(optimizer_step(b.optimizer, rate, b.status));
    compare_step(b.params, file, rate);

    bench_close(&b);
    safetensors_free(file);
}

static void relu_matches_pytorch(void **state)
{
    (void)state;
    matches_pytorch("relu");
}

static void leaky_relu_matches_pytorch(void **state)
{
    (void)state;
    matches_pytorch("leaky_relu");
}

static void tanh_matches_pytorch(void **state)
{
    (void)state;
    matches_pytorch("tanh");
}

static void sigmoid_matches_pytorch(void **state)
{
    (void)state;
    matches_pytorch("sigmoid");
}

static void transformer_matches_pytorch(void **state)
{
    (void)state;
    matches_pytorch("transformer");
}

/* ---- Sharing buffers changes nothing ---- */

/* Takes both over; on each stands what the other one's start is. */
static void same_results(bench *shared, bench *separate)
{
    assert_true(shared->train->plan->planned_bytes < separate->train->plan->planned_bytes);
    bench *both[] = {shared, separate};
    for (int i = 0; i < 2; i++) {
        must(plan_forward(both[i]->infer->plan));
        must(plan_forward(both[i]->train->plan));
        must(plan_backward(both[i]->train->plan));
    }
    size_t count = shape_count(shared->train->output->shape);
    assert_same_bits(shared->infer->output->data, separate->infer->output->data, count,
                     "the output");
    assert_same_bits(shared->train->output->data, separate->train->output->data, count,
                     "the training output");
    for (size_t i = 0; i < shared->params->count; i++) {
        const param *a = shared->params->items[i], *b = separate->params->items[i];
        assert_same_bits(a->data, b->data, a->count, a->name);
        if (param_is_trainable(a))
            assert_same_bits(a->gradient, b->gradient, a->count, a->name);
    }
    bench_close(shared);
    bench_close(separate);
}

static void shared_buffers_change_nothing(const char *name)
{
    safetensors *file = fixture_of(name);
    bench shared = bench_of_fixture(file, (struct plan_options){0});
    bench separate = bench_of_fixture(file, (struct plan_options){.separate = true});
    same_results(&shared, &separate);
    safetensors_free(file);
}

static void shared_buffers_change_no_unet(void **state)
{
    (void)state;
    shared_buffers_change_nothing("relu");
}

static void shared_buffers_change_no_transformer(void **state)
{
    (void)state;
    shared_buffers_change_nothing("transformer");
}

/* ---- Learning ---- */

static bench small_bench(int batch)
{
    static const char *const overrides[] = {"model.filters=4", "data.directory=tests/sample"};
    bench b = bench_open(overrides, 2, batch, (struct plan_options){0});
    must(params_initialize(b.params, 2)); /* of seed 1 a head starts dead: relu of less than 0 */
    return b;
}

/* The first pairs of the training set, once and for all. */
static void show_pairs(const bench *b)
{
    batches *pairs;
    const network *n = b->train;
    must(batches_open(&pairs, opened, &b->settings->data, 1, false));
    must(batches_next(pairs, SPLIT_TRAIN, 1, STREAM_TRAIN, 0, n->batch, n->input->data,
                      n->truth->data));
    must(device_finish(opened));
    batches_close(pairs);
}

/* ---- Fusing passes changes nothing ---- */

/* Any values, of which neighbours differ. */
static void write_pattern(const tensor *t, int period)
{
    size_t count = shape_count(t->shape);
    float *values = allocate(count, sizeof *values);
    assert_non_null(values);
    for (size_t i = 0; i < count; i++)
        values[i] = (float)(i * i % (size_t)period) / (float)period;
    write_tensor(t, values);
    free(values);
}

/* What a case sets beyond this; ends with NULL. */
enum { EXTRAS = 4 };

static bench wide_bench(const char *const extras[EXTRAS], bool separate)
{
    const char *overrides[6 + EXTRAS] = {"model.filters=16", "model.width=48", "model.key_size=16",
                                         "model.ffn=32",     "model.blocks=1", "data.size=16x16"};
    size_t count = 6;
    for (int i = 0; i < EXTRAS && extras[i]; i++)
        overrides[count++] = extras[i];
    bench b = bench_open(overrides, count, 2, (struct plan_options){.separate = separate});
    must(params_initialize(b.params, 1));
    write_pattern(b.train->input, 251);
    write_pattern(b.train->truth, 241);
    plan_forward(b.train->plan); /* moving statistics of their own */
    must(buffer_copy(opened, b.train->input->data, 0, b.infer->input->data, 0,
                     shape_count(b.train->input->shape) * sizeof(float)));
    return b;
}

/* At 16 channels concatenations and batch norms are left to their readers, but not when each tensor
 * has a buffer of its own. */
static void fused_passes_change_nothing(void **state)
{
    (void)state;
    enum { TANH = 2 };
    static const char *const cases[][EXTRAS] = {
        {"model.architecture=unet", "model.activation=relu"},
        {"model.architecture=unet", "model.activation=leaky_relu"},
        {"model.architecture=unet", "model.activation=tanh"},
        {"model.architecture=unet", "model.residual=true", "model.convolutions=3",
         "model.consistent=true"},
        {"model.architecture=unet", "model.residual=true", "model.convolutions=3",
         "model.gated=true"},
        {"model.architecture=unet-transformer"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bench fused = wide_bench(cases[i], false);
        bench plain = wide_bench(cases[i], true);
        size_t skipped = 0, deferred = 0, left = 0;
        for (size_t k = 0; k < fused.train->graph->layer_count; k++) {
            skipped += fused.train->graph->layers[k]->skipped;
            deferred += fused.train->graph->layers[k]->output_deferred;
            left += fused.train->graph->layers[k]->gradient_deferred;
            assert_false(plain.train->graph->layers[k]->skipped);
        }
        assert_true(skipped > 0);
        assert_true(deferred > 0 || i == TANH); /* which is dear: it is computed once */
        bool unet_on_cpu = !strcmp(cases[i][0], "model.architecture=unet") &&
                           opened->kernels == KERNELS_VECTOR; /* Winograd's */
        assert_int_equal(left > 0, unet_on_cpu && i != TANH);
        same_results(&fused, &plain);
    }
}

/* ---- Large batches are inferred in slices ---- */

enum { PIXELS = 32 * 32, SOURCES = 2 };

/* (count, PIXELS, SOURCES) */
static float *outputs_of(params *p, const settings *c, const float *mixtures, int count)
{
    network *n;
    size_t floats = (size_t)count * PIXELS;
    float *out = allocate(SOURCES * floats, sizeof *out);
    assert_non_null(out);
    must(network_new(&n, p, c, count, NETWORK_INFER));
    if (!p->values) {
        must(params_allocate(p, false));
        must(params_initialize(p, 1));
    }
    must(network_prepare(n));
    must(buffer_write(opened, n->input->data, 0, mixtures, floats * sizeof *mixtures));
    must(network_forward(n));
    must(buffer_read(opened, n->output->data, 0, out, SOURCES * floats * sizeof *out));
    network_free(n);
    return out;
}

static void slices_change_nothing(void **state)
{
    (void)state;
    const int many = opened->kernels == KERNELS_VECTOR ? 140 : 6, half_of_them = many / 2;
    static const char *const overrides[] = {"model.filters=4"};
    settings *s;
    params *p;
    must(settings_load(&s, NULL, overrides, 1));
    must(params_new(&p, opened));
    float *mixtures = allocate((size_t)(many * PIXELS), sizeof *mixtures);
    assert_non_null(mixtures);
    for (int i = 0; i < many * PIXELS; i++)
        mixtures[i] = (float)(i % 251) / 251;
    float *whole = outputs_of(p, s, mixtures, many);
    for (int half = 0; half < 2; half++) {
        float *part = outputs_of(p, s, mixtures + half * half_of_them * PIXELS, half_of_them);
        assert_memory_equal(whole + half * half_of_them * PIXELS * SOURCES, part,
                            (size_t)(half_of_them * PIXELS * SOURCES) * sizeof *part);
        free(part);
    }
    free(whole);
    free(mixtures);
    params_free(p);
    settings_free(s);
}

static void train_steps(bench *b, int steps)
{
    for (int i = 0; i < steps; i++)
        train_step(b, 5e-3);
}

static float total_loss(const bench *b)
{
    float losses[SOURCES_MAX];
    read_losses(b->train, losses);
    return losses[0] + losses[1];
}

static void eight_pairs_are_learned_by_heart(void **state)
{
    (void)state;
    bench b = small_bench(8);
    show_pairs(&b);
    train_steps(&b, 1);
    float first = total_loss(&b);
    train_steps(&b, 200);
    float last = total_loss(&b);
    if (!(last * 10 <= first))
        fail_msg("the loss went from %g only to %g", first, last);
    bench_close(&b);
}

/* ---- Model files ---- */

static void a_saved_model_gives_the_same_output(void **state)
{
    (void)state;
    const char *path = scratch_path("model.safetensors");
    bench b = small_bench(2), again = small_bench(2);
    model_file file;
    show_pairs(&b);
    train_steps(&b, 3);
    must(model_save(path, b.params, b.settings, &b.settings->data.mixture, NULL));
    must(model_open(path, NULL, 0, &file));
    assert_int_equal(file.settings->stages[0].filters[0], 4);
    must(params_load(again.params, file.tensors, path));
    model_close(&file);

    bench *both[] = {&b, &again};
    float *mixture = read_tensor(b.train->input);
    for (int i = 0; i < 2; i++) {
        write_tensor(both[i]->infer->input, mixture);
        must(plan_forward(both[i]->infer->plan));
    }
    assert_same_bits(b.infer->output->data, again.infer->output->data,
                     shape_count(b.infer->output->shape), "the output of the saved model");
    free(mixture);
    bench_close(&b);
    bench_close(&again);
}

static void a_model_of_another_size_is_refused(void **state)
{
    (void)state;
    const char *path = scratch_path("model.safetensors");
    static const char *const larger[] = {"model.filters=5"};
    model_file file;
    bench b = small_bench(1), other = bench_open(larger, 1, 1, (struct plan_options){0});
    must(model_save(path, b.params, b.settings, &b.settings->data.mixture, NULL));
    must(model_open(path, NULL, 0, &file));
    assert_int_equal(params_load(other.params, file.tensors, path), -1);
    assert_error(STATUS_DATA, path, "encoder1/conv1/kernel");
    model_close(&file);
    bench_close(&b);
    bench_close(&other);
}

static void published_sizes_are_counted_as_keras_does(void **state)
{
    (void)state;
    static const struct {
        const char *filters;
        size_t total, trainable;
    } sizes[] = {{"model.filters=32", 519746, 518466},
                 {"model.filters=64", 2071682, 2069122},
                 {"model.filters=128", 8272130, 8267010}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        settings *s;
        params *p;
        network *n;
        must(settings_load(&s, NULL, &sizes[i].filters, 1));
        must(params_new(&p, NULL));
        must(network_new(&n, p, s, 32, NETWORK_TRAIN));
        assert_int_equal(params_total(p), sizes[i].total);
        assert_int_equal(params_trainable(p), sizes[i].trainable);
        network_free(n);
        params_free(p);
        settings_free(s);
    }
}

static int open_cpu16(void **state)
{
    return open_class(state, "cpu16");
}

static int open_cpu8(void **state)
{
    return open_class(state, "cpu8");
}

static int open_cpu4(void **state)
{
    return open_class(state, "cpu4");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_sizes_are_counted_as_keras_does),
        cmocka_unit_test(relu_matches_pytorch),
        cmocka_unit_test(leaky_relu_matches_pytorch),
        cmocka_unit_test(tanh_matches_pytorch),
        cmocka_unit_test(sigmoid_matches_pytorch),
        cmocka_unit_test(transformer_matches_pytorch),
        cmocka_unit_test(shared_buffers_change_no_unet),
        cmocka_unit_test(shared_buffers_change_no_transformer),
        cmocka_unit_test(fused_passes_change_nothing),
        cmocka_unit_test(slices_change_nothing),
        cmocka_unit_test(a_saved_model_gives_the_same_output),
        cmocka_unit_test(a_model_of_another_size_is_refused),
    };
    /* 200 steps: once, with the kernels that are quick on a CPU */
    const struct CMUnitTest learning[] = {cmocka_unit_test(eight_pairs_are_learned_by_heart)};
    const struct CMUnitTest sized[] = {cmocka_unit_test(relu_matches_pytorch),
                                       cmocka_unit_test(transformer_matches_pytorch)};
    int failed =
        cmocka_run_group_tests_name("networks, vector kernels", tests, open_vector, close_device);
    failed +=
        cmocka_run_group_tests_name("networks, tiled kernels", tests, open_tiled, close_device);
    failed += cmocka_run_group_tests_name("networks, cpu16", sized, open_cpu16, close_device);
    failed += cmocka_run_group_tests_name("networks, cpu8", sized, open_cpu8, close_device);
    failed += cmocka_run_group_tests_name("networks, cpu4", sized, open_cpu4, close_device);
    return failed +
           cmocka_run_group_tests_name("networks, learning", learning, open_vector, close_device);
}
