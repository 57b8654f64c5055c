/* Settings of sources and stages: lists, sizes, names, weights, choices, sections. */
#include "base/memory.h"
#include "config/keys.h"
#include "settings_cases.h"
#include <stdio.h>
#include <string.h>

/* ---- Sources, lists, sizes ---- */

static void names_follow_from_the_directories(void **state)
{
    (void)state;
    settings *s = parsed("[data]\nsources = sets/Cats & Dogs/, ../fashion-mnist, ., '..//'\n");
    assert_int_equal(s->data.mixture.sources, 4);
    assert_string_equal(s->data.mixture.names[0], "cats---dogs");
    assert_string_equal(s->data.mixture.names[1], "fashion-mnist");
    assert_string_equal(s->data.mixture.names[2], "source3");
    assert_string_equal(s->data.mixture.names[3], "source4");

    /* they follow still where a trial of a search changes the directories, unless they were given */
    const char *other = "data.sources=one,two", *names = "data.names=a,b";
    settings *derived = NULL, *named = NULL, *again = NULL;
    assert_int_equal(settings_derive(&derived, s, &other, 1, false), 0);
    assert_int_equal(derived->data.mixture.sources, 2);
    assert_string_equal(derived->data.mixture.names[1], "two");
    assert_int_equal(settings_derive(&named, derived, &names, 1, false), 0);
    assert_int_equal(settings_derive(&again, named, &other, 1, false), 0);
    assert_string_equal(again->data.mixture.names[1], "b");
    settings_free(again);
    settings_free(named);
    settings_free(derived);
    settings_free(s);

    char *directory = format_text("data.sources=%040d,b", 0);
    s = overridden("", directory);
    assert_int_equal(strlen(s->data.mixture.names[0]), 32);
    settings_free(s);
    free(directory);
}

static void lists_have_their_number_of_items(void **state)
{
    (void)state;
    const char *sources = "(allowed: 2 to 4, separated by commas: text of at most 900 bytes)";
    static const struct {
        const char *text, *why;
    } bad[] = {{"a", "too few items"},         {"", "too few items"},
               {"a,", "an item is empty"},     {",a", "an item is empty"},
               {"a, ,b", "an item is empty"},  {"a,b,", "an item is empty"},
               {"a,b,c,d,e", "too many items"}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const char *shown = *bad[i].text ? bad[i].text : "(nothing)";
        char *text = format_text("[data]\nsources = %s\n", bad[i].text);
        char *message =
            format_text("x.ini:2: data.sources = %s: %s %s", shown, bad[i].why, sources);
        refused(text, message);
        free(message);
        free(text);
    }
    refused("[data]\nsources = a, \"\"\n",
            "x.ini:2: data.sources = (nothing): empty (allowed: 2 to 4, separated by commas: text "
            "of at most 900 bytes)");
    refused("[data]\nsources = a, 'b\n", "x.ini:2: data.sources: the closing ' is missing");
    refused("[data]\nsources = 'a' b, c\n",
            "x.ini:2: data.sources: there is text after the closing '");
    override_refused("data.sources=a,\"b", "--set: data.sources: the closing \" is missing");
    override_refused("data.sources=\"a\"b,c",
                     "--set: data.sources: there is text after the closing \"");
    refused("[data]\nnames = a, b, c\n",
            "x.ini:2: data.names has 3 names for the 2 sources of data.sources");
    refused("[train]\n\nsource_weights = 1\n",
            "x.ini:3: train.source_weights has 1 weights for the 2 sources of data.sources");
    override_refused("train.source_weights=1,0",
                     "--set: train.source_weights = 0: out of range (allowed: none, or up to 4 "
                     "numbers, each above 0, to 1000000)");
    char *longest = format_text("data.sources=a%0447d,b%0443d", 0, 0);
    settings *s = overridden("", longest);
    char *text = settings_ini(s);
    settings *again = parsed(text);
    assert_string_equal(again->data.directories[1], s->data.directories[1]);
    settings_free(again);
    settings_free(s);
    free(text);
    free(longest);
    longest = format_text("data.sources=a%0447d,b%0444d", 0, 0);
    assert_int_equal(settings_parse(&s, "", "x.ini", (const char *const[]){longest}, 1), -1);
    assert_non_null(strstr(error_message(), ": too long (allowed: "));
    free(longest);
}

/* An item in quotes may hold what would end a bare one, in a file and in --set. */
static void items_may_be_quoted(void **state)
{
    (void)state;
    const char *list = "'a, \"b', \"c|\\x2C;\\xFF\" ,d e;f";
    char *text = format_text("[data]\nsources = %s ; comment\n", list);
    char *override = format_text("data.sources=%s", list);
    settings *both[] = {parsed(text), overridden("", override)};
    for (int i = 0; i < 2; i++) {
        char *written = settings_ini(both[i]);
        settings *again = parsed(written);
        const settings *seen[] = {both[i], again};
        for (int k = 0; k < 2; k++) {
            assert_int_equal(seen[k]->data.mixture.sources, 3);
            assert_string_equal(seen[k]->data.directories[0], "a, \"b");
            assert_string_equal(seen[k]->data.directories[1], "c|,;\xff");
            assert_string_equal(seen[k]->data.directories[2], "d e;f");
        }
        settings_free(again);
        settings_free(both[i]);
        free(written);
    }
    free(override);
    free(text);
}

static void sizes_are_height_and_width(void **state)
{
    (void)state;
    settings *s = parsed("[data]\nsize = 48x4096\nchannels = 3\n");
    assert_int_equal(s->data.mixture.format.height, 48);
    assert_int_equal(s->data.mixture.format.width, 4096);
    assert_int_equal(s->data.mixture.format.channels, 3);
    char *text = settings_ini(s);
    assert_non_null(strstr(text, "\nsize = 48x4096\nchannels = 3\n"));
    free(text);
    settings_free(s);
    static const struct {
        const char *text, *why;
    } bad[] = {{"32", "not a size"},      {"32x", "not a size"},
               {"x32", "not a size"},     {"32 x 32", "not a size"},
               {"32x32x1", "not a size"}, {"32X32", "not a size"},
               {"+1x1", "not a size"},    {"00000000000000032x32", "not a size"},
               {"0x32", "out of range"},  {"32x4097", "out of range"},
               {"-1x1", "out of range"}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char *override = format_text("data.size=%s", bad[i].text);
        char *message = format_text("--set: data.size = %s: %s (allowed: HEIGHTxWIDTH, each 1 to "
                                    "4096)",
                                    bad[i].text, bad[i].why);
        override_refused(override, message);
        free(message);
        free(override);
    }
    override_refused("data.channels=2", "--set: data.channels = 2: no such choice (allowed: 1, 3)");
    override_refused("data.channels=4", "--set: data.channels = 4: out of range (allowed: 1, 3)");
}

static void weights_are_one_for_each_source(void **state)
{
    (void)state;
    settings *s = overridden("[train]\nsource_weights = 1, 2.5, 0.25\n", "data.sources=a,b,c");
    assert_int_equal(s->train.weight_count, 3);
    assert_true(s->train.source_weights[1] == 2.5 && s->train.source_weights[2] == 0.25);
    char *text = settings_ini(s);
    assert_non_null(strstr(text, "\nsource_weights = 1, 2.5, 0.25\n"));
    free(text);
    settings_free(s);
    s = overridden("[train]\nsource_weights = 1, 2\n", "train.source_weights=");
    assert_true(s->train.source_weights[1] == 1);
    settings_free(s);
}

/* Each word of a choice is the enum's value of that name. */
static void choices_are_enums(void **state)
{
    (void)state;
    static const struct {
        const char *override;
        int expected;
    } words[] = {
        {"model.architecture=unet", ARCHITECTURE_unet},
        {"model.architecture=unet-transformer", ARCHITECTURE_unet_transformer},
        {"stage.2.reads=mixture", READS_MIXTURE},
        {"stage.2.reads=previous", READS_PREVIOUS},
        {"stage.2.reads=both", READS_BOTH},
        {"train.objective=squared_error", OBJECTIVE_SQUARED_ERROR},
        {"train.optimizer=adam", OPTIMIZER_ADAM},
        {"train.optimizer=adamw", OPTIMIZER_ADAMW},
        {"train.moving_averages=warm", AVERAGES_WARM},
        {"train.moving_averages=keras", AVERAGES_KERAS},
        {"train.schedule=constant", SCHEDULE_CONSTANT},
        {"train.schedule=step", SCHEDULE_STEP},
        {"train.schedule=cosine", SCHEDULE_COSINE},
        {"train.schedule=plateau", SCHEDULE_PLATEAU},
        {"train.monitor=val_loss", MONITOR_VAL_LOSS},
        {"train.monitor=loss", MONITOR_LOSS},
        {"train.keep=best", KEEP_BEST},
        {"train.keep=last", KEEP_LAST},
    };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        settings *s = overridden("", words[i].override);
        char name[64];
        snprintf(name, sizeof name, "%.*s", (int)strcspn(words[i].override, "="),
                 words[i].override);
        const key *k = key_find(name);
        assert_int_equal(k->type, KEY_CHOICE);
        assert_int_equal(*(const int *)((const char *)s + k->field), words[i].expected);
        char *text = settings_ini(s), *line = strrchr(name, '.') + 1;
        char *written = format_text("\n%s = %s\n", line, strchr(words[i].override, '=') + 1);
        assert_non_null(strstr(text, written));
        free(written);
        free(text);
        settings_free(s);
    }
}

static void renamed_keys_say_so(void **state)
{
    (void)state;
    refused("[data]\ndirectory = d\nsource_b = fashion-mnist\n",
            "x.ini:3: data.source_b was renamed to data.sources (see `unblend help config`)");
    override_refused("Data.Name_A=x",
                     "--set: data.name_a was renamed to data.names (see `unblend help config`)");
}

/* ---- Stages ---- */

static void each_section_of_a_stage_makes_one(void **state)
{
    (void)state;
    settings *s = parsed("[model]\nfilters = 8\n[stage.2]\n[Stage.3]\nfilters = 16\nreads = "
                         "previous\n");
    assert_int_equal(s->stage_count, 3);
    assert_int_equal(s->stages[0].filters[0], 8);
    assert_int_equal(s->stages[0].reads, READS_MIXTURE);
    assert_int_equal(s->stages[1].filters[0], 64);
    assert_int_equal(s->stages[1].reads, READS_BOTH);
    assert_int_equal(s->stages[2].filters[0], 16);
    assert_int_equal(s->stages[2].reads, READS_PREVIOUS);
    char *text = settings_ini(s);
    settings *again = parsed(text);
    assert_int_equal(again->stage_count, 3);
    assert_int_equal(again->stages[2].filters[0], 16);
    assert_non_null(strstr(text, "\n[stage.3]\narchitecture = unet\nfilters = 16\n"));
    assert_null(strstr(text, "[stage.4]"));

    const char *fourth = "stage.4.filters=32", *second = "stage.2.filters=32";
    settings *derived = NULL;
    assert_int_equal(settings_derive(&derived, again, &fourth, 1, false), 0);
    assert_int_equal(derived->stage_count, 4);
    assert_int_equal(derived->stages[2].filters[0], 16);
    settings_free(derived);
    assert_int_equal(settings_derive(&derived, again, &second, 1, false), 0);
    assert_int_equal(derived->stage_count, 3);
    assert_int_equal(derived->stages[1].filters[0], 32);
    settings_free(derived);
    settings_free(again);
    settings_free(s);
    free(text);

    s = overridden("", second);
    assert_int_equal(s->stage_count, 2);
    assert_int_equal(s->stages[1].filters[0], 32);
    settings_free(s);
    s = overridden("[stage.3]\n", second);
    assert_int_equal(s->stage_count, 3);
    settings_free(s);
}

static void stages_leave_no_gap(void **state)
{
    (void)state;
    refused("[model]\n[stage.3]\nfilters = 3\n", "x.ini:2: there is a [stage.3], but no [stage.2]");
    refused("[stage.4]\n[stage.2]\n", "x.ini:1: there is a [stage.4], but no [stage.3]");
    override_refused("stage.4.heads=3", "--set: there is a [stage.4], but no [stage.3]");
    refused("[stage.5]\n", "x.ini:1: unknown section [stage.5]; did you mean [stage.2]?");
    refused("[stage]\n", "x.ini:1: unknown section [stage]; did you mean [stage.2]?");
    refused("[model]\nreads = both\n",
            "x.ini:2: unknown key model.reads; did you mean stage.2.reads?");
    override_refused("stage.5.filters=3", "--set: unknown key stage.5.filters; did you mean "
                                          "stage.2.filters?");
    refused("[stage.3]\nfliters = 3\n",
            "x.ini:2: unknown key stage.3.fliters; did you mean stage.3.filters?");
}

/* ---- Blends ---- */

static void weights_of_a_blend_are_whole(void **state)
{
    (void)state;
    settings *s = parsed("[mix]\nweights = 0.25 0.75\nclean = 0.1\n");
    assert_true(s->data.mixture.weights[1] == 0.75f && s->data.mix.clean == 0.1);
    settings_free(s);
    s = parsed("");
    assert_true(mixture_weight(&s->data.mixture, 0) == 0.5f);
    settings_free(s);
    refused("[mix]\nweights = 0.5, 0.4\n",
            "x.ini:2: mix.weights add up to 0.9; they must add up to 1");
    refused("[mix]\nweights = 0.5, 0.25, 0.25\n",
            "x.ini:2: mix.weights has 3 weights for the 2 sources of data.sources");
    refused("[mix]\nweights = 0.5, 0.5\nkind = multiply\n",
            "x.ini:2: mix.weights: screen and multiply have no weights");
}

static void weights_may_be_a_range(void **state)
{
    (void)state;
    settings *s = parsed("[mix]\nweight = 0.25..0.5\n");
    assert_true(s->data.mix.weight.low == 0.25 && s->data.mix.weight.high == 0.5);
    settings_free(s);
    s = parsed("[mix]\nweight = .4\n");
    assert_true(s->data.mix.weight.low == 0.4 && s->data.mix.weight.high == 0.4);
    settings_free(s);
    refused("[mix]\nweight = 0.7 .. 0.3\n",
            "x.ini:2: mix.weight = 0.7 .. 0.3: the first number is above the second (allowed: LOW "
            ".. HIGH, each 0 to 1)");
    refused("[mix]\nweight = 0.3 - 0.7\n",
            "x.ini:2: mix.weight = 0.3 - 0.7: not a range (allowed: LOW .. HIGH, each 0 to 1)");
    refused("[mix]\nweight = 0.3 .. 1.5\n",
            "x.ini:2: mix.weight = 0.3 .. 1.5: out of range (allowed: LOW .. HIGH, each 0 to 1)");
    static const char never[] =
        "x.ini:3: mix.weight: a source would be in no blend; give it a range "
        "between 0 and 1, such as 0.3 .. 0.7";
    refused("[mix]\nkind = weights\nweight = 1\n", never);
    refused("[mix]\nkind = weights\nweight = 0 .. 0\n[data]\nsources = a, b, c\n", never);
}

static void consistent_outputs_need_an_average(void **state)
{
    (void)state;
    static const char fixed[] =
        "x.ini:2: mix.kind: consistent outputs need a blend with fixed weights; "
        "set consistent = false, or mix.kind = average";
    refused("[mix]\nkind = screen\n[model]\nconsistent = true\n", fixed);
    refused("[mix]\nkind = weights\n[model]\nconsistent = true\n", fixed);
    refused("[mix]\ngamma = 2\n[model]\nconsistent = true\n",
            "x.ini:2: mix.gamma: consistent outputs need a blend of the values as they are; set "
            "consistent = false, or mix.gamma = 1");
    refused("[mix]\nclean = 0.5\n[model]\nconsistent = true\n",
            "x.ini:2: mix.clean: consistent outputs always blend to the input, so they cannot be a "
            "single source; set consistent = false, or mix.clean = 0");
    settings_free(
        parsed("[mix]\nkind = weights\nweights = 0.5, 0.5\n[model]\nconsistent = true\n"));
}

static void in_any_order_all_sources_count_alike(void **state)
{
    (void)state;
    refused("[train]\nobjective = permutation\nsource_weights = 1, 2\n",
            "x.ini:3: train.source_weights: with objective = permutation any output may be any "
            "source, so they cannot count differently");
    settings_free(parsed("[train]\nobjective = permutation\nsource_weights = 2, 2\n"));
}

int main(void)
{
    forget_environment();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(weights_of_a_blend_are_whole),
        cmocka_unit_test(weights_may_be_a_range),
        cmocka_unit_test(consistent_outputs_need_an_average),
        cmocka_unit_test(in_any_order_all_sources_count_alike),
        cmocka_unit_test(names_follow_from_the_directories),
        cmocka_unit_test(lists_have_their_number_of_items),
        cmocka_unit_test(items_may_be_quoted),
        cmocka_unit_test(sizes_are_height_and_width),
        cmocka_unit_test(weights_are_one_for_each_source),
        cmocka_unit_test(choices_are_enums),
        cmocka_unit_test(renamed_keys_say_so),
        cmocka_unit_test(each_section_of_a_stage_makes_one),
        cmocka_unit_test(stages_leave_no_gap),
    };
    return cmocka_run_group_tests_name("sources and stages", tests, NULL, NULL);
}
