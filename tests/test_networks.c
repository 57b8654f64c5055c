/*
 * Whole networks: one training step beside PyTorch's (tests/fixtures), buffers shared or not, a few
 * pairs learned by heart, a model saved and loaded.
 */
#include "base/error.h"
#include "base/memory.h"
#include "base/streams.h"
#include "data/mixer.h"
#include "models/model_file.h"
#include "models/network.h"
#include "scratch.h"
#include "train/optimizer.h"
#include <math.h>

/* A network to train and one to infer, over the same parameters. */
typedef struct bench {
    settings *settings;
    params *params;
    network *train, *infer;
    optimizer *optimizer;
    cl_mem status; /* 0: no loss was bad */
} bench;

static device *opened;

static void must(int result)
{
    if (result)
        fail_msg("%s", error_message());
}

/* ---- The bench ---- */

static bench bench_open(const char *const *overrides, size_t count, shape mixture,
                        struct plan_options options)
{
    bench b = {0};
    must(settings_load(&b.settings, NULL, overrides, count));
    must(params_new(&b.params, opened));
    must(network_new_custom(&b.train, b.params, b.settings, mixture, NETWORK_TRAIN, options));
    must(network_new_custom(&b.infer, b.params, b.settings, mixture, NETWORK_INFER, options));
    must(params_allocate(b.params, true));
    must(network_prepare(b.train));
    must(network_prepare(b.infer));
    must(optimizer_new(&b.optimizer, b.params));
    must(buffer_new(opened, sizeof(int), "status", &b.status));
    must(buffer_fill(opened, b.status, 0, 0, sizeof(int)));
    return b;
}

static void bench_close(bench *b)
{
    buffer_free(opened, &b->status);
    optimizer_free(b->optimizer);
    network_free(b->infer);
    network_free(b->train);
    params_free(b->params);
    settings_free(b->settings);
}

static void write_tensor(const tensor *t, const float *values)
{
    must(buffer_write(opened, t->data, 0, values, shape_count(t->shape) * sizeof(float)));
}

static float *read_values(cl_mem buffer, size_t count)
{
    float *values = allocate(count, sizeof *values);
    assert_non_null(values);
    must(buffer_read(opened, buffer, 0, values, count * sizeof *values));
    return values;
}

static float *read_tensor(const tensor *t)
{
    return read_values(t->data, shape_count(t->shape));
}

static float read_loss(const network *n)
{
    float losses[SOURCES];
    for (int i = 0; i < SOURCES; i++)
        must(buffer_read(opened, n->losses[i]->data, 0, &losses[i], sizeof losses[i]));
    return losses[0] + losses[1];
}

/* ---- Beside PyTorch ---- */

static const struct stored_tensor *stored(const safetensors *file, const char *group,
                                          const char *name)
{
    char full[128];
    snprintf(full, sizeof full, "%s%s", group, name);
    const struct stored_tensor *found = safetensors_find(file, full);
    if (!found)
        fail_msg("the fixture has no tensor %s", full);
    return found;
}

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

static void compare_buffer(cl_mem buffer, const struct stored_tensor *wanted, double tolerance,
                           double floor)
{
    float *got = read_values(buffer, stored_elements(wanted));
    compare(got, wanted, tolerance, floor);
    free(got);
}

static void compare_outputs(const network *n, const safetensors *file, const char *group)
{
    compare_buffer(n->outputs[0]->data, stored(file, group, "a"), 1e-5, 1e-5);
    compare_buffer(n->outputs[1]->data, stored(file, group, "b"), 1e-5, 1e-5);
}

/* Gradients that are zero by nature (biases before a batch norm) are rounding noise on both sides:
 * only their size is compared. */
static const double gradient_noise = 5e-7;

static void compare_gradients(const params *p, const safetensors *file)
{
    for (size_t i = 0; i < p->count; i++)
        if (p->items[i]->trainable)
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
        if (!item->trainable) {
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

/* The settings that the fixture's metadata names, as overrides: fixture's word, our key. */
static const struct {
    const char *word, *key;
} fixture_keys[] = {
    {"filters", "filters"},       {"modules", "modules"},  {"convolutions", "convolutions"},
    {"activation", "activation"}, {"ratio", "cbam_ratio"}, {"width", "width"},
    {"width", "key_size"},        {"heads", "heads"},      {"hidden", "ffn"},
    {"blocks", "blocks"},         {"dropout", "dropout"},
};

static bench bench_of_fixture(const safetensors *file, struct plan_options options)
{
    enum { KEYS = sizeof fixture_keys / sizeof *fixture_keys };
    char *overrides[KEYS + 1];
    int count = 0;
    bool transformer = safetensors_metadata(file, "heads");
    overrides[count++] =
        format_text("model.architecture=%s", transformer ? "unet-transformer" : "unet");
    for (int i = 0; i < KEYS; i++) {
        const char *value = safetensors_metadata(file, fixture_keys[i].word);
        if (value)
            overrides[count++] = format_text("model.%s=%s", fixture_keys[i].key, value);
    }
    const struct stored_tensor *x = stored(file, "", "x");
    shape mixture = {(int)x->shape[0], (int)x->shape[1], (int)x->shape[2], (int)x->shape[3]};
    bench b = bench_open((const char *const *)overrides, (size_t)count, mixture, options);
    while (count)
        free(overrides[--count]);
    must(params_load(b.params, file, "fixture"));
    write_tensor(b.infer->mixture, x->data);
    write_tensor(b.train->mixture, x->data);
    write_tensor(b.train->truths[0], stored(file, "", "a")->data);
    write_tensor(b.train->truths[1], stored(file, "", "b")->data);
    return b;
}

static safetensors *fixture_of(const char *name)
{
    char path[64];
    safetensors *file;
    snprintf(path, sizeof path, "tests/fixtures/unet_%s.safetensors", name);
    must(safetensors_read(path, &file));
    return file;
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
    compare_buffer(b.train->losses[0]->data, stored(file, "loss/", "a"), 1e-5, 0);
    compare_buffer(b.train->losses[1]->data, stored(file, "loss/", "b"), 1e-5, 0);

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

static void assert_same_bits(cl_mem left, cl_mem right, size_t count, const char *name)
{
    float *a = read_values(left, count), *b = read_values(right, count);
    if (memcmp(a, b, count * sizeof *a))
        fail_msg("%s differs between shared and separate buffers", name);
    assert_true(isfinite(largest(a, count)));
    free(a);
    free(b);
}

static void shared_buffers_change_nothing(const char *name)
{
    safetensors *file = fixture_of(name);
    bench shared = bench_of_fixture(file, (struct plan_options){0});
    bench separate = bench_of_fixture(file, (struct plan_options){.separate = true});
    assert_true(shared.train->plan->planned_bytes < separate.train->plan->planned_bytes);

    bench *both[] = {&shared, &separate};
    for (int i = 0; i < 2; i++) {
        must(plan_forward(both[i]->infer->plan));
        must(plan_forward(both[i]->train->plan));
        must(plan_backward(both[i]->train->plan));
    }
    for (int i = 0; i < SOURCES; i++) {
        size_t count = shape_count(shared.train->outputs[i]->shape);
        assert_same_bits(shared.infer->outputs[i]->data, separate.infer->outputs[i]->data, count,
                         "an output");
        assert_same_bits(shared.train->outputs[i]->data, separate.train->outputs[i]->data, count,
                         "a training output");
    }
    for (size_t i = 0; i < shared.params->count; i++) {
        const param *a = shared.params->items[i], *b = separate.params->items[i];
        assert_same_bits(a->data, b->data, a->count, a->name);
        if (a->trainable)
            assert_same_bits(a->gradient, b->gradient, a->count, a->name);
    }
    bench_close(&shared);
    bench_close(&separate);
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
    shape mixture = {batch, IMAGE_SIZE, IMAGE_SIZE, 1};
    bench b = bench_open(overrides, 2, mixture, (struct plan_options){0});
    must(params_initialize(b.params, 1));
    return b;
}

/* The first pairs of the training set, once and for all. */
static void show_pairs(const bench *b)
{
    mixer *pairs;
    const network *n = b->train;
    must(mixer_open(&pairs, opened, b->settings, false));
    must(mixer_batch(pairs, SPLIT_TRAIN, 1, STREAM_TRAIN, 0, n->batch, n->mixture->data,
                     n->truths[0]->data, n->truths[1]->data));
    must(device_finish(opened));
    mixer_close(pairs);
}

static void train_steps(bench *b, int steps)
{
    for (int i = 0; i < steps; i++) {
        must(plan_forward(b->train->plan));
        must(plan_backward(b->train->plan));
        must(optimizer_step(b->optimizer, 5e-3, b->status));
    }
}

static void eight_pairs_are_learned_by_heart(void **state)
{
    (void)state;
    bench b = small_bench(8);
    show_pairs(&b);
    train_steps(&b, 1);
    float first = read_loss(b.train);
    train_steps(&b, 200);
    float last = read_loss(b.train);
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
    must(model_save(path, b.params, b.settings));
    must(model_open(path, NULL, 0, &file));
    assert_int_equal(settings_int(file.settings, "model.filters"), 4);
    must(params_load(again.params, file.tensors, path));
    model_close(&file);

    bench *both[] = {&b, &again};
    float *mixture = read_tensor(b.train->mixture);
    for (int i = 0; i < 2; i++) {
        write_tensor(both[i]->infer->mixture, mixture);
        must(plan_forward(both[i]->infer->plan));
    }
    for (int i = 0; i < SOURCES; i++)
        assert_same_bits(b.infer->outputs[i]->data, again.infer->outputs[i]->data,
                         shape_count(b.infer->outputs[i]->shape), "an output of the saved model");
    free(mixture);
    bench_close(&b);
    bench_close(&again);
}

static void a_model_of_another_size_is_refused(void **state)
{
    (void)state;
    const char *path = scratch_path("model.safetensors");
    static const char *const larger[] = {"model.filters=5"};
    shape mixture = {1, IMAGE_SIZE, IMAGE_SIZE, 1};
    model_file file;
    bench b = small_bench(1), other = bench_open(larger, 1, mixture, (struct plan_options){0});
    must(model_save(path, b.params, b.settings));
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

/* ---- Both kernel families ---- */

static int open_family(enum kernel_family family)
{
    if (device_open(&opened, getenv("UNBLEND_PLATFORM"), getenv("UNBLEND_DEVICE"), family)) {
        print_error("%s\n", error_message());
        return -1;
    }
    return 0;
}

static int open_vector(void **state)
{
    return scratch_make(state) || open_family(KERNELS_VECTOR) ? -1 : 0;
}

static int open_tiled(void **state)
{
    return scratch_make(state) || open_family(KERNELS_TILED) ? -1 : 0;
}

static int close_device(void **state)
{
    device_close(opened);
    opened = NULL;
    return scratch_remove(state);
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
        cmocka_unit_test(a_saved_model_gives_the_same_output),
        cmocka_unit_test(a_model_of_another_size_is_refused),
    };
    /* 200 steps: once, with the kernels that are quick on a CPU */
    const struct CMUnitTest learning[] = {cmocka_unit_test(eight_pairs_are_learned_by_heart)};
    int failed =
        cmocka_run_group_tests_name("U-Net, vector kernels", tests, open_vector, close_device);
    failed += cmocka_run_group_tests_name("U-Net, tiled kernels", tests, open_tiled, close_device);
    return failed +
           cmocka_run_group_tests_name("U-Net, learning", learning, open_vector, close_device);
}
