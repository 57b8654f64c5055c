/* What reaches the person at the terminal at each level, and how times are said. */
#include "base/clock.h"
#include "base/log.h"
#include "captured.h"

/* What is left of all four kinds of message. */
static void assert_says(enum log_level level, const char *wanted)
{
    int messages = capture_messages();
    log_set_level(level);
    log_info("an info");
    log_detail("a detail");
    log_live("progress");
    log_live_end();
    log_warning("no. %d", 1);
    char *text = captured(messages);
    assert_int_equal(log_get_level(), level);
    assert_string_equal(text, wanted);
    free(text);
}

static void each_level_says_its_own(void **state)
{
    (void)state;
    assert_says(LOG_QUIET, "unblend: warning: no. 1\n");
    assert_says(LOG_NORMAL, "an info\nunblend: warning: no. 1\n");
    assert_says(LOG_VERBOSE, "an info\na detail\nunblend: warning: no. 1\n");
}

static void times_are_said_in_hours(void **state)
{
    (void)state;
    static const struct {
        double seconds;
        const char *text;
    } cases[] = {{-1, "0:00"},       {0, "0:00"},        {7.4, "0:07"},     {59.6, "1:00"},
                 {760, "12:40"},     {3599, "59:59"},    {3600, "1:00:00"}, {11100, "3:05:00"},
                 {11105, "3:05:05"}, {90061, "25:01:01"}};
    char text[32];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_string_equal(clock_text(cases[i].seconds, text, sizeof text), cases[i].text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_level_says_its_own),
        cmocka_unit_test(times_are_said_in_hours),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
