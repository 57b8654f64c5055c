/* Times of commands on the device: who they are counted for, and that nothing is lost. */
#include "compute/gemm.h"
#include "opencl/timeline.h"
#include "scratch.h"
#include "test_choice.h"

enum { FLOATS = 1 << 16, SIDE = 32, BYTES = FLOATS * sizeof(float) };

static device *opened;
static cl_mem x, y;

static void must(int result)
{
    if (result)
        fail_msg("%s", error_message());
}

static int open_family(enum kernel_family family)
{
    if (device_open(&opened, test_choice(family)) || buffer_new(opened, BYTES, "x", &x) ||
        buffer_new(opened, BYTES, "y", &y) || buffer_fill(opened, x, 1, 0, BYTES)) {
        print_error("%s\n", error_message());
        return -1;
    }
    return 0;
}

static int open_vector(void **state)
{
    (void)state;
    compile_quickly(false);
    return open_family(KERNELS_VECTOR);
}

static int open_tiled(void **state)
{
    (void)state;
    compile_quickly(true);
    return open_family(KERNELS_TILED);
}

static int close_device(void **state)
{
    (void)state;
    buffer_free(opened, &x);
    buffer_free(opened, &y);
    device_close(opened);
    return 0;
}

/* The row of a command; NULL if there is none. */
static const timeline_row *find(const timeline *t, const char *layer, bool backward,
                                const char *command)
{
    size_t count;
    const timeline_row *rows = timeline_rows(t, &count);
    for (size_t i = 0; i < count; i++)
        if (rows[i].layer == layer && rows[i].backward == backward &&
            !strcmp(rows[i].command, command))
            return &rows[i];
    return NULL;
}

static size_t row_count(const timeline *t)
{
    size_t count;
    timeline_rows(t, &count);
    return count;
}

/* x * x, both as SIDE x SIDE, into y; "gemm" in both families. */
static void multiply(void)
{
    gemm_shape shape = {.m = SIDE, .n = SIDE, .k = SIDE, .outer = 1, .inner = 1};
    matrix a = {.buffer = x, .row_stride = SIDE}, c = {.buffer = y, .row_stride = SIDE};
    must(gemm(opened, &shape, 1, a, a, 0, c));
}

static void commands_are_counted_for_their_layer(void **state)
{
    (void)state;
    static const char first[] = "first", second[] = "second";
    timeline *t;
    must(timeline_start(&t, opened));
    for (int step = 0; step < 3; step++) {
        must(buffer_copy(opened, x, 0, y, 0, BYTES));
        device_annotate(opened, (annotation){first, false});
        multiply();
        multiply();
        device_annotate(opened, (annotation){second, false});
        multiply();
        device_annotate(opened, (annotation){second, true});
        multiply();
        device_annotate(opened, (annotation){0});
        must(timeline_drain(t));
    }
    assert_int_equal(row_count(t), 4);
    const timeline_row *copy = find(t, NULL, false, "copy");
    assert_non_null(copy);
    assert_string_equal(copy->file, "transfer");
    assert_int_equal(copy->count, 3);
    const timeline_row *product = find(t, first, false, "gemm");
    assert_non_null(product);
    assert_string_equal(product->file,
                        opened->kernels == KERNELS_VECTOR ? "gemm_vector" : "clblast");
    assert_int_equal(product->count, 6);
    assert_true(product->seconds > 0 && product->seconds < 60);
    assert_non_null(find(t, second, false, "gemm"));
    assert_non_null(find(t, second, true, "gemm"));
    timeline_stop(t);
}

static void transfers_are_timed(void **state)
{
    (void)state;
    timeline *t;
    static float values[FLOATS];
    cl_event done;
    must(timeline_start(&t, opened));
    must(buffer_write(opened, x, 0, values, sizeof values));
    must(buffer_read(opened, x, 0, values, sizeof values));
    must(buffer_fill(opened, x, 1, 0, BYTES));
    must(buffer_read_later(opened, x, 0, values, sizeof values, &done));
    must(event_wait(opened, &done));
    assert_int_equal(row_count(t), 0); /* nothing was drained */
    must(timeline_drain(t));
    assert_int_equal(find(t, NULL, false, "write")->count, 1);
    assert_int_equal(find(t, NULL, false, "fill")->count, 1);
    assert_int_equal(find(t, NULL, false, "read")->count, 2);
    assert_true(find(t, NULL, false, "read")->seconds > 0);
    timeline_clear(t);
    assert_int_equal(row_count(t), 0);
    timeline_stop(t);
}

static void thousands_of_commands_drain_by_themselves(void **state)
{
    (void)state;
    enum { MANY = 5000 };
    timeline *t;
    must(timeline_start(&t, opened));
    for (int i = 0; i < MANY; i++)
        must(buffer_fill(opened, x, 1, 0, sizeof(float)));
    must(timeline_drain(t));
    assert_int_equal(find(t, NULL, false, "fill")->count, MANY);
    timeline_stop(t);
}

static void the_device_gets_its_queue_back(void **state)
{
    (void)state;
    timeline *t, *other;
    cl_command_queue own = opened->queue;
    must(timeline_start(&t, opened));
    assert_ptr_not_equal(opened->queue, own);
    assert_int_equal(timeline_start(&other, opened), -1);
    assert_error(STATUS_RUNTIME, "timed already", opened->info.name);
    multiply(); /* never drained */
    timeline_stop(t);
    timeline_stop(NULL);
    assert_ptr_equal(opened->queue, own);
    assert_null(opened->timeline);
    must(timeline_start(&t, opened));
    assert_int_equal(row_count(t), 0);
    timeline_stop(t);
    multiply();
    must(device_finish(opened));
}

static void results_are_the_same(void **state)
{
    (void)state;
    static float plain[SIDE * SIDE], timed[SIDE * SIDE];
    timeline *t;
    multiply();
    must(buffer_read(opened, y, 0, plain, sizeof plain));
    must(timeline_start(&t, opened));
    multiply();
    must(buffer_read(opened, y, 0, timed, sizeof timed));
    timeline_stop(t);
    assert_memory_equal(plain, timed, sizeof plain);
}

static void the_peak_outlives_its_buffers(void **state)
{
    (void)state;
    cl_mem large;
    size_t before = opened->allocated;
    must(buffer_new(opened, 10 * BYTES, "large", &large));
    size_t peak = opened->peak;
    assert_true(peak >= before + 10 * BYTES);
    buffer_free(opened, &large);
    assert_int_equal(opened->allocated, before);
    assert_int_equal(opened->peak, peak);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commands_are_counted_for_their_layer),
        cmocka_unit_test(transfers_are_timed),
        cmocka_unit_test(thousands_of_commands_drain_by_themselves),
        cmocka_unit_test(the_device_gets_its_queue_back),
        cmocka_unit_test(results_are_the_same),
        cmocka_unit_test(the_peak_outlives_its_buffers),
    };
    int failed =
        cmocka_run_group_tests_name("timeline, vector kernels", tests, open_vector, close_device);
    return failed +
           cmocka_run_group_tests_name("timeline, tiled kernels", tests, open_tiled, close_device);
}
