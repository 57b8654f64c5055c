/* Philox4x32-10 against the vectors published with Random123, on the host and on the device, and
 * the streams on top of it. */
#include "../cl/philox.h"
#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "base/rng.h"
#include "opencl/kernel.h"
#include "scratch.h"
#include <math.h>

typedef struct known_answer {
    uint32_t counter[4], key[2], words[4];
} known_answer;

static const known_answer known[] = {
    {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
    {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
     {0xffffffff, 0xffffffff},
     {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
    {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
     {0xa4093822, 0x299f31d0},
     {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
};
enum { KNOWN = sizeof known / sizeof *known };

static void host_draws_the_published_words(void **state)
{
    (void)state;
    for (int i = 0; i < KNOWN; i++) {
        uint32_t words[4];
        philox(known[i].counter, known[i].key, words);
        assert_memory_equal(words, known[i].words, sizeof words);
    }
}

/* cases: (case, counter 4, key 2, words 4) as known_answer; numbers: uniform and below(10). */
static const char draw_cl[] =
    "#include \"philox.h\"\n"
    "__kernel void draw(__global uint *cases, __global float *uniform, __global uint *below)\n"
    "{\n"
    "    const int i = get_global_id(0);\n"
    "    uint counter[4], key[2], words[4];\n"
    "    for (int j = 0; j < 4; j++)\n"
    "        counter[j] = cases[10 * i + j];\n"
    "    for (int j = 0; j < 2; j++)\n"
    "        key[j] = cases[10 * i + 4 + j];\n"
    "    philox(counter, key, words);\n"
    "    for (int j = 0; j < 4; j++)\n"
    "        cases[10 * i + 6 + j] = words[j];\n"
    "    uniform[i] = philox_uniform(words[0]);\n"
    "    below[i] = philox_below(words[0], 10);\n"
    "}\n";

/* The device finds draw.cl and the project's philox.h in the scratch directory. */
static void make_kernels(void)
{
    unsigned char *header;
    size_t length;
    assert_int_equal(file_read("cl/philox.h", 1 << 20, STATUS_RUNTIME, &header, &length), 0);
    scratch_file("philox.h", header, length);
    scratch_file("draw.cl", draw_cl, strlen(draw_cl));
    free(header);
    setenv("UNBLEND_CL_DIR", scratch, 1);
    setenv("UNBLEND_NO_CACHE", "1", 1);
    log_set_level(LOG_QUIET);
}

static void device_draws_the_published_words(void **state)
{
    (void)state;
    device *d;
    cl_mem cases, uniform, below;
    known_answer drawn[KNOWN];
    float uniforms[KNOWN];
    uint32_t belows[KNOWN];
    make_kernels();
    memcpy(drawn, known, sizeof known);
    for (int i = 0; i < KNOWN; i++)
        memset(drawn[i].words, 0, sizeof drawn[i].words);
    assert_int_equal(device_open(&d, (device_choice){0}), 0);
    kernel *k = kernel_get(d, "draw", "", "draw");
    if (!k)
        fail_msg("%s", error_message());
    assert_int_equal(buffer_new(d, sizeof drawn, "cases", &cases), 0);
    assert_int_equal(buffer_new(d, sizeof uniforms, "uniform", &uniform), 0);
    assert_int_equal(buffer_new(d, sizeof belows, "below", &below), 0);
    assert_int_equal(buffer_write(d, cases, 0, drawn, sizeof drawn), 0);
    assert_int_equal(LAUNCH(d, k, range_single(KNOWN, 1, 1), ARG(cases), ARG(uniform), ARG(below)),
                     0);
    assert_int_equal(buffer_read(d, cases, 0, drawn, sizeof drawn), 0);
    assert_int_equal(buffer_read(d, uniform, 0, uniforms, sizeof uniforms), 0);
    assert_int_equal(buffer_read(d, below, 0, belows, sizeof belows), 0);
    assert_memory_equal(drawn, known, sizeof known);
    for (int i = 0; i < KNOWN; i++) {
        assert_true(uniforms[i] == philox_uniform(known[i].words[0]));
        assert_int_equal(belows[i], philox_below(known[i].words[0], 10));
    }
    buffer_free(d, &cases);
    buffer_free(d, &uniform);
    buffer_free(d, &below);
    device_close(d);
}

static void uniform_and_below_stay_in_range(void **state)
{
    (void)state;
    assert_true(philox_uniform(0) == 0.0f);
    assert_true(philox_uniform(0xffffffff) < 1.0f);
    assert_int_equal(philox_below(0xffffffff, 10), 9);
    assert_int_equal(philox_below(0, 10), 0);
    assert_int_equal(philox_below(0xffffffff, 1), 0);
}

static void a_stream_is_the_blocks_in_order(void **state)
{
    (void)state;
    rng r = rng_start(0, 0);
    for (int i = 0; i < 4; i++)
        assert_int_equal(rng_word(&r), known[0].words[i]);
    rng pi = rng_resume(0x299f31d0a4093822, 0x0370734413198a2e, 4 * 0x05a308d3243f6a88);
    const uint32_t counter[4] = {0x243f6a88, 0x05a308d3, 0x13198a2e, 0x03707344};
    uint32_t words[4];
    philox(counter, known[2].key, words);
    for (int i = 0; i < 4; i++)
        assert_int_equal(rng_word(&pi), words[i]);
}

static void a_stream_resumes_anywhere(void **state)
{
    (void)state;
    rng r = rng_start(42, 7);
    for (int i = 0; i < 23; i++) {
        rng resumed = rng_resume(r.seed, r.stream, r.drawn);
        for (int j = 0; j < 9; j++) {
            rng expected = r;
            for (int skipped = 0; skipped < j; skipped++)
                rng_word(&expected);
            assert_int_equal(rng_word(&resumed), rng_word(&expected));
        }
        rng_word(&r);
    }
}

static void streams_and_seeds_differ(void **state)
{
    (void)state;
    rng a = rng_start(1, 0), b = rng_start(2, 0), c = rng_start(1, 1);
    uint32_t word = rng_word(&a);
    assert_int_not_equal(word, rng_word(&b));
    assert_int_not_equal(word, rng_word(&c));
}

static void normals_have_the_right_moments(void **state)
{
    (void)state;
    enum { COUNT = 100000 };
    double sum = 0, squares = 0, fourths = 0;
    rng r = rng_start(3, 0);
    for (int i = 0; i < COUNT; i++) {
        double x = rng_normal(&r);
        sum += x;
        squares += x * x;
        fourths += x * x * x * x;
    }
    assert_int_equal(r.drawn, 2 * COUNT);
    assert_true(fabs(sum / COUNT) < 0.015); /* about five standard errors each */
    assert_true(fabs(squares / COUNT - 1) < 0.025);
    assert_true(fabs(fourths / COUNT - 3) < 0.16);
}

static void a_permutation_holds_everything_once(void **state)
{
    (void)state;
    enum { COUNT = 1000 };
    uint32_t items[COUNT];
    bool seen[COUNT] = {false};
    int fixed = 0;
    rng r = rng_start(5, 0);
    rng_permutation(&r, items, COUNT);
    for (uint32_t i = 0; i < COUNT; i++) {
        assert_true(items[i] < COUNT && !seen[items[i]]);
        seen[items[i]] = true;
        fixed += items[i] == i;
    }
    assert_true(fixed < 8); /* one on average */
    rng_permutation(&r, items, 0);
}

/* Each of the 24 orders of four items, over many seeds. */
static void all_orders_come_equally_often(void **state)
{
    (void)state;
    enum { SEEDS = 24000, ITEMS = 4 };
    int often[256] = {0}, orders = 0;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        uint32_t items[ITEMS], code = 0;
        rng r = rng_start(seed, 6);
        rng_permutation(&r, items, ITEMS);
        for (int i = 0; i < ITEMS; i++)
            code = code * ITEMS + items[i];
        often[code]++;
    }
    for (int i = 0; i < 256; i++) {
        orders += often[i] > 0;
        assert_true(!often[i] || abs(often[i] - 1000) < 160); /* five standard deviations */
    }
    assert_int_equal(orders, 24);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(host_draws_the_published_words),
        cmocka_unit_test(device_draws_the_published_words),
        cmocka_unit_test(uniform_and_below_stay_in_range),
        cmocka_unit_test(a_stream_is_the_blocks_in_order),
        cmocka_unit_test(a_stream_resumes_anywhere),
        cmocka_unit_test(streams_and_seeds_differ),
        cmocka_unit_test(normals_have_the_right_moments),
        cmocka_unit_test(a_permutation_holds_everything_once),
        cmocka_unit_test(all_orders_come_equally_often),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
