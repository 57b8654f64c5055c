/* Settings: values and their limits, refusals with file and line, precedence, round trips. */
#include "base/memory.h"
#include "base/utf8.h"
#include "config/keys.h"
#include "settings_cases.h"
#include <jansson.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Values ---- */

static void defaults_hold_without_a_file(void **state)
{
    (void)state;
    settings *s = NULL;
    assert_int_equal(settings_load(&s, NULL, NULL, 0), 0);
    assert_int_equal(s->stages[0].architecture, ARCHITECTURE_unet);
    assert_int_equal(s->stages[0].filters[0], 64);
    assert_int_equal(s->train.steps_per_epoch, 1500);
    assert_true(s->train.learning_rate == 1e-3);
    assert_true(s->data.validation == 0.2);
    assert_int_equal(s->stage_count, 1);
    assert_int_equal(s->data.mixture.sources, 2);
    assert_string_equal(s->data.directories[0], "mnist");
    assert_string_equal(s->data.directories[1], "fashion-mnist");
    assert_string_equal(s->data.mixture.names[0], "mnist");
    assert_string_equal(s->data.mixture.names[1], "fashion");
    assert_int_equal(s->data.mixture.format.height, 32);
    assert_int_equal(s->data.mixture.format.width, 32);
    assert_int_equal(s->data.mixture.format.channels, 1);
    assert_int_equal(s->train.weight_count, 2);
    assert_true(s->train.source_weights[0] == 1 && s->train.source_weights[1] == 1);
    assert_string_equal(s->device.platform, "");
    settings_free(s);
    settings_free(NULL);
}

static void the_usual_ways_to_write_an_ini_file_work(void **state)
{
    (void)state;
    settings *s = parsed("\xef\xbb\xbf# first\r\n"
                         "[ Model ]\r\n"
                         "FILTERS=32 ; half\r\n"
                         "\tmodules =\t2 # deep\r\n"
                         "\r\n"
                         "[data]\r\n"
                         "directory = \"a; b # c \" ; a comment with \"quotes\" = and more\n"
                         "Sources = 'one', two,\tthree # comment\n"
                         "names = digits, a ,b ; comment\n"
                         "[device]\n"
                         "platform = \"\" ; none\n"
                         "device = ; none\n"
                         "[model]\n"
                         "convolutions = 1");
    assert_int_equal(s->stages[0].filters[0], 32);
    assert_int_equal(s->stages[0].modules, 2);
    assert_int_equal(s->stages[0].convolutions[0], 1);
    assert_string_equal(s->data.directory, "a; b # c ");
    assert_int_equal(s->data.mixture.sources, 3);
    assert_string_equal(s->data.directories[0], "one");
    assert_string_equal(s->data.directories[1], "two");
    assert_string_equal(s->data.directories[2], "three");
    assert_string_equal(s->data.mixture.names[0], "digits");
    assert_string_equal(s->data.mixture.names[1], "a");
    assert_string_equal(s->data.mixture.names[2], "b");
    assert_string_equal(s->device.platform, "");
    assert_string_equal(s->device.device, "");
    settings_free(s);
}

static void override_beats_environment_beats_file_beats_default(void **state)
{
    (void)state;
    const char *file = "[data]\ndirectory = file\n";
    settings *s = parsed("");
    assert_string_equal(s->data.directory, "build/data");
    settings_free(s);

    s = parsed(file);
    assert_string_equal(s->data.directory, "file");
    settings_free(s);

    setenv("UNBLEND_DATA", "environment", 1);
    s = parsed(file);
    assert_string_equal(s->data.directory, "environment");
    settings_free(s);

    s = overridden(file, "data.directory=flag");
    assert_string_equal(s->data.directory, "flag");
    settings_free(s);

    setenv("UNBLEND_DATA", "", 1);
    s = parsed(file);
    assert_string_equal(s->data.directory, "file");
    settings_free(s);
    unsetenv("UNBLEND_DATA");
}

static void the_last_override_counts(void **state)
{
    (void)state;
    const char *overrides[] = {"train.seed=5", "TRAIN.SEED=6", "data.directory=a=b"};
    settings *s = NULL;
    assert_int_equal(settings_parse(&s, "", "x.ini", overrides, 3), 0);
    assert_int_equal(s->train.seed, 6);
    assert_string_equal(s->data.directory, "a=b");
    settings_free(s);
}

static void numbers_keep_their_limits(void **state)
{
    (void)state;
    settings *s = overridden("[data]\nvalidation = .9\n[train]\nlearning_rate = 10\n",
                             "train.seed=2147483647");
    assert_true(s->data.validation == 0.9);
    assert_true(s->train.learning_rate == 10);
    assert_int_equal(s->train.seed, 2147483647);
    settings_free(s);
}

static void flags_are_true_or_false(void **state)
{
    (void)state;
    const key flag = {.name = "a.b", .type = KEY_FLAG, .initial = "true"};
    bool value;
    assert_int_equal(key_parse(&flag, "True", "here", &value), 0);
    assert_true(value);
    assert_int_equal(key_parse(&flag, "false", "here", &value), 0);
    assert_false(value);
    assert_int_equal(key_parse(&flag, "1", "here", &value), -1);
    assert_string_equal(error_message(),
                        "here: a.b = 1: neither true nor false (allowed: true, false)");
}

/* ---- Refusals ---- */

static void wrong_values_name_line_key_and_range(void **state)
{
    (void)state;
    refused("[model]\nfilters = abc\n", "x.ini:2: model.filters = abc: not a whole number "
                                        "(allowed: 1 to 6 numbers, each 1 to 1024)");
    refused("[model]\nfilters =\n", "x.ini:2: model.filters = (nothing): too few items (allowed: 1 "
                                    "to 6 numbers, each 1 to 1024)");
    refused("\n\n[model]\nfilters = 0\n",
            "x.ini:4: model.filters = 0: out of range (allowed: 1 to 6 numbers, each 1 to 1024)");
    refused("[train]\nseed = 99999999999999999999999\n",
            "x.ini:2: train.seed = 99999999999999999999999: out of range "
            "(allowed: 0 to 2147483647)");
    refused("[model]\nactivation = ReLU\n",
            "x.ini:2: model.activation = ReLU: no such choice (allowed: relu, sigmoid, tanh, "
            "leaky_relu); did you mean relu?");
    refused("[model]\nactivation = leaky\n",
            "x.ini:2: model.activation = leaky: no such choice (allowed: relu, sigmoid, tanh, "
            "leaky_relu)");
    refused("[data]\nnames = My Digits, clothes\n",
            "x.ini:2: data.names = My Digits: not a name (allowed: none, or up to 4, separated by "
            "commas: 1 to 32 of a-z, 0-9, _ and -)");
    refused("[data]\nnames = a, ''\n",
            "x.ini:2: data.names = (nothing): not a name (allowed: none, or up to 4, separated by "
            "commas: 1 to 32 of a-z, 0-9, _ and -)");
}

static void reals_are_decimal_finite_and_whole(void **state)
{
    (void)state;
    const char *malformed[] = {"1e-3x", "nan", "inf", "0x1p-3", "1e", "--1", "1 2", ".", "1,5"};
    for (size_t i = 0; i < sizeof malformed / sizeof *malformed; i++) {
        char *text = format_text("[train]\nlearning_rate = %s\n", malformed[i]);
        char *message = format_text("x.ini:2: train.learning_rate = %s: not a number "
                                    "(allowed: above 0, to 10)",
                                    malformed[i]);
        refused(text, message);
        free(text);
        free(message);
    }
    const char *outside[] = {"0", "-1", "10.0001", "1e999", "-1e999", "1e-999"};
    for (size_t i = 0; i < sizeof outside / sizeof *outside; i++) {
        char *text = format_text("[train]\nlearning_rate = %s\n", outside[i]);
        char *message = format_text("x.ini:2: train.learning_rate = %s: out of range "
                                    "(allowed: above 0, to 10)",
                                    outside[i]);
        refused(text, message);
        free(text);
        free(message);
    }
}

static void whole_numbers_are_plain_digits(void **state)
{
    (void)state;
    const char *malformed[] = {"1.0", "0x10", "1e2", "+3", "-", "3 4", "7th"};
    for (size_t i = 0; i < sizeof malformed / sizeof *malformed; i++) {
        char *override = format_text("train.batch=%s", malformed[i]);
        char *message = format_text("--set: train.batch = %s: not a whole number "
                                    "(allowed: 1 to 4096)",
                                    malformed[i]);
        override_refused(override, message);
        free(override);
        free(message);
    }
}

static void unknown_keys_and_sections_are_errors_with_a_guess(void **state)
{
    (void)state;
    refused("[model]\n\nfliters = 3\n",
            "x.ini:3: unknown key model.fliters; did you mean model.filters?");
    refused("[model]\nbatch = 3\n", "x.ini:2: unknown key model.batch; did you mean train.batch?");
    refused("[model]\nxyzzy = 4\n",
            "x.ini:2: unknown key model.xyzzy (`unblend help config` lists all keys)");
    refused("[modle]\nfilters = 3\n", "x.ini:1: unknown section [modle]; did you mean [model]?");
    refused("[]\n", "x.ini:1: unknown section [] (`unblend help config` lists all sections)");
    refused("[[model]]\n", "x.ini:1: unknown section [[model]]; did you mean [model]?");
    refused("[model.filters]\n",
            "x.ini:1: unknown section [model.filters] (`unblend help config` lists all sections)");
    override_refused("filters=3", "--set: unknown key filters; did you mean model.filters?");
}

static void duplicates_are_errors_in_any_case(void **state)
{
    (void)state;
    refused("[model]\nfilters = 3\nmodules = 2\nFilters = 4\n",
            "x.ini:4: model.filters is set twice, first on line 2; remove one");
    refused("[model]\nfilters = 3\n[train]\n[MODEL]\nfilters = 3\n",
            "x.ini:5: model.filters is set twice, first on line 2; remove one");
}

static void texts_have_a_length(void **state)
{
    (void)state;
    const char *allowed = "(allowed: text of at most 900 bytes)";
    char *override = format_text("data.directory=%0901d", 0);
    char *message = format_text("--data or --set: data.directory = %080d: too long %s", 0, allowed);
    override_refused(override, message);
    free(message);
    free(override);
    char odd[256] = "device.platform=";
    memset(odd + strlen(odd), 1, 226);
    settings *s = NULL;
    assert_int_equal(settings_parse(&s, "", "x.ini", (const char *const[]){odd}, 1), -1);
    assert_non_null(strstr(error_message(), ": too long, as \\xHH takes four bytes "));
    odd[strlen(odd) - 1] = '\0';
    s = overridden("", odd);
    settings_free(s);
    override_refused("data.directory=", "--data or --set: data.directory = (nothing): empty "
                                        "(allowed: text of at most 900 bytes)");
}

static void escapes_are_known_or_refused(void **state)
{
    (void)state;
    settings *s = parsed("[data]\n"
                         "directory = \"a\\\\b\\x22c\\x5C\\xfe\\xE9 # d\" ; e\n"
                         "sources = 'a\\b\\x22\"', \"a\\x2C,\\\\\", \\a\\x22'\"#b;c # d\n");
    assert_string_equal(s->data.directory, "a\\b\"c\\\xfe\xe9 # d");
    assert_string_equal(s->data.directories[0], "a\\b\\x22\"");
    assert_string_equal(s->data.directories[1], "a,,\\");
    assert_string_equal(s->data.directories[2], "\\a\\x22'\"#b;c");
    settings_free(s);
    s = parsed("[model]\nfilters = \"\\x33\\x32\"\n");
    assert_int_equal(s->stages[0].filters[0], 32);
    settings_free(s);

    const char *how = "is no escape; inside \"...\" a backslash is written \\\\, any other byte "
                      "\\xHH, and '...' takes both as they are";
    const char *unknown[] = {"C:\\data", "\\x", "\\xg1", "\\x1", "\\xx", "a\\"};
    const char *named[] = {"\\d", "\\x", "\\x", "\\x", "\\x", "\\"};
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++) {
        char *text = format_text("[data]\ndirectory = \"%s\"\n", unknown[i]);
        char *message = format_text("x.ini:2: data.directory: %s %s", named[i], how);
        refused(text, message);
        free(message);
        free(text);
    }
    refused("[data]\ndirectory = \"a\\x00b\"\n",
            "x.ini:2: data.directory: \\x00 is a zero byte, which no value can hold");
}

static void overrides_and_environment_are_named(void **state)
{
    (void)state;
    override_refused("model.filters", "--set model.filters: expected section.key=value");
    override_refused("=3", "--set =3: expected section.key=value");
    override_refused(
        "model.filters=-1",
        "--set: model.filters = -1: out of range (allowed: 1 to 6 numbers, each 1 to 1024)");
    char *device = format_text("%0901d", 0);
    setenv("UNBLEND_DEVICE", device, 1);
    settings *s = NULL;
    assert_int_equal(settings_load(&s, NULL, NULL, 0), -1);
    assert_non_null(strstr(error_message(), "environment UNBLEND_DEVICE: device.device = 000"));
    assert_int_equal(settings_parse_alone(&s, "[model]\nfilters = 3\n", "x.ini"), 0);
    assert_int_equal(s->stages[0].filters[0], 3);
    assert_string_equal(s->device.device, "");
    settings_free(s);
    unsetenv("UNBLEND_DEVICE");
    free(device);
}

static void the_names_differ(void **state)
{
    (void)state;
    const char *same = "data.names: two sources are both mnist; give them different names";
    char *of_file = format_text("x.ini:2: %s", same), *of_override = format_text("--set: %s", same);
    refused("[data]\nnames = mnist, mnist\n", of_file);
    override_refused("data.names=mnist,mnist", of_override);
    override_refused("data.sources=a/mnist,b/mnist/", of_override);
    settings *s = overridden("[data]\nnames = mnist, mnist\n", "data.names=other, mnist");
    assert_string_equal(s->data.mixture.names[0], "other");
    assert_string_equal(s->data.mixture.names[1], "mnist");
    const char *equal = "data.names=mnist,mnist", *another = "data.names=third,mnist";
    settings *derived = NULL; /* a trial of a search */
    assert_int_equal(settings_derive(&derived, s, &equal, 1, false), -1);
    assert_non_null(strstr(error_message(), same));
    assert_int_equal(settings_derive(&derived, s, &another, 1, false), 0);
    assert_string_equal(derived->data.mixture.names[0], "third");
    settings_free(derived);
    settings_free(s);
    free(of_file);
    free(of_override);
}

/* ---- Round trips ---- */

static void the_effective_ini_reads_back_to_itself(void **state)
{
    (void)state;
    settings *s = overridden("[train]\nlearning_rate = 0.0123456789012345678\n"
                             "[data]\nvalidation = 0.30000000000000004\n",
                             "data.directory= with ; and # and = and [x] ");
    char *first = settings_ini(s);
    settings *again = parsed(first);
    char *second = settings_ini(again);
    assert_string_equal(first, second);
    assert_true(s->train.learning_rate == again->train.learning_rate);
    assert_true(again->data.validation == 0.30000000000000004);
    assert_string_equal(again->data.directory, " with ; and # and = and [x] ");
    assert_non_null(strstr(first, "[model]\narchitecture = unet\nfilters = 64\n"));
    settings_free(s);
    settings_free(again);
    free(first);
    free(second);
}

/* Written as UTF-8 text without control characters, and read back the same. */
static void assert_kept(const char *value)
{
    char *override = format_text("data.directory=%s", value);
    settings *s = overridden("", override);
    char *text = settings_ini(s);
    for (const char *at = text; *at; at += utf8_length(at))
        assert_true(utf8_length(at) && (*at == '\n' || (unsigned char)*at >= ' ') && *at != 0x7f);
    settings *again = parsed(text);
    assert_string_equal(s->data.directory, value);
    assert_string_equal(again->data.directory, value);
    settings_free(s);
    settings_free(again);
    free(text);
    free(override);
}

static void any_byte_is_kept(void **state)
{
    (void)state;
    for (int byte = 1; byte < 256; byte++) {
        char alone[] = {(char)byte, '\0'}, inside[] = {'a', (char)byte, 'b', '\0'},
             twice[] = {(char)byte, (char)byte, ' ', '\0'};
        assert_kept(alone);
        assert_kept(inside);
        assert_kept(twice);
    }
    static const char *const values[] = {"/home/j\xc3\xbcrgen/\xe6\x95\xb0", "\xc3\xbc\xfc\xc3",
                                         "Bob's \"C:\\x41\" # ; = [x]\\", " \t'", "\\x00"};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        assert_kept(values[i]);
    setenv("UNBLEND_DATA", "it's \"\\\n\xff", 1);
    settings *s = parsed("");
    assert_string_equal(s->data.directory, "it's \"\\\n\xff");
    settings_free(s);
    unsetenv("UNBLEND_DATA");
}

static void legible_text_stays_legible(void **state)
{
    (void)state;
    settings *s = overridden("", "data.directory=/home/j\xc3\xbcrgen's #1\xe9");
    char *text = settings_ini(s);
    assert_non_null(strstr(text, "\ndirectory = \"/home/j\xc3\xbcrgen's #1\\xE9\"\n"));
    free(text);
    settings_free(s);
}

/* jansson decides the same, which is what reads and writes the texts. */
static void characters_are_those_of_json(void **state)
{
    (void)state;
    static const unsigned char bytes[] = {0x01, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0,
                                          0xC1, 0xC2, 0xDF, 0xE0, 0xE1, 0xEC, 0xED, 0xEE, 0xEF,
                                          0xF0, 0xF1, 0xF4, 0xF5, 0xF8, 0xFF, 0x00};
    enum { COUNT = sizeof bytes };
    for (size_t n = 0; n < (size_t)COUNT * COUNT * COUNT * COUNT; n++) {
        const char text[] = {(char)bytes[n % COUNT], (char)bytes[n / COUNT % COUNT],
                             (char)bytes[n / COUNT / COUNT % COUNT],
                             (char)bytes[n / COUNT / COUNT / COUNT], '\0'};
        size_t expected = 0;
        for (size_t length = 1; !expected && length <= strlen(text); length++) {
            json_t *accepted = json_stringn(text, length);
            expected = accepted ? length : 0;
            json_decref(accepted);
        }
        assert_int_equal(utf8_length(text), expected);
    }
}

static void the_longest_text_reads_back(void **state)
{
    (void)state;
    char *override = format_text("data.directory=%0900d", 0);
    settings *s = overridden("", override);
    char *text = settings_ini(s);
    settings *again = parsed(text);
    assert_string_equal(again->data.directory, override + strlen("data.directory="));
    settings_free(s);
    settings_free(again);
    free(text);
    free(override);
}

/* Of numbers blanks separate as well as commas; what is written has commas. */
static void lists_of_numbers_need_no_commas(void **state)
{
    static const char *const same[] = {
        "[model]\nconvolutions = 2 3 4\n", "[model]\nconvolutions = 2,3,4\n",
        "[model]\nconvolutions = 2, 3 ,4\n", "[model]\nconvolutions = 2\t3  4\n"};
    (void)state;
    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        settings *s = parsed(same[i]);
        const struct model_config *m = &s->stages[0];
        assert_int_equal(m->convolution_count, 3);
        assert_int_equal(m->convolutions[0] * 100 + m->convolutions[1] * 10 + m->convolutions[2],
                         234);
        char *text = settings_ini(s);
        assert_non_null(strstr(text, "\nconvolutions = 2, 3, 4\n"));
        free(text);
        settings_free(s);
    }
    refused("[model]\nconvolutions = 2 3,\n",
            "x.ini:2: model.convolutions = 2 3,: an item is empty (allowed: 1 to 6 numbers, each 1 "
            "to 8)");
    refused("[model]\nfilters = 1 2 3 4 5 6 7\n",
            "x.ini:2: model.filters = 1 2 3 4 5 6 7: too many items (allowed: 1 to 6 numbers, each "
            "1 to 1024)");
    refused("[model]\nfilters = 16 x\n",
            "x.ini:2: model.filters = x: not a whole number (allowed: 1 to 6 numbers, each 1 to "
            "1024)");
}

static void numbers_of_items_fit_the_sources(void **state)
{
    (void)state;
    refused("[data]\nflip = true\n",
            "x.ini:2: data.flip has 1 items for the 2 sources of data.sources");
    settings_free(parsed("[data]\nflip = false, true\n"));
}

static void the_last_batch_is_a_doubled_one(void **state)
{
    (void)state;
    refused("[train]\nbatch = 24\nbatch_last = 72\n",
            "x.ini:3: train.batch_last = 72 is not train.batch = 24 doubled once or more");
    refused("[train]\nbatch = 24\nbatch_last = 12\n",
            "x.ini:3: train.batch_last = 12 is not train.batch = 24 doubled once or more");
    settings_free(parsed("[train]\nbatch = 24\nbatch_last = 96\n"));
    settings_free(parsed("[train]\nbatch = 24\nbatch_last = 24\n"));
}

static void the_printed_table_is_an_ini_file_of_the_defaults(void **state)
{
    (void)state;
    char *table = NULL;
    size_t length;
    FILE *out = open_memstream(&table, &length);
    keys_print(out);
    fclose(out);
    settings *from_table = parsed(table), *defaults = parsed("");
    char *a = settings_ini(from_table), *b = settings_ini(defaults);
    assert_string_equal(a, b);
    for (const char *line = table; *line;) {
        size_t here = strcspn(line, "\n");
        assert_true(here <= 80);
        line += here + 1;
    }
    settings_free(from_table);
    settings_free(defaults);
    free(a);
    free(b);
    free(table);
}

static void a_decimal_comma_locale_changes_nothing(void **state)
{
    (void)state;
    const char *names[] = {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "de_DE"};
    bool found = false;
    for (size_t i = 0; i < sizeof names / sizeof *names && !found; i++)
        found = setlocale(LC_NUMERIC, names[i]) != NULL;
    if (!found)
        skip();
    settings *s = parsed("[data]\nvalidation = 0.25\n");
    char *text = settings_ini(s);
    setlocale(LC_NUMERIC, "C");
    assert_true(s->data.validation == 0.25);
    assert_non_null(strstr(text, "validation = 0.25\n"));
    settings_free(s);
    free(text);
}

int main(void)
{
    forget_environment();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_hold_without_a_file),
        cmocka_unit_test(the_usual_ways_to_write_an_ini_file_work),
        cmocka_unit_test(override_beats_environment_beats_file_beats_default),
        cmocka_unit_test(the_last_override_counts),
        cmocka_unit_test(numbers_keep_their_limits),
        cmocka_unit_test(flags_are_true_or_false),
        cmocka_unit_test(wrong_values_name_line_key_and_range),
        cmocka_unit_test(reals_are_decimal_finite_and_whole),
        cmocka_unit_test(whole_numbers_are_plain_digits),
        cmocka_unit_test(unknown_keys_and_sections_are_errors_with_a_guess),
        cmocka_unit_test(duplicates_are_errors_in_any_case),
        cmocka_unit_test(texts_have_a_length),
        cmocka_unit_test(escapes_are_known_or_refused),
        cmocka_unit_test(overrides_and_environment_are_named),
        cmocka_unit_test(the_names_differ),
        cmocka_unit_test(the_effective_ini_reads_back_to_itself),
        cmocka_unit_test(any_byte_is_kept),
        cmocka_unit_test(legible_text_stays_legible),
        cmocka_unit_test(characters_are_those_of_json),
        cmocka_unit_test(the_longest_text_reads_back),
        cmocka_unit_test(lists_of_numbers_need_no_commas),
        cmocka_unit_test(numbers_of_items_fit_the_sources),
        cmocka_unit_test(the_last_batch_is_a_doubled_one),
        cmocka_unit_test(the_printed_table_is_an_ini_file_of_the_defaults),
        cmocka_unit_test(a_decimal_comma_locale_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
