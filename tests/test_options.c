/* Parsing of a command's options and arguments, their help, and their way into the settings. */
#include "base/error.h"
#include "cli/cli.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h> /* last: its macro fail() would hide ours */

static const command everything = {
    .name = "all", .arguments = "[A] [B]", .options = ~0u, .least = 0, .most = 2};
static const command plain = {.name = "plain", .arguments = "FILE", .least = 1, .most = 1};

/* Splits a line at its blanks, as a shell would, and parses it. The words outlive the options,
 * which point into them. */
static char words[512];
static char *list[64];

static int parse(options *out, const command *c, const char *line)
{
    int count = 0;
    snprintf(words, sizeof words, "%s", line);
    for (char *word = strtok(words, " "); word; word = strtok(NULL, " "))
        list[count++] = word;
    list[count] = NULL;
    return options_parse(out, c, count, list);
}

static void refused(const command *c, const char *line, const char *message)
{
    options given;
    error_clear();
    assert_int_equal(parse(&given, c, line), -1);
    assert_string_equal(error_message(), message);
    assert_int_equal(error_status(), STATUS_USAGE);
}

static void nothing_given_means_the_defaults(void **state)
{
    (void)state;
    options given;
    assert_int_equal(parse(&given, &everything, "all"), 0);
    assert_false(given.help || given.quiet || given.verbose);
    assert_false(given.force || given.strict || given.json);
    assert_null(given.platform);
    assert_null(given.device);
    assert_null(given.run);
    assert_null(given.data);
    assert_int_equal(given.seed, -1);
    assert_int_equal(given.batch, 32);
    assert_int_equal(given.train_batch, -1);
    assert_int_equal(given.runs, 10);
    assert_int_equal(given.samples, 5000);
    assert_int_equal(given.count, 10);
    assert_int_equal(given.set_count, 0);
    assert_int_equal(given.argument_count, 0);
    options_free(&given);
    options_free(NULL);
}

static void every_option_reaches_its_field(void **state)
{
    (void)state;
    options given;
    assert_int_equal(parse(&given, &everything,
                           "all --platform pocl --device=1 --run r --data d --seed 0 --batch 7 "
                           "--runs 3 --samples 4 --count=5 --force --strict --json -qv "
                           "--set a.b=1 --set=c.d=2"),
                     0);
    assert_string_equal(given.platform, "pocl");
    assert_string_equal(given.device, "1");
    assert_string_equal(given.run, "r");
    assert_string_equal(given.data, "d");
    assert_int_equal(given.seed, 0);
    assert_int_equal(given.batch, 7);
    assert_int_equal(given.runs, 3);
    assert_int_equal(given.samples, 4);
    assert_int_equal(given.count, 5);
    assert_true(given.force && given.strict && given.json && given.quiet && given.verbose);
    assert_int_equal(given.set_count, 2);
    assert_string_equal(given.sets[0], "a.b=1");
    assert_string_equal(given.sets[1], "c.d=2");
    options_free(&given);
}

static void arguments_may_stand_anywhere(void **state)
{
    (void)state;
    options given;
    assert_int_equal(parse(&given, &everything, "all one --json two"), 0);
    assert_true(given.json);
    assert_int_equal(given.argument_count, 2);
    assert_string_equal(given.arguments[0], "one");
    assert_string_equal(given.arguments[1], "two");
    options_free(&given);

    assert_int_equal(parse(&given, &everything, "all --json -- --force -"), 0);
    assert_false(given.force);
    assert_int_equal(given.argument_count, 2);
    assert_string_equal(given.arguments[0], "--force");
    assert_string_equal(given.arguments[1], "-");
    options_free(&given);
}

static void help_comes_before_other_complaints(void **state)
{
    (void)state;
    options given;
    assert_int_equal(parse(&given, &plain, "plain --help"), 0);
    assert_true(given.help);
    options_free(&given);
    assert_int_equal(parse(&given, &plain, "plain a b -h --nonsense"), 0);
    assert_true(given.help);
    options_free(&given);
}

static void numbers_are_whole_and_in_range(void **state)
{
    (void)state;
    refused(
        &everything, "all --batch many",
        "all: --batch many: not a whole number (allowed: 1 to 4096) (see `unblend all --help`)");
    refused(&everything, "all --batch 1.5",
            "all: --batch 1.5: not a whole number (allowed: 1 to 4096) (see `unblend all --help`)");
    refused(&everything, "all --batch 0",
            "all: --batch 0: out of range (allowed: 1 to 4096) (see `unblend all --help`)");
    refused(&everything, "all --seed=-1",
            "all: --seed -1: out of range (allowed: 0 to 2147483647) (see `unblend all --help`)");
    refused(&everything, "all --seed 99999999999999999999",
            "all: --seed 99999999999999999999: out of range (allowed: 0 to 2147483647) "
            "(see `unblend all --help`)");
}

static void values_are_there_exactly_where_they_belong(void **state)
{
    (void)state;
    refused(&everything, "all --seed", "all: --seed needs a value: N (see `unblend all --help`)");
    refused(&everything, "all --run=", "all: --run: the value is empty (see `unblend all --help`)");
    refused(&everything, "all --json=yes", "all: --json takes no value (see `unblend all --help`)");
}

static void unknown_options_get_a_guess(void **state)
{
    (void)state;
    refused(&everything, "all --forse",
            "all: unknown option --forse; did you mean --force? (see `unblend all --help`)");
    refused(&everything, "all --sed=3",
            "all: unknown option --sed; did you mean --set? (see `unblend all --help`)");
    refused(&everything, "all --elephant",
            "all: unknown option --elephant (see `unblend all --help`)");
    refused(&everything, "all -x", "all: unknown option -x (see `unblend all --help`)");
    refused(&plain, "plain a --json",
            "plain: --json is not an option of this command (see `unblend plain --help`)");
    refused(&plain, "plain a --seed=3",
            "plain: --seed is not an option of this command (see `unblend plain --help`)");
}

static void arguments_are_counted(void **state)
{
    (void)state;
    refused(
        &plain, "plain",
        "plain: an argument is missing; usage: unblend plain FILE (see `unblend plain --help`)");
    refused(&plain, "plain a b --quiet",
            "plain: one argument too many: b (see `unblend plain --help`)");
}

static void options_become_settings(void **state)
{
    (void)state;
    options given;
    settings *s = NULL;
    assert_int_equal(parse(&given, &everything,
                           "all --platform 0 --device cpu --data d --seed 9 --set train.seed=8 "
                           "--set model.filters=16"),
                     0);
    assert_int_equal(options_settings(&given, NULL, &s), 0);
    assert_string_equal(s->device.platform, "0");
    assert_string_equal(s->device.device, "cpu");
    assert_string_equal(s->data.directory, "d");
    assert_int_equal(s->train.seed, 9);
    assert_int_equal(s->stages[0].filters[0], 16);
    settings_free(s);
    options_free(&given);

    assert_int_equal(parse(&given, &everything, "all --set model.filters=x"), 0);
    assert_int_equal(options_settings(&given, NULL, &s), -1);
    assert_string_equal(
        error_message(),
        "--set: model.filters = x: not a whole number (allowed: 1 to 6 numbers, each 1 to 1024)");
    options_free(&given);
}

/* Of the two --batch, the one whose batch is the config's. */
static void a_batch_can_be_the_configs(void **state)
{
    (void)state;
    static const command bench = {
        .name = "bench", .arguments = "", .options = OPTION_TRAIN_BATCH | OPTION_SET};
    options given;
    settings *s = NULL;
    assert_int_equal(parse(&given, &bench, "bench --batch 7 --set train.batch=9"), 0);
    assert_int_equal(given.train_batch, 7);
    assert_int_equal(options_settings(&given, NULL, &s), 0);
    assert_int_equal(s->train.batch, 7);
    settings_free(s);
    options_free(&given);

    assert_int_equal(parse(&given, &bench, "bench --set train.batch=9"), 0);
    assert_int_equal(options_settings(&given, NULL, &s), 0);
    assert_int_equal(s->train.batch, 9);
    settings_free(s);
    options_free(&given);
    refused(&bench, "bench --batch 5000",
            "bench: --batch 5000: out of range (allowed: 1 to 4096) (see `unblend bench --help`)");
}

static void help_lists_what_is_accepted_in_80_columns(void **state)
{
    (void)state;
    char text[4096] = "";
    FILE *out = fmemopen(text, sizeof text, "w");
    options_print(OPTION_SEED | OPTION_RUNS, out);
    fclose(out);
    assert_non_null(strstr(text, "--seed N "));
    assert_non_null(strstr(text, "--runs N "));
    assert_non_null(strstr(text, "(default 10)"));
    assert_non_null(strstr(text, "-h, --help "));
    assert_null(strstr(text, "--json"));
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
        assert_true(strlen(line) <= 80);
}

int main(void)
{
    unsetenv("UNBLEND_DATA");
    unsetenv("UNBLEND_PLATFORM");
    unsetenv("UNBLEND_DEVICE");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_given_means_the_defaults),
        cmocka_unit_test(every_option_reaches_its_field),
        cmocka_unit_test(arguments_may_stand_anywhere),
        cmocka_unit_test(help_comes_before_other_complaints),
        cmocka_unit_test(numbers_are_whole_and_in_range),
        cmocka_unit_test(values_are_there_exactly_where_they_belong),
        cmocka_unit_test(unknown_options_get_a_guess),
        cmocka_unit_test(arguments_are_counted),
        cmocka_unit_test(options_become_settings),
        cmocka_unit_test(a_batch_can_be_the_configs),
        cmocka_unit_test(help_lists_what_is_accepted_in_80_columns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
