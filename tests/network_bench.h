/*
 * A bench for whole networks, shared by the test programs: a network to train and one to infer over
 * the same parameters, on the device that setup opened, filled by hand or from a file of
 * tests/fixtures. Use open_vector or open_tiled and close_device as cmocka's group setup and
 * teardown; they make the scratch directory too.
 */
#ifndef TESTS_NETWORK_BENCH_H
#define TESTS_NETWORK_BENCH_H

#include "base/error.h"
#include "base/memory.h"
#include "exchange/params_file.h"
#include "models/network.h"
#include "scratch.h"
#include "test_choice.h"
#include "train/optimizer.h"
#include <math.h>

/* A network to train and one to infer, over the same parameters. */
typedef struct bench {
    settings *settings;
    params *params;
    network *train, *infer;
    optimizer *optimizer;
    cl_mem status; /* 0: no loss was bad */
    struct training_step step;
} bench;

static device *opened;

static inline void must(int result)
{
    if (result)
        fail_msg("%s", error_message());
}

/* ---- The bench ---- */

static inline bench bench_open(const char *const *overrides, size_t count, int batch,
                               struct plan_options options)
{
    bench b = {.step = {.norm_momentum = KERAS_NORM_MOMENTUM}};
    must(settings_load(&b.settings, NULL, overrides, count));
    must(params_new(&b.params, opened));
    must(network_new_planned(&b.train, b.params, b.settings, batch, NETWORK_TRAIN, options));
    must(network_new_planned(&b.infer, b.params, b.settings, batch, NETWORK_INFER, options));
    must(params_allocate(b.params, true));
    must(network_prepare(b.train));
    must(network_prepare(b.infer));
    must(optimizer_new(&b.optimizer, b.params, &b.settings->train));
    must(buffer_new(opened, sizeof(int), "status", &b.status));
    must(buffer_fill(opened, b.status, 0, 0, sizeof(int)));
    return b;
}

static inline void bench_close(bench *b)
{
    buffer_free(opened, &b->status);
    optimizer_free(b->optimizer);
    network_free(b->infer);
    network_free(b->train);
    params_free(b->params);
    settings_free(b->settings);
}

static inline void write_tensor(const tensor *t, const float *values)
{
    must(buffer_write(opened, t->data, 0, values, shape_count(t->shape) * sizeof(float)));
}

static inline float *read_values(cl_mem buffer, size_t count)
{
    float *values = allocate(count, sizeof *values);
    assert_non_null(values);
    must(buffer_read(opened, buffer, 0, values, count * sizeof *values));
    return values;
}

static inline float *read_tensor(const tensor *t)
{
    return read_values(t->data, shape_count(t->shape));
}

static inline void read_losses(const network *n, float losses[])
{
    must(buffer_read(opened, n->losses->data, 0, losses,
                     (size_t)n->mixture.sources * sizeof *losses));
}

/* Source k of (pixels, sources * channels), released with free(). */
static inline float *source_of(const float *values, const network *n, int k, size_t pixels)
{
    size_t channels = (size_t)n->mixture.format.channels,
           stride = channels * (size_t)n->mixture.sources;
    float *out = allocate(pixels * channels, sizeof *out);
    assert_non_null(out);
    for (size_t i = 0; i < pixels * channels; i++)
        out[i] = values[i / channels * stride + (size_t)k * channels + i % channels];
    return out;
}

/* What the network found of source k. */
static inline float *read_source(const network *n, int k)
{
    shape s = n->output->shape;
    float *all = read_tensor(n->output),
          *out = source_of(all, n, k, (size_t)s.n * (size_t)s.h * (size_t)s.w);
    free(all);
    return out;
}

/* The truth from one picture after the other of each source. */
static inline void write_truths(const network *n, const float *const sources[])
{
    shape s = n->truth->shape;
    size_t count = shape_count(s), channels = (size_t)n->mixture.format.channels;
    float *all = allocate(count, sizeof *all);
    assert_non_null(all);
    for (size_t i = 0; i < count; i++) {
        size_t pixel = i / (size_t)s.c, channel = i % (size_t)s.c;
        all[i] = sources[channel / channels][pixel * channels + channel % channels];
    }
    write_tensor(n->truth, all);
    free(all);
}

static inline void train_step(bench *b, double rate)
{
    must(plan_train(b->train->plan, b->step));
    must(optimizer_step(b->optimizer, rate, b->status));
}

static inline void assert_finite(const float *values, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (!isfinite(values[i]))
            fail_msg("%s[%zu] is %g", name, i, values[i]);
}

/* Also that they are finite. */
static inline void assert_same_bits(cl_mem left, cl_mem right, size_t count, const char *name)
{
    float *a = read_values(left, count), *b = read_values(right, count);
    assert_finite(a, count, name);
    if (memcmp(a, b, count * sizeof *a))
        fail_msg("%s differs, where every bit should be the same", name);
    free(a);
    free(b);
}

/* ---- Fixtures ---- */

static inline const struct stored_tensor *stored(const safetensors *file, const char *group,
                                                 const char *name)
{
    char full[128];
    snprintf(full, sizeof full, "%s%s", group, name);
    const struct stored_tensor *found = safetensors_find(file, full);
    if (!found)
        fail_msg("the fixture has no tensor %s", full);
    return found;
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

static inline bench bench_of_fixture(const safetensors *file, struct plan_options options)
{
    enum { KEYS = sizeof fixture_keys / sizeof *fixture_keys };
    char *overrides[KEYS + 2];
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
    overrides[count++] = format_text("data.size=%dx%d", (int)x->shape[1], (int)x->shape[2]);
    bench b = bench_open((const char *const *)overrides, (size_t)count, (int)x->shape[0], options);
    while (count)
        free(overrides[--count]);
    must(params_load(b.params, file, "fixture"));
    write_tensor(b.infer->input, x->data);
    write_tensor(b.train->input, x->data);
    write_truths(b.train,
                 (const float *[]){stored(file, "", "a")->data, stored(file, "", "b")->data});
    return b;
}

static inline safetensors *fixture_of(const char *name)
{
    char path[64];
    safetensors *file;
    snprintf(path, sizeof path, "tests/fixtures/unet_%s.safetensors", name);
    must(safetensors_read(path, &file));
    return file;
}

/* ---- Both kernel families ---- */

static inline int open_choice(device_choice choice)
{
    if (device_open(&opened, choice)) {
        print_error("%s\n", error_message());
        return -1;
    }
    return 0;
}

static inline int open_vector(void **state)
{
    compile_quickly(false);
    return scratch_make(state) || open_choice(test_choice(KERNELS_VECTOR)) ? -1 : 0;
}

static inline int open_tiled(void **state)
{
    compile_quickly(true);
    return scratch_make(state) || open_choice(test_choice(KERNELS_TILED)) ? -1 : 0;
}

/* The vector kernels in the sizes of a class, whatever device this is. */
static inline int open_class(void **state, const char *key)
{
    device_choice choice = test_choice(KERNELS_VECTOR);
    compile_quickly(true);
    choice.class = tuning_class_named(key);
    return scratch_make(state) || open_choice(choice) ? -1 : 0;
}

static inline int close_device(void **state)
{
    device_close(opened);
    opened = NULL;
    return scratch_remove(state);
}

#endif
