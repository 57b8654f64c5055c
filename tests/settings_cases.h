/* Settings from a text, and what refuses one: for the tests of settings. */
#ifndef TESTS_SETTINGS_CASES_H
#define TESTS_SETTINGS_CASES_H

#include "base/error.h"
#include "config/settings.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h> /* last: its macro fail() would hide ours */

static inline settings *parsed(const char *text)
{
    settings *s = NULL;
    if (settings_parse(&s, text, "x.ini", NULL, 0))
        fail_msg("refused: %s", error_message());
    return s;
}

static inline settings *overridden(const char *text, const char *override)
{
    settings *s = NULL;
    if (settings_parse(&s, text, "x.ini", &override, 1))
        fail_msg("refused: %s", error_message());
    return s;
}

/* The text is refused as a usage error, with exactly this message. */
static inline void refused(const char *text, const char *message)
{
    settings *s = NULL;
    error_clear();
    assert_int_equal(settings_parse(&s, text, "x.ini", NULL, 0), -1);
    assert_string_equal(error_message(), message);
    assert_int_equal(error_status(), STATUS_USAGE);
    assert_null(s);
}

static inline void override_refused(const char *override, const char *message)
{
    settings *s = NULL;
    error_clear();
    assert_int_equal(settings_parse(&s, "", "x.ini", &override, 1), -1);
    assert_string_equal(error_message(), message);
    assert_int_equal(error_status(), STATUS_USAGE);
}

/* What the machine's environment says is no matter of a test's. */
static inline void forget_environment(void)
{
    unsetenv("UNBLEND_DATA");
    unsetenv("UNBLEND_PLATFORM");
    unsetenv("UNBLEND_DEVICE");
}

#endif
