/* What is typical of blends: measured, kept in model files, and compared with. */
#include "tiny_model.h"
#include "trainings.h"

#include "base/log.h"
#include "base/streams.h"
#include "image/scores.h"
#include "models/typical.h"

#include <math.h>

static int set_up(void **state)
{
    log_set_level(LOG_QUIET);
    return open_for_trainings(state) || tiny_model_save(scratch_path("tiny.safetensors")) ? -1 : 0;
}

static void assert_near(double value, double expected, double tolerance)
{
    if (!(fabs(value - expected) <= tolerance))
        fail_msg("%.12g should be %.12g, within %g", value, expected, tolerance);
}

/* ---- Measuring ---- */

static void assert_traits(int width, int height, int channels, int depth, const float *values,
                          double brightness, double contrast, double detail)
{
    static const mixture any = {.format = {32, 32, 1}, .inner_height = 28, .inner_width = 28};
    struct image p;
    must(image_new_deep(&p, width, height, channels, depth));
    for (size_t i = 0; i < (size_t)width * (size_t)height * (size_t)channels; i++)
        pixel_put(p.pixels, image_pixel_type(&p), i, values[i]);
    traits t = typical_of_image(&p, &any, 0.25);
    assert_near(t.of[TRAIT_BRIGHTNESS], brightness, 1e-6);
    assert_near(t.of[TRAIT_CONTRAST], contrast, 1e-6);
    assert_near(t.of[TRAIT_DETAIL], detail, 1e-6);
    assert_true(t.of[TRAIT_RESIDUAL] == 0.25);
    image_release(&p);
}

/* By hand. 0.2 is byte 51. */
static void traits_are_what_they_are_called(void **state)
{
    (void)state;
    static const float checks[] = {0, 1, 1, 0}, /* 2 x 2 */
        steps[] = {0, 0.2f, 0.6f, 0.6f, 0.6f, 1}, column[] = {0, 1, 0, 1}, dot[] = {0.4f},
                       colours[] = {0, 0.2f, 0.4f, 1, 0.2f, 0}; /* two pixels */
    for (int depth = 8; depth <= 16; depth += 8) {
        assert_traits(2, 2, 1, depth, checks, 0.5, 0.5, 1);
        /* rows 0 0.2 0.6 and 0.6 0.6 1: no step from row to row */
        assert_traits(3, 2, 1, depth, steps, 0.5, sqrt((0 + .04 + .36 * 3 + 1) / 6 - .25), 0.25);
        assert_traits(1, 4, 1, depth, column, 0.5, 0.5, 0);
        assert_traits(1, 1, 1, depth, dot, 0.4, 0, 0);
        /* each channel has its own neighbour: steps of 1, 0 and 0.4 */
        assert_traits(2, 1, 3, depth, colours, 0.3, sqrt((.04 * 2 + .16 + 1) / 6 - .09), 1.4 / 3);
    }
}

/* White around gray, of a model whose pictures have a border of one pixel above and below, two beside. */
static void borders_do_not_count(void **state)
{
    (void)state;
    static const mixture framed = {.format = {5, 8, 1}, .inner_height = 3, .inner_width = 4};
    struct image p;
    must(image_new_deep(&p, 8, 5, 3, 8));
    for (int i = 0; i < 8 * 5 * 3; i++) {
        int x = i / 3 % 8, y = i / 24;
        p.pixels[i] = y > 0 && y < 4 && x > 1 && x < 6 ? 51 : 255;
    }
    traits t = typical_of_image(&p, &framed, 0);
    assert_near(t.of[TRAIT_BRIGHTNESS], 0.2, 1e-6);
    assert_near(t.of[TRAIT_CONTRAST], 0, 1e-6);
    p.width = 4; /* of another size all of it counts */
    t = typical_of_image(&p, &framed, 0);
    assert_near(t.of[TRAIT_BRIGHTNESS], (12 * 1 + 8 * 0.6) / 20, 0.15);
    assert_true(t.of[TRAIT_CONTRAST] > 0.1);
    image_release(&p);
}

static void ranges_are_those_of_what_was_added(void **state)
{
    (void)state;
    typical_sums s = {0};
    assert_int_equal(typical_end(&s).blends, 0);
    typical_add(&s, (traits){{0.5, 0.1, 0, 3}});
    typical_add(&s, (traits){{0.2, 0.1, 1, 1}});
    typical_add(&s, (traits){{0.8, 0.1, 2, 2}});
    typical t = typical_end(&s);
    static const double expected[TRAITS][3] = {
        {0.2, 0.8, 0.24494897}, {0.1, 0.1, 0}, {0, 2, 0.81649658}, {1, 3, 0.81649658}};
    assert_int_equal(t.blends, 3);
    for (int i = 0; i < TRAITS; i++) {
        assert_near(t.of[i].least, expected[i][0], 1e-12);
        assert_near(t.of[i].most, expected[i][1], 1e-12);
        assert_near(t.of[i].deviation, expected[i][2], 1e-7);
    }
}

/* ---- Comparing ---- */

static const typical known = {
    .blends = 10,
    .of = {{0.3, 0.5, 0.05}, {0.1, 0.2, 0.02}, {0.02, 0.04, 0.01}, {1e-4, 3e-4, 1e-4}}};

/* word: the trait that is told of; NULL: none. */
static void assert_compared(traits t, const char *word)
{
    static const char *const words[TRAITS] = {"brightness", "contrast", "detail", "residual"};
    char *why;
    must(typical_compare(&known, t, &why));
    assert_true(!why == !word);
    for (int i = 0; i < TRAITS && why; i++)
        assert_true(!strstr(why, words[i]) == (strcmp(words[i], word) != 0));
    if (why)
        assert_ptr_equal(strstr(why, "unlike what the model was trained on: its "), why);
    free(why);
}

/* Twice the deviation and 0.01 beyond the range, and twice the largest residual. */
static void each_trait_is_told_beyond_its_margin(void **state)
{
    (void)state;
    const traits middle = {{0.4, 0.15, 0.03, 2e-4}};
    const struct {
        const char *word;
        double low, high;
    } ends[] = {{"brightness", 0.3 - 0.11, 0.5 + 0.11},
                {"contrast", 0.1 - 0.05, 0.2 + 0.05},
                {"detail", 0.02 - 0.03, 0.04 + 0.03},
                {"residual", -1, 6e-4 + 4e-6}};
    assert_compared(middle, NULL);
    for (int i = 0; i < TRAITS; i++) {
        traits t = middle;
        t.of[i] = ends[i].high - 1e-9;
        assert_compared(t, NULL);
        t.of[i] = ends[i].high + 1e-9;
        assert_compared(t, ends[i].word);
        t.of[i] = ends[i].low + 1e-9;
        assert_compared(t, NULL);
        t.of[i] = ends[i].low - 1e-9;
        assert_compared(t, i == TRAIT_RESIDUAL ? NULL : ends[i].word);
    }
}

static void all_that_is_unusual_is_told(void **state)
{
    (void)state;
    char *why;
    must(typical_compare(&known, (traits){{0.9, 0.15, 0.2, 0.01}}, &why));
    assert_string_equal(why, "unlike what the model was trained on: its brightness is 0.9, theirs "
                             "0.3 to 0.5; its detail is 0.2, theirs 0.02 to 0.04; its residual is "
                             "0.01, theirs 0.0001 to 0.0003");
    free(why);
}

static void where_nothing_is_known_nothing_is_told(void **state)
{
    (void)state;
    const typical nothing = {0};
    const traits t = {{1, 1, 1, 1}};
    char *why = (char *)&t;
    must(typical_compare(&nothing, t, &why));
    assert_null(why);
    why = (char *)&t;
    must(typical_compare(NULL, t, &why));
    assert_null(why);
}

/* ---- As text ---- */

static void texts_come_back(void **state)
{
    (void)state;
    typical again = {0};
    char *text = typical_as_text(&known);
    assert_non_null(text);
    assert_true(typical_read(text, &again));
    assert_int_equal(again.blends, known.blends);
    for (int i = 0; i < TRAITS; i++) {
        assert_near(again.of[i].least, known.of[i].least, 1e-9);
        assert_near(again.of[i].most, known.of[i].most, 1e-9);
        assert_near(again.of[i].deviation, known.of[i].deviation, 1e-9);
    }
    free(text);
}

#define OTHERS "\"contrast\":[0,1,0],\"detail\":[0,1,0],\"residual\":[0,1,0]"
#define WHOLE "{\"blends\":5,\"brightness\":[0,1,0]," OTHERS "}"

static const char *const damaged[] = {
    "",
    "null",
    "[]",
    "{",
    "{}",
    "{\"blends\":5}",
    "{\"brightness\":[0,1,0]," OTHERS "}",
    "{\"blends\":0,\"brightness\":[0,1,0]," OTHERS "}",
    "{\"blends\":-5,\"brightness\":[0,1,0]," OTHERS "}",
    "{\"blends\":\"5\",\"brightness\":[0,1,0]," OTHERS "}",
    "{\"blends\":5,\"brightness\":[0,1]," OTHERS "}",
    "{\"blends\":5,\"brightness\":[0,\"1\",0]," OTHERS "}",
    "{\"blends\":5,\"brightness\":0.5," OTHERS "}",
    "{\"blends\":5,\"brightness\":[0,1e999,0]," OTHERS "}",
    WHOLE "}",
};

static void damaged_texts_are_none(void **state)
{
    (void)state;
    typical t = known;
    assert_true(typical_read(WHOLE, &t));
    assert_int_equal(t.blends, 5);
    t = known;
    assert_false(typical_read(NULL, &t));
    for (size_t i = 0; i < COUNT(damaged); i++)
        if (typical_read(damaged[i], &t))
            fail_msg("%s is taken", damaged[i]);
    assert_memory_equal(&t, &known, sizeof t);
}

/* ---- In model files ---- */

static model_file open_file(const char *path)
{
    model_file m;
    must(model_open(path, NULL, 0, &m));
    return m;
}

/* tiny.safetensors with such a text in its metadata. */
static void write_with(const char *text)
{
    safetensors *file;
    must(safetensors_read(scratch_path("tiny.safetensors"), &file));
    const struct stored_text metadata[] = {{"format", "unblend 2"},
                                           {"config", safetensors_metadata(file, "config")},
                                           {"pictures", "28x28"},
                                           {"typical", text}};
    must(safetensors_write(scratch_path("with.safetensors"), safetensors_at(file, 0),
                           safetensors_count(file), metadata, 4));
    safetensors_free(file);
}

static void models_open_whatever_is_said_there(void **state)
{
    (void)state;
    model_file m = open_file(scratch_path("tiny.safetensors"));
    assert_int_equal(m.typical.blends, 0);
    model_close(&m);
    for (size_t i = 0; i < COUNT(damaged); i++) {
        write_with(damaged[i]);
        m = open_file(scratch_path("with.safetensors"));
        assert_int_equal(m.typical.blends, 0);
        model_close(&m);
    }
    write_with(WHOLE);
    m = open_file(scratch_path("with.safetensors"));
    assert_int_equal(m.typical.blends, 5);
    model_close(&m);
}

/* Brightness of the blends of validation, without the border around the sample's pictures. */
static void measure_validation(const settings *s, long count, double *least, double *most)
{
    static float blend[32 * 32], truth[2 * 32 * 32];
    batches *b;
    must(batches_open(&b, NULL, &s->data, (uint64_t)s->train.seed, false));
    *least = 1;
    *most = 0;
    for (long i = 0; i < count; i++) {
        double sum = 0;
        must(batches_blend(b, SPLIT_VALIDATION, (uint64_t)s->train.seed, STREAM_VALIDATION,
                           (uint64_t)i, blend, truth));
        for (int y = 2; y < 30; y++)
            for (int x = 2; x < 30; x++)
                sum += blend[y * 32 + x];
        *least = fmin(*least, sum / (28 * 28));
        *most = fmax(*most, sum / (28 * 28));
    }
    batches_close(b);
}

static void training_tells_what_its_blends_were_like(void **state)
{
    (void)state;
    double least, most;
    training t =
        trained_in("run", false, (overrides){"train.epochs=1", "train.validation_steps=3"});
    model_file m = open_file(scratch_path("run/model.safetensors"));
    assert_int_equal(m.typical.blends, 3 * TINY_BATCH);
    measure_validation(t.settings, 3 * TINY_BATCH, &least, &most);
    assert_near(m.typical.of[TRAIT_BRIGHTNESS].least, least, 2e-5);
    assert_near(m.typical.of[TRAIT_BRIGHTNESS].most, most, 2e-5);
    for (int i = 0; i < TRAITS; i++) {
        assert_true(m.typical.of[i].least > 0);
        assert_true(m.typical.of[i].most > m.typical.of[i].least);
        assert_true(m.typical.of[i].deviation > 0);
    }
    /* and what packs a model keeps it */
    must(model_pack(&m, scratch_path("packed.safetensors")));
    model_file packed = open_file(scratch_path("packed.safetensors"));
    assert_memory_equal(&packed.typical, &m.typical, sizeof m.typical);
    model_close(&packed);
    model_close(&m);
    close_training(&t);
}

static void without_validation_nothing_is_known(void **state)
{
    (void)state;
    train("alone", false, (overrides){"train.epochs=1", "train.validation_steps=0"});
    model_file m = open_file(scratch_path("alone/model.safetensors"));
    assert_int_equal(m.typical.blends, 0);
    must(model_pack(&m, scratch_path("packed.safetensors")));
    model_close(&m);
    m = open_file(scratch_path("packed.safetensors"));
    assert_int_equal(m.typical.blends, 0);
    model_close(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(traits_are_what_they_are_called),
        cmocka_unit_test(borders_do_not_count),
        cmocka_unit_test(ranges_are_those_of_what_was_added),
        cmocka_unit_test(each_trait_is_told_beyond_its_margin),
        cmocka_unit_test(all_that_is_unusual_is_told),
        cmocka_unit_test(where_nothing_is_known_nothing_is_told),
        cmocka_unit_test(texts_come_back),
        cmocka_unit_test(damaged_texts_are_none),
        cmocka_unit_test(models_open_whatever_is_said_there),
        cmocka_unit_test(training_tells_what_its_blends_were_like),
        cmocka_unit_test(without_validation_nothing_is_known),
    };
    return cmocka_run_group_tests(tests, set_up, close_after_trainings);
}
