/*
 * A device that is opened for inference compiles no kernels of training. Both architectures must find all
 * that they need there, in both families, and put out what they do on any other device.
 */
#include "base/error.h"
#include "base/log.h"
#include "base/rng.h"
#include "models/network.h"
#include "scratch.h"
#include "test_choice.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

enum { VALUES = 2 * 32 * 32, SOURCES = 2, OVERRIDES = 8 };

static void must(int result)
{
    if (result)
        fail_msg("%s", error_message());
}

/* Of every layer that the architectures have. */
static const char *const cases[][OVERRIDES] = {
    {"model.filters=16", "model.modules=2", "model.convolutions=3", "model.residual=true",
     "model.gated=true", "model.consistent=true"},
    {"model.architecture=unet-transformer", "model.filters=4", "model.cbam_ratio=2",
     "model.blocks=1", "model.width=8", "model.heads=2", "model.key_size=4", "model.ffn=8"},
};

static settings *settings_of(size_t i)
{
    settings *s;
    size_t count = 0;
    while (count < OVERRIDES && cases[i][count])
        count++;
    must(settings_load(&s, NULL, cases[i], count));
    return s;
}

/* The output of a new network. Returns how many programs were not in the cache. */
static long infer(size_t i, enum kernel_family family, bool inference, float *output)
{
    float input[VALUES];
    rng random = rng_start(1, 1);
    device_choice choice = test_choice(family);
    settings *s = settings_of(i);
    device *d;
    params *p;
    network *n;
    for (int k = 0; k < VALUES; k++)
        input[k] = (float)rng_uniform(&random);
    choice.inference = inference;
    must(device_open(&d, choice));
    must(params_new(&p, d));
    must(network_new(&n, p, s, 2, NETWORK_INFER));
    must(params_allocate(p, false));
    must(params_initialize(p, 1));
    must(network_prepare(n));
    must(buffer_write(d, n->input->data, 0, input, sizeof input));
    must(network_forward(n));
    must(buffer_read(d, n->output->data, 0, output, SOURCES * VALUES * sizeof *output));
    long compiled = d->builds.compiled;
    network_free(n);
    params_free(p);
    device_close(d);
    settings_free(s);
    return compiled;
}

static void check_case(size_t i, enum kernel_family family)
{
    static float alone[SOURCES * VALUES], whole[SOURCES * VALUES];
    char cache[16];
    compile_quickly(true);
    snprintf(cache, sizeof cache, "cache-%d-%zu", (int)family, i);
    setenv("UNBLEND_CACHE_DIR", scratch_path(cache), 1);
    unsetenv("UNBLEND_NO_CACHE");
    assert_true(infer(i, family, true, alone) > 0);
    setenv("UNBLEND_NO_CACHE", "1", 1); /* then nothing is left out */
    infer(i, family, false, whole);
    for (int k = 0; k < SOURCES * VALUES; k++)
        assert_float_equal(alone[k], whole[k], 1e-6);
}

static void vector_kernels_suffice(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        check_case(i, KERNELS_VECTOR);
}

/* Only convolutions have other kernels there. */
static void tiled_kernels_suffice(void **state)
{
    (void)state;
    check_case(0, KERNELS_TILED);
}

static int set_up(void **state)
{
    log_set_level(LOG_QUIET);
    return scratch_make(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vector_kernels_suffice),
        cmocka_unit_test(tiled_kernels_suffice),
    };
    return cmocka_run_group_tests_name("inference", tests, set_up, scratch_remove);
}
