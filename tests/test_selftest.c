/* What the check of the kernels notices: wrong kernels, each in its own way, must not pass it. */
#define _GNU_SOURCE /* RTLD_NEXT */
#include "base/log.h"
#include "check/layer_check.h"
#include "check/network_check.h"
#include "command.h"
#include "layers/layers.h"
#include "own_kernels.h"
#include "scratch.h"
#include "test_choice.h"
#include <dlfcn.h>

static const float layer_norm_epsilon = 1e-6f;
static int epsilons_left = -1; /* so many may pass as they are, the next one not */

/* In the driver's place. */
cl_int clSetKernelArg(cl_kernel k, cl_uint index, size_t size, const void *value)
{
    static const float other = 1e-2f;
    cl_int (*function)(cl_kernel, cl_uint, size_t, const void *) = NULL;
    *(void **)&function = dlsym(RTLD_NEXT, "clSetKernelArg");
    if (epsilons_left >= 0 && value && size == sizeof other &&
        !memcmp(value, &layer_norm_epsilon, size) && epsilons_left-- == 0)
        value = &other;
    return function(k, index, size, value);
}

/* ---- Single layers ---- */

static const struct activation_options leaky = {ACT_LEAKY_RELU};
static const layer_case activation_case = {
    .type = &activation_layer, .options = &leaky, .inputs = {{2, 3, 3, 5}}, .input_count = 1};
static const layer_case norm_case = {
    .type = &layer_norm_layer, .inputs = {{2, 3, 3, 5}}, .input_count = 1};

static int check_layer(const layer_case *c, struct check_effort effort)
{
    device *d;
    check_report report = {0};
    if (device_open(&d, test_choice(KERNELS_AUTO)))
        fail_msg("%s", error_message());
    int result = layer_check(d, c, effort, &report);
    device_close(d);
    return result;
}

static void passes(const layer_case *c, struct check_effort effort)
{
    if (check_layer(c, effort))
        fail_msg("%s", error_message());
}

static void is_noticed(const layer_case *c, const char *part)
{
    assert_int_equal(check_layer(c, CHECK_FULL), -1);
    assert_error(STATUS_SELFTEST, c->type->name, part);
}

#define STORED "store_lane(activate(load_lane(x + at, channels - c)), y + at, channels - c);"

static void wrong_values_are_noticed(void **state)
{
    (void)state;
    passes(&activation_case, CHECK_FULL);
    kernels_change("activation.cl", "store_lane(activate(", "store_lane(1.0005f * activate(");
    is_noticed(&activation_case, "output[");
    kernels_change("activation.cl", "activation_slope(load_lane(y + at, left));",
                   "1.0005f * activation_slope(load_lane(y + at, left));");
    is_noticed(&activation_case, "input gradient[");
    kernels_put_back("activation.cl");
}

static void writing_outside_is_noticed(void **state)
{
    (void)state;
    kernels_change("activation.cl", STORED, STORED " y[(size_t)pixels * channels] = 7.0f;");
    is_noticed(&activation_case, "output: written outside, 1 values after it");
    kernels_change("activation.cl", STORED, STORED " y[-1] = 7.0f;");
    is_noticed(&activation_case, "output: written outside, 1 values before it");
    kernels_put_back("activation.cl");
}

/* The quick check does not look at it, the full one does. */
static void wrong_sums_of_gradients_are_noticed(void **state)
{
    (void)state;
    kernels_change("activation.cl", "value += load_lane(dx + at, left);", "value += 1.0f;");
    passes(&activation_case, CHECK_QUICK);
    is_noticed(&activation_case, "input gradient[");
    kernels_put_back("activation.cl");
}

static void runs_that_differ_are_noticed(void **state)
{
    (void)state;
    passes(&norm_case, CHECK_FULL);
    epsilons_left = 1;
    is_noticed(&norm_case, "run 2 differs from the first");
    epsilons_left = -1;
}

/* ---- Whole networks ---- */

static const char *const tiny[] = {"model.filters=2", "model.modules=1", "model.convolutions=1",
                                   "model.activation=sigmoid"};

static int check_network(void)
{
    device *d;
    settings *s = NULL;
    if (device_open(&d, test_choice(KERNELS_AUTO)) || settings_load(&s, NULL, tiny, 4))
        fail_msg("%s", error_message());
    int result = network_check_quick(d, s);
    settings_free(s);
    device_close(d);
    return result;
}

static int selftest_status(void)
{
    char words[256] = "selftest";
    for (int i = 0; i < 4; i++) {
        strcat(words, " --set ");
        strcat(words, tiny[i]);
    }
    return command_status(words);
}

/* The loss is the last of a network's layers. */
static void the_last_layer_counts(void **state)
{
    (void)state;
    if (check_network())
        fail_msg("%s", error_message());
    assert_int_equal(selftest_status(), STATUS_OK);
    kernels_change("mse.cl", "loss[k] = sum / values;", "loss[k] = 1.01f * sum / values;");
    assert_int_equal(check_network(), -1);
    assert_error(STATUS_SELFTEST, "1 of ", "mse ");
    assert_int_equal(selftest_status(), STATUS_SELFTEST);
    kernels_put_back("mse.cl");
}

/* What only inference computes. */
static void inference_counts(void **state)
{
    (void)state;
    kernels_change("batch_norm.cl", "moving_mean[c], moving_variance[c], epsilon);",
                   "moving_mean[c], 1.1f * moving_variance[c], epsilon);");
    assert_int_equal(check_network(), -1);
    assert_error(STATUS_SELFTEST, "1 of ", "batch_norm 1x8x8x2 (inference)");
    kernels_put_back("batch_norm.cl");
}

static int set_up(void **state)
{
    log_set_level(LOG_QUIET);
    if (scratch_make(state))
        return -1;
    compile_quickly(true);
    kernels_copy();
    return 0;
}

static int tear_down(void **state)
{
    kernels_release();
    return scratch_remove(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wrong_values_are_noticed),
        cmocka_unit_test(writing_outside_is_noticed),
        cmocka_unit_test(wrong_sums_of_gradients_are_noticed),
        cmocka_unit_test(runs_that_differ_are_noticed),
        cmocka_unit_test(the_last_layer_counts),
        cmocka_unit_test(inference_counts),
    };
    return cmocka_run_group_tests_name("selftest", tests, set_up, tear_down);
}
