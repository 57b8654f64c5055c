/* INI files: what is not one, what is broken, and what strangers may send. */
#include "base/error.h"
#include "base/files.h"
#include "base/memory.h"
#include "config/keys.h"
#include "settings_cases.h"
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h> /* last: its macro fail() would hide ours */

static void malformed_lines_are_errors(void **state)
{
    (void)state;
    refused("filters = 3\n",
            "x.ini:1: filters stands outside a section; put a line such as [model] above it");
    refused("[model]\nfilters\n", "x.ini:2: expected [section], key = value, or ; comment");
    refused("[model]\n= 3\n", "x.ini:2: expected [section], key = value, or ; comment");
    refused("x", "x.ini:1: expected [section], key = value, or ; comment");
    refused("[model\n", "x.ini:1: a section is written [name], alone on its line");
    refused("[model] ; comment\n", "x.ini:1: a section is written [name], alone on its line");
    refused("[\n", "x.ini:1: a section is written [name], alone on its line");
    refused("; comment \\\n[model]\n",
            "x.ini:1: a line cannot be continued with a backslash; a value that ends with one is "
            "put into '...'");
    refused("[ Space ]\n", "x.ini:1: [Space] belongs to the space of a search, which `unblend "
                           "search` takes; a config has no such section");
    refused("[data]\ndirectory = \"a\n", "x.ini:2: data.directory: the closing \" is missing");
    refused("[data]\ndirectory = 'it's'\n",
            "x.ini:2: data.directory: there is text after the closing '");
    refused("[model]\nfilters = 3\x1b[2J\n", "x.ini:2: byte 0x1b in column 12 is not text");
    refused("[model]\rfilters = 3\r", "x.ini:1: byte 0x0d in column 8 is not text");
}

static char directory[256];

static int make_directory(void **state)
{
    (void)state;
    const char *base = getenv("TMPDIR");
    snprintf(directory, sizeof directory, "%.200s/unblend-test-XXXXXX",
             base && *base ? base : "/tmp");
    return mkdtemp(directory) ? 0 : -1;
}

static int remove_directory(void **state)
{
    (void)state;
    return rmdir(directory);
}

/* A file of these bytes, loaded; the result of settings_load. */
static int load_bytes(const void *bytes, size_t length, settings **s)
{
    char *path = path_join(directory, "x.ini");
    assert_int_equal(file_write_atomic(path, bytes, length), 0);
    int result = settings_load(s, path, NULL, 0);
    unlink(path);
    free(path);
    return result;
}

static void files_are_read_and_named(void **state)
{
    (void)state;
    settings *s = NULL;
    assert_int_equal(load_bytes("[model]\nfilters = 7\n", 20, &s), 0);
    assert_int_equal(s->stages[0].filters[0], 7);
    settings_free(s);
    assert_int_equal(load_bytes("", 0, &s), 0);
    settings_free(s);

    assert_int_equal(load_bytes("[model]\nfilters = x\n", 20, &s), -1);
    assert_non_null(strstr(error_message(), directory));
    assert_non_null(strstr(error_message(), "x.ini:2: model.filters = x: "));
    assert_int_equal(load_bytes("[model]\nfilt\0rs = 3\n", 20, &s), -1);
    assert_non_null(strstr(error_message(), "x.ini:2: byte 0x00 in column 5 is not text"));
    assert_int_equal(load_bytes("[model]\nfilters = 3\0\n", 21, &s), -1);
    assert_non_null(strstr(error_message(), "x.ini:2: byte 0x00 in column 12 is not text"));
    assert_int_equal(load_bytes("[model]\0", 8, &s), -1);
    assert_non_null(strstr(error_message(), "x.ini:1: byte 0x00 in column 8 is not text"));
    assert_int_equal(load_bytes("[model]\n; x \0\r\n", 15, &s), -1);
    assert_non_null(strstr(error_message(), "x.ini:2: byte 0x00 in column 5 is not text"));

    error_clear();
    assert_int_equal(settings_load(&s, "/no/such/file.ini", NULL, 0), -1);
    assert_non_null(strstr(error_message(), "/no/such/file.ini"));
    assert_int_equal(error_status(), STATUS_USAGE);
}

static void over_long_lines_and_files_are_refused(void **state)
{
    (void)state;
    settings *s = NULL;
    char *text = format_text("[data]\n; %0999d\n", 0);
    refused(text, "x.ini:2: the line is 1001 bytes long (allowed: at most 1000)");
    free(text);
    text = format_text("[device]\n; %0998d\nplatform = x", 0);
    s = parsed(text);
    assert_string_equal(s->device.platform, "x");
    settings_free(s);
    free(text);

    char *large = allocate(2 << 20, 1);
    memset(large, ';', 2 << 20);
    assert_int_equal(load_bytes(large, 2 << 20, &s), -1);
    assert_non_null(strstr(error_message(), "x.ini: larger than"));
    assert_int_equal(load_bytes(large, 1 << 20, &s), -1);
    assert_non_null(strstr(error_message(), "x.ini:1: the line is 1048576 bytes long"));
    free(large);
}

/* Pseudo-random, so that a failure can be repeated. */
static unsigned next_random(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 16;
}

static void random_bytes_are_refused_in_good_order(void **state)
{
    (void)state;
    uint32_t random = 1;
    for (int round = 0; round < 300; round++) {
        unsigned char bytes[512];
        size_t length = 64 + next_random(&random) % 448; /* too long to be text by accident */
        for (size_t i = 0; i < length; i++)
            bytes[i] = (unsigned char)next_random(&random);
        settings *s = NULL;
        error_clear();
        assert_int_equal(load_bytes(bytes, length, &s), -1);
        assert_int_equal(error_status(), STATUS_USAGE);
    }
}

/* Near-INI text made of the pieces that matter: whatever is accepted has to read back alike. */
static void scrambled_syntax_is_refused_or_reads_back(void **state)
{
    (void)state;
    static const char *const pieces[] = {"[device]\n", "platform", "device", "=",  " = ", "\"",
                                         "'",          ";",        "#",      "\n", "\n",  "a b",
                                         "\\",         "[",        "]",      " ",  "\r",  "\t"};
    uint32_t random = 7;
    int accepted = 0, messages = dup(STDERR_FILENO), nowhere = open("/dev/null", O_WRONLY);
    dup2(nowhere, STDERR_FILENO); /* warnings of ; and # by the hundred */
    for (int round = 0; round < 4000; round++) {
        char text[256] = "[device]\nplatform = ";
        for (unsigned i = next_random(&random) % 12; i; i--)
            strcat(text, pieces[next_random(&random) % (sizeof pieces / sizeof *pieces)]);
        settings *s = NULL, *again = NULL;
        if (settings_parse(&s, text, "x.ini", NULL, 0))
            continue;
        accepted++;
        char *first = settings_ini(s);
        again = parsed(first);
        char *second = settings_ini(again);
        assert_string_equal(first, second);
        settings_free(s);
        settings_free(again);
        free(first);
        free(second);
    }
    dup2(messages, STDERR_FILENO);
    close(messages);
    close(nowhere);
    assert_true(accepted > 50);
}

/* More than a pipe holds. */
static void long_configs_are_read(void **state)
{
    (void)state;
    enum { COMMENTS = 9000, COMMENT = 100 };
    char *text = allocate(COMMENTS * COMMENT + 64, 1);
    for (size_t i = 0; i < COMMENTS; i++)
        sprintf(text + i * COMMENT, "; %097d\n", 0);
    strcpy(text + COMMENTS * COMMENT, "[model]\nfilters = 5\n");
    settings *s = parsed(text);
    assert_int_equal(s->stages[0].filters[0], 5);
    settings_free(s);
    free(text);
}

/* Every key, on the longest line there may be. */
static void long_lines_everywhere_are_read(void **state)
{
    (void)state;
    char *text = NULL;
    size_t length;
    FILE *out = open_memstream(&text, &length);
    for (size_t i = 0; i < key_count; i++) {
        const char *bare = strrchr(keys[i].name, '.') + 1;
        fprintf(out, "[%.*s]\n%s%*s\n", (int)(bare - 1 - keys[i].name), keys[i].name, bare,
                1000 - (int)strlen(bare), "= 1");
    }
    fclose(out);
    settings *s = NULL;
    assert_int_equal(settings_parse(&s, text, "x.ini", NULL, 0), -1);
    assert_non_null(strstr(error_message(), "model.architecture = 1: no such choice"));
    free(text);
}

static void no_temporary_directory_is_needed(void **state)
{
    (void)state;
    char *before = getenv("TMPDIR") ? copy_text(getenv("TMPDIR")) : NULL;
    const char *const odd[] = {"/no/such/directory", "/dev/null", ""};
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
        setenv("TMPDIR", odd[i], 1);
        settings_free(parsed("[model]\nfilters = 3\n"));
    }
    if (before)
        setenv("TMPDIR", before, 1);
    else
        unsetenv("TMPDIR");
    free(before);
}

/* As many open files as may be: what is missing is said, and the config is not blamed. */
static void a_config_is_not_blamed_for_missing_descriptors(void **state)
{
    (void)state;
    struct rlimit before, none;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = before;
    none.rlim_cur = 0;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    settings *s = NULL;
    int result = settings_parse(&s, "[model]\n", "x.ini", NULL, 0);
    setrlimit(RLIMIT_NOFILE, &before);
    assert_int_equal(result, -1);
    assert_int_equal(error_status(), STATUS_RUNTIME);
    assert_non_null(strstr(error_message(), "x.ini: cannot be read: no memory file: "));
}

int main(void)
{
    unsetenv("UNBLEND_DATA");
    unsetenv("UNBLEND_PLATFORM");
    unsetenv("UNBLEND_DEVICE");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(malformed_lines_are_errors),
        cmocka_unit_test(files_are_read_and_named),
        cmocka_unit_test(over_long_lines_and_files_are_refused),
        cmocka_unit_test(random_bytes_are_refused_in_good_order),
        cmocka_unit_test(scrambled_syntax_is_refused_or_reads_back),
        cmocka_unit_test(long_configs_are_read),
        cmocka_unit_test(long_lines_everywhere_are_read),
        cmocka_unit_test(no_temporary_directory_is_needed),
        cmocka_unit_test(a_config_is_not_blamed_for_missing_descriptors),
    };
    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
