/* What a search begins with: spaces, and the points drawn from them. What comes of these: test_trials.c. Needs
 * no device; tests/test_search_run.c does. */
#include "base/files.h"
#include "search_spaces.h"
#include <math.h>

/* ---- Spaces ---- */

static void bad_spaces_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text, *where, *what;
    } bad[] = {
        {"", "s.ini", "nothing to search"},
        {"[model]\nfilters = 8\n[space]\n", "s.ini", "nothing to search"},
        {"[model]\nfliters = 8\n[space]\n", "s.ini:2", "did you mean model.filters"},
        {"[spaec]\nmodel.filters = 8\n", "s.ini:1", "unknown section [spaec]"},
        {"[space] ; mine\nmodel.filters = 8\n", "s.ini:1", "alone on its line"},
        {"[space]\n\nfilters = 8 | 16\n", "s.ini:3", "did you mean model.filters"},
        {"[space]\nmodel.filters\n", "s.ini:2", "expected [section], key = value"},
        {"[space]\n= 3\n", "s.ini:2", "expected [section], key = value"},
        {"[space]\nmodel.filters = 8 | many\n", "s.ini:2", "many: not a whole number"},
        {"[space]\nmodel.filters = 8 | 4096\n", "s.ini:2", "each 1 to 1024"},
        {"[space]\nmodel.filters = 8 | 08\n", "s.ini:2", "lists 08 twice"},
        {"[space]\nmodel.filters = 8 |\n", "s.ini:2", "(nothing)"},
        {"[space]\nmodel.filters = 8\n\nModel.Filters = 9\n", "s.ini:4", "first on line 2"},
        {"[space]\nmodel.activation = relu | rleu\n", "s.ini:2", "did you mean relu"},
        {"[space]\nmodel.activation = relu .. tanh\n", "s.ini:2", "no such choice"},
        {"[space]\ntrain.learning_rate = 1e-2 .. 1e-4\n", "s.ini:2", "lower end"},
        {"[space]\ntrain.learning_rate = 1e-4 .. 20\n", "s.ini:2", "out of range"},
        {"[space]\nmodel.filters = 8 .. 4096\n", "s.ini:2", "out of range"},
        {"[space]\ntrain.source_weights = 1 .. 2\n", "s.ini:2", "not a number"},
        {"[space]\ntrain.learning_rate = 1e-4 .. 1e-2 lgo\n", "s.ini:2", "neither log nor linear"},
        {"[space]\ntrain.learning_rate = 1e-4 ..\n", "s.ini:2", "(nothing)"},
        {"[space]\ntrain.clip_norm = 0 .. 1 log\n", "s.ini:2", "above 0"},
        {"[space]\ntrain.batch = 1.5 .. 8\n", "s.ini:2", "not a whole number"},
        {"[space]\ndata.channels = 1 .. 3\n", "s.ini:2", "data.channels = 1 .. 3"},
        {"[space]\ndata.directory = \"a\" | \"b\n", "s.ini:2", "the closing \" is missing"},
        {"[space]\ndata.directory = 'a' b | c\n", "s.ini:2", "text after the closing '"},
        {"[space]\ndata.directory = \"a\\b\"\n", "s.ini:2", "\\b is no escape"},
        {"[search]\ntrails = 5\n", "s.ini:2", "did you mean trials"},
        {"[search]\ntrials = 0\n", "s.ini:2", "search.trials"},
        {"[search]\nstrategy = grid\n", "s.ini:2", "random, halving"},
        {"[search]\ntrials = 5\ntrials = 6\n", "s.ini:3", "first on line 2"},
        {"[space]\nmodel.filters = 8\n[final]\ntrain.epoch = 9\n", "s.ini:4", "train.epochs"},
        {"[space]\nmodel.filters = 8\n[final]\nmodel.filters = 9\n", "s.ini:4", "searched for"},
        {"[search]\nstrategy=halving\n[space]\ntrain.epochs = 3|9\n", "s.ini:4", "train.epochs"},
        {"[search]\nstrategy=halving\n[space]\ntrain.schedule = step|cosine\n", "s.ini", "cosine"},
        {"[train]\ntime_limit=9\n[search]\nstrategy=halving\n[space]\ntrain.batch = 4\n", "s.ini",
         "time_limit"},
        {"[train]\nminutes=9\n[search]\nstrategy=halving\n[space]\ntrain.batch = 4\n", "s.ini",
         "remove train.minutes"},
        {"[search]\nstrategy=halving\n[space]\ntrain.minutes = 1|2\n", "s.ini",
         "remove train.minutes"},
        {"[train]\nbatch_last=64\n[search]\nstrategy=halving\n[space]\nmodel.filters = 4\n",
         "s.ini", "remove train.batch_last"},
        {"[train]\nepochs=2\n[search]\nstrategy=halving\n[space]\ntrain.batch = 4\n", "s.ini",
         "nothing would be halved"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        space *s = NULL;
        if (!parse(&s, bad[i].text))
            fail_msg("this should be refused: %s", bad[i].text);
        assert_error(STATUS_USAGE, bad[i].where, bad[i].what);
        assert_null(s);
    }
}

static void bytes_that_are_not_text_are_refused(void **state)
{
    (void)state;
    space *s = NULL;
    const char *path = scratch_file("zero.ini", "[space]\nmodel\0.filters = 8\n", 26);
    assert_int_equal(space_load(&s, path, NULL, 0), -1);
    assert_error(STATUS_USAGE, "zero.ini:2", "byte 0x00 in column 6");
    char longer[1200] = "[space]\nmodel.filters = ";
    memset(longer + strlen(longer), '8', 1010);
    assert_int_equal(parse(&s, longer), -1);
    assert_error(STATUS_USAGE, "s.ini:2", "at most 1000");
}

static const char full_space[] = "\xef\xbb\xbf[search]\r\n"
                                 "strategy = random ; as ever\r\n"
                                 "trials=7\r\n"
                                 "[model]\n"
                                 "filters = 4   # under the space\n"
                                 "[ SPACE ]\n"
                                 "; a comment\n"
                                 "Model.Filters = 2 | 4\n"
                                 "device.platform = \"one\" | 'two'\n"
                                 "train.learning_rate = 1e-4..1e-2 log\n"
                                 "train.batch = 2 .. 6 linear # pairs\n"
                                 "[train]\n"
                                 "epochs = 3\n"
                                 "[final]\n"
                                 "train.epochs = 9\n";

static void assert_is_full_space(const space *s)
{
    assert_int_equal(s->strategy, STRATEGY_RANDOM);
    assert_int_equal(s->trials, 7);
    assert_int_equal(s->eta, 3);
    assert_int_equal(s->min_epochs, 1);
    assert_int_equal(s->base->stages[0].filters[0], 4);
    assert_int_equal(s->base->train.epochs, 3);
    assert_int_equal(s->count, 4);
    assert_string_equal(s->dimensions[0].written.key->name, "model.filters");
    assert_int_equal(s->dimensions[0].count, 2);
    assert_string_equal(s->dimensions[1].choices[0].text, "one");
    assert_string_equal(s->dimensions[1].choices[1].text, "two");
    assert_int_equal(s->dimensions[2].count, 0);
    assert_true(s->dimensions[2].logarithmic);
    assert_true(s->dimensions[2].low == 1e-4 && s->dimensions[2].high == 1e-2);
    assert_false(s->dimensions[3].logarithmic);
    assert_int_equal(s->final_count, 1);
    assert_string_equal(s->final[0].text, "9");
}

static void a_space_reads_back(void **state)
{
    (void)state;
    space *first = space_of(full_space);
    assert_is_full_space(first);
    char *text = space_ini(first);
    space *second = space_of(text);
    assert_is_full_space(second);
    char *again = space_ini(second);
    assert_string_equal(text, again);
    free(again);
    free(text);
    space_free(second);
    space_free(first);
}

/* Texts of any bytes, in a list and in [final]; their quotes hold | ; and # together. */
static void texts_are_quoted_as_in_configs(void **state)
{
    (void)state;
    const char *text =
        "[space]\n"
        "data.directory = \"a|b; \\x22\\xFF\" | 'c\\d # |' | e#f | it's # a comment | x\n"
        "[final]\n"
        "device.platform = \"g\\x0A;\\\\|h\" ; a comment\n"
        "train.epochs = 9\n";
    static const char *const expected[] = {"a|b; \"\xff", "c\\d # |", "e#f", "it's"};
    space *first = space_of(text);
    char *written = space_ini(first);
    space *second = space_of(written);
    for (int i = 0; i < 2; i++) {
        const space *s = i ? second : first;
        assert_int_equal(s->dimensions[0].count, 4);
        for (size_t k = 0; k < 4; k++)
            assert_string_equal(s->dimensions[0].choices[k].text, expected[k]);
        assert_string_equal(s->final[0].text, "g\n;\\|h");
        assert_string_equal(s->final[1].text, "9");
    }
    char *values[] = {(char *)expected[0]};
    settings *final;
    assert_int_equal(space_settings(first, values, first->final, first->final_count, &final), 0);
    assert_string_equal(final->data.directory, expected[0]);
    assert_string_equal(final->device.platform, "g\n;\\|h");
    settings_free(final);
    free(written);
    space_free(second);
    space_free(first);
}

/* Choices that are lists themselves, and of a stage that only the space makes. */
static void lists_and_stages_are_searched(void **state)
{
    (void)state;
    const char *text = "[space]\n"
                       "data.sources = a, \"b|c, d\" | e,f , 'g' ; a comment\n"
                       "stage.2.filters = 8 | 16\n"
                       "[final]\n"
                       "train.source_weights = 1, 2\n";
    static const char *const expected[] = {"a, \"b|c, d\"", "e,f , 'g'"};
    space *first = space_of(text);
    char *written = space_ini(first);
    space *second = space_of(written);
    for (int i = 0; i < 2; i++) {
        const space *s = i ? second : first;
        assert_int_equal(s->base->stage_count, 1);
        assert_int_equal(s->count, 2);
        assert_int_equal(s->dimensions[0].count, 2);
        for (size_t k = 0; k < 2; k++)
            assert_string_equal(s->dimensions[0].choices[k].text, expected[k]);
        assert_string_equal(s->final[0].text, "1, 2");
    }
    char *values[] = {(char *)expected[0], "16"};
    settings *final;
    assert_int_equal(space_settings(first, values, first->final, first->final_count, &final), 0);
    assert_int_equal(final->data.mixture.sources, 2);
    assert_string_equal(final->data.directories[1], "b|c, d");
    assert_string_equal(final->data.mixture.names[1], "b-c--d");
    assert_int_equal(final->stage_count, 2);
    assert_int_equal(final->stages[1].filters[0], 16);
    assert_true(final->train.source_weights[1] == 2);
    settings_free(final);
    free(written);
    space_free(second);
    space_free(first);
    space *s = NULL;
    assert_int_equal(parse(&s, "[space]\ndata.sources = a, b | a ,'b'\n"), -1);
    assert_error(STATUS_USAGE, "s.ini:2", "data.sources lists");
    assert_int_equal(parse(&s, "[space]\ndata.sources = a, b | a\n"), -1);
    assert_error(STATUS_USAGE, "s.ini:2", "too few items");
    assert_int_equal(parse(&s, "[space]\ndata.sources = a, b | \"a, b\n"), -1);
    assert_error(STATUS_USAGE, "s.ini:2", "the closing \" is missing");
    assert_int_equal(parse(&s, "[space]\ndata.name_a = a | b\n"), -1);
    assert_error(STATUS_USAGE, "s.ini:2", "renamed to data.names");
}

/* Names and weights that nobody gave follow from the sources of each trial, also of a space that was
 * written and read back, as `search --resume` does. */
static void names_and_weights_stay_open(void **state)
{
    (void)state;
    space *first = space_of("[space]\ndata.sources = a, b | c, d, e\n");
    char *written = space_ini(first);
    space *second = space_of(written);
    for (int i = 0; i < 2; i++) {
        char *values[] = {"c, d, e"};
        settings *trial;
        assert_int_equal(space_settings(i ? second : first, values, NULL, 0, &trial), 0);
        assert_int_equal(trial->data.mixture.sources, 3);
        assert_string_equal(trial->data.mixture.names[0], "c");
        assert_string_equal(trial->data.mixture.names[2], "e");
        assert_int_equal(trial->train.weight_count, 3);
        settings_free(trial);
    }
    free(written);
    space_free(second);
    space_free(first);
}

/* What was given stays given. */
static void given_names_and_weights_are_kept(void **state)
{
    (void)state;
    space *first = space_of("[data]\nnames = x, y\n[train]\nsource_weights = 1, 3\n"
                            "[space]\ndata.sources = a, b | c, d\n");
    char *written = space_ini(first);
    space *second = space_of(written);
    char *values[] = {"c, d"};
    settings *trial;
    assert_int_equal(space_settings(second, values, NULL, 0, &trial), 0);
    assert_string_equal(trial->data.mixture.names[1], "y");
    assert_true(trial->train.source_weights[1] == 3);
    settings_free(trial);
    free(written);
    space_free(second);
    space_free(first);
}

static void settings_of_a_trial(void **state)
{
    (void)state;
    space *s = space_of(full_space);
    settings *trial, *final;
    char *values[] = {"2", "two", "0.005", "6"};
    assert_int_equal(space_settings(s, values, NULL, 0, &trial), 0);
    assert_int_equal(space_settings(s, values, s->final, s->final_count, &final), 0);
    assert_int_equal(trial->stages[0].filters[0], 2);
    assert_string_equal(trial->device.platform, "two");
    assert_int_equal(trial->train.epochs, 3);
    assert_int_equal(final->train.batch, 6);
    assert_int_equal(final->train.epochs, 9);
    assert_int_equal(s->base->stages[0].filters[0], 4);
    settings_free(final);
    settings_free(trial);
    space_free(s);
}

/* ---- Points ---- */

static bool same_point(const points *p, size_t i, const points *q, size_t k)
{
    for (size_t at = 0; at < p->dimensions; at++)
        if (strcmp(p->items[i].values[at], q->items[k].values[at]))
            return false;
    return true;
}

static void assert_no_repeats(const points *p)
{
    for (size_t i = 0; i < p->count; i++)
        for (size_t k = 0; k < i; k++)
            assert_false(same_point(p, i, p, k));
}

static void a_grid_is_exhausted(void **state)
{
    (void)state;
    space *s = NULL;
    assert_int_equal(space_load(&s, "configs/search.ini", NULL, 0), 0);
    assert_int_equal(s->trials, 50);
    points p = draw(s, s->trials);
    assert_int_equal(p.count, 36);
    assert_no_repeats(&p);
    points_release(&p);
    space_free(s);
}

static void points_follow_from_the_seed(void **state)
{
    (void)state;
    space *s = space_of("[train]\nseed = 3\n[space]\nmodel.filters = 8 | 16\n"
                        "train.learning_rate = 1e-4 .. 1e-2 log\n");
    space *other = space_of("[train]\nseed = 4\n[space]\nmodel.filters = 8 | 16\n"
                            "train.learning_rate = 1e-4 .. 1e-2 log\n");
    points p = draw(s, 40), fewer = draw(s, 9), elsewhere = draw(other, 40);
    size_t common = 0;
    assert_int_equal(p.count, 40);
    assert_int_equal(fewer.count, 9);
    assert_no_repeats(&p);
    for (size_t i = 0; i < fewer.count; i++)
        assert_true(same_point(&p, i, &fewer, i));
    for (size_t i = 0; i < p.count; i++)
        common += same_point(&p, i, &elsewhere, i);
    assert_true(common < 3);
    points_release(&elsewhere);
    points_release(&fewer);
    points_release(&p);
    space_free(other);
    space_free(s);
}

/* All whole numbers of a range come, nothing beyond its ends, and of a log range as many below the
 * middle decade as above. */
static void ranges_are_covered(void **state)
{
    (void)state;
    space *s = space_of("[space]\nmodel.filters = 3 .. 9\n"); /* a list, of which one is enough */
    points p = draw(s, 100);
    assert_int_equal(p.count, 7);
    points_release(&p);
    space_free(s);
    s = space_of("[space]\ntrain.batch = 3 .. 9\n");
    p = draw(s, 100);
    assert_int_equal(p.count, 7);
    points_release(&p);
    space_free(s);
    s = space_of("[space]\ntrain.batch = 1 .. 20 log\n");
    p = draw(s, 100);
    assert_int_equal(p.count, 20);
    points_release(&p);
    space_free(s);

    s = space_of("[space]\ntrain.learning_rate = 1e-4 .. 1e-2 log\n");
    p = draw(s, 1000);
    size_t low = 0;
    for (size_t i = 0; i < p.count; i++) {
        double rate = strtod(p.items[i].values[0], NULL);
        assert_true(rate >= 1e-4 && rate <= 1e-2);
        low += rate < 1e-3;
    }
    assert_true(low > 420 && low < 580);
    points_release(&p);
    space_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bad_spaces_are_refused),
        cmocka_unit_test(bytes_that_are_not_text_are_refused),
        cmocka_unit_test(a_space_reads_back),
        cmocka_unit_test(texts_are_quoted_as_in_configs),
        cmocka_unit_test(lists_and_stages_are_searched),
        cmocka_unit_test(names_and_weights_stay_open),
        cmocka_unit_test(given_names_and_weights_are_kept),
        cmocka_unit_test(settings_of_a_trial),
        cmocka_unit_test(a_grid_is_exhausted),
        cmocka_unit_test(points_follow_from_the_seed),
        cmocka_unit_test(ranges_are_covered),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
