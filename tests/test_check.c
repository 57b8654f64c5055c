/* Whether the check of kernels notices wrong ones: those of `add`, each spoilt in one way. */
#include "base/files.h"
#include "base/log.h"
#include "base/memory.h"
#include "check/network_check.h"
#include "layers/layers.h"
#include "scratch.h"
#include "test_choice.h"

static unsigned char *add_cl;

/* A folder of kernel files with nothing but those of `add`. */
static int set_up(void **state)
{
    unsigned char *lanes;
    size_t length;
    compile_quickly(true);
    log_set_level(LOG_QUIET);
    if (scratch_make(state) || directory_make(scratch_path("cl")) ||
        file_read("cl/lanes.h", 1 << 20, STATUS_RUNTIME, &lanes, &length) ||
        file_write_atomic(scratch_path("cl/lanes.h"), lanes, length) ||
        file_read("cl/add.cl", 1 << 20, STATUS_RUNTIME, &add_cl, &length))
        return -1;
    free(lanes);
    return setenv("UNBLEND_CL_DIR", scratch_path("cl"), 1);
}

static int tear_down(void **state)
{
    free(add_cl);
    unsetenv("UNBLEND_CL_DIR");
    return scratch_remove(state);
}

/* What the check says of `add` with one piece of its kernels replaced. */
static int check_spoilt(const char *from, const char *to, struct check_effort effort)
{
    static const layer_case what = {&add_layer, NULL, {{2, 3, 5, 7}, {2, 3, 5, 7}}, 2, false};
    char *at = strstr((char *)add_cl, from);
    check_report report = {0};
    device *d;
    assert_non_null(at);
    char *text = format_text("%.*s%s%s", (int)(at - (char *)add_cl), add_cl, to, at + strlen(from));
    assert_int_equal(file_write_atomic(scratch_path("cl/add.cl"), text, strlen(text)), 0);
    free(text);
    assert_int_equal(device_open(&d, test_choice(KERNELS_AUTO)), 0);
    int result = layer_check(d, &what, effort, &report);
    device_close(d);
    return result;
}

static void what_is_right_passes(void **state)
{
    (void)state;
    assert_int_equal(check_spoilt("", "", CHECK_FULL), 0);
}

static void a_thousandth_is_too_much(void **state)
{
    (void)state;
    assert_int_equal(
        check_spoilt("load_lane(a + at, left)", "1.001f * load_lane(a + at, left)", CHECK_QUICK),
        -1);
    assert_error(STATUS_SELFTEST, "add 2x3x5x7", "output[");
}

static void what_is_no_number_is_wrong(void **state)
{
    (void)state;
    assert_int_equal(
        check_spoilt("load_lane(a + at, left)", "NAN * load_lane(a + at, left)", CHECK_QUICK), -1);
    assert_error(STATUS_SELFTEST, "output[0] is", "nan");
}

static void writing_beside_a_buffer_is_noticed(void **state)
{
    (void)state;
    const char *from = "store_lane(load_lane(a";
    assert_int_equal(
        check_spoilt(from, "y[(size_t)pixels * channels] = 1; store_lane(load_lane(a", CHECK_QUICK),
        -1);
    assert_error(STATUS_SELFTEST, "output: written outside", "1 values after it");
    assert_int_equal(check_spoilt(from, "y[-1] = 1; store_lane(load_lane(a", CHECK_QUICK), -1);
    assert_error(STATUS_SELFTEST, "output: written outside", "1 values before it");
}

static void adding_to_gradients_is_checked(void **state)
{
    (void)state;
    assert_int_equal(check_spoilt("if (accumulate)", "if (accumulate > 1)", CHECK_QUICK), 0);
    assert_int_equal(check_spoilt("if (accumulate)", "if (accumulate > 1)", CHECK_FULL), -1);
    assert_error(STATUS_SELFTEST, "add 2x3x5x7", "input gradient[");
}

static void one_failure_is_enough_wherever_it_is(void **state)
{
    (void)state;
    enum { CHECKS = 3 };
    static char wrong[] = "conv2d is wrong";
    device d = {.info = {.name = "Some device"}};
    outcome items[CHECKS] = {{.error = NULL}};
    network_check c = {.items = items, .count = CHECKS};
    assert_int_equal(network_check_verdict(&c, &d), 0);
    for (int i = 0; i < CHECKS; i++) {
        items[i].error = wrong;
        assert_int_equal(network_check_verdict(&c, &d), -1);
        assert_error(STATUS_SELFTEST, "1 of 3 checks failed: results of Some device", wrong);
        items[i].error = NULL;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_right_passes),
        cmocka_unit_test(a_thousandth_is_too_much),
        cmocka_unit_test(what_is_no_number_is_wrong),
        cmocka_unit_test(writing_beside_a_buffer_is_noticed),
        cmocka_unit_test(adding_to_gradients_is_checked),
        cmocka_unit_test(one_failure_is_enough_wherever_it_is),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
