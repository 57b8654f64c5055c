/* What is said to the person at the terminal: which messages at which level, how long something takes,
 * and which word was meant. */
#include "base/clock.h"
#include "base/guess.h"
#include "base/log.h"
#include "standard_error.h"

/* What one message of each kind leaves on standard error. */
static const char *said_at(enum log_level level)
{
    log_set_level(level);
    standard_error_begin();
    log_info("info %d", 1);
    log_detail("detail %d", 2);
    log_warning("careful");
    return standard_error_end();
}

static void levels_choose_messages(void **state)
{
    (void)state;
    assert_string_equal(said_at(LOG_QUIET), "unblend: warning: careful\n");
    assert_string_equal(said_at(LOG_NORMAL), "info 1\nunblend: warning: careful\n");
    assert_string_equal(said_at(LOG_VERBOSE), "info 1\ndetail 2\nunblend: warning: careful\n");
}

static void times_are_short(void **state)
{
    (void)state;
    static const struct {
        double seconds;
        const char *text;
    } cases[] = {{-3, "0:00"},      {0.4, "0:00"},      {7, "0:07"},       {59.6, "1:00"},
                 {760, "12:40"},    {3599, "59:59"},    {3600, "1:00:00"}, {11100, "3:05:00"},
                 {7199, "1:59:59"}, {90061, "25:01:01"}};
    char text[32];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_string_equal(clock_text(cases[i].seconds, text, sizeof text), cases[i].text);
}

static const char *hint_for(const char *typed)
{
    static const char *const known[] = {"train", "tune", "evaluate", "separate", "selftest"};
    static guess g;
    g = guess_of(typed);
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        guess_offer(&g, known[i], known[i]);
    return g.hint;
}

static void typing_errors_are_understood_and_others_not(void **state)
{
    (void)state;
    assert_string_equal(hint_for("trian"), "; did you mean train?");
    assert_string_equal(hint_for("TUN"), "; did you mean tune?");
    assert_string_equal(hint_for("evalute"), "; did you mean evaluate?");
    assert_string_equal(hint_for("separat"), "; did you mean separate?");
    assert_string_equal(hint_for("xyz"), "");
    assert_string_equal(hint_for("plot"), "");
    assert_string_equal(hint_for("install"), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(levels_choose_messages),
        cmocka_unit_test(times_are_short),
        cmocka_unit_test(typing_errors_are_understood_and_others_not),
    };
    return cmocka_run_group_tests_name("messages", tests, scratch_make, scratch_remove);
}
