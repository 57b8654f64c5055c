/* What the program under test writes to standard error, for tests that look at it. */
#ifndef TESTS_CAPTURED_H
#define TESTS_CAPTURED_H

#include "base/files.h"
#include "scratch.h"

#include <fcntl.h>

/* Returns what captured() needs. */
static inline int capture_messages(void)
{
    int kept = dup(STDERR_FILENO),
        file = open(scratch_path("messages"), O_RDWR | O_CREAT | O_TRUNC, 0600);
    assert_true(kept >= 0 && file >= 0);
    fflush(stderr);
    dup2(file, STDERR_FILENO);
    close(file);
    return kept;
}

/* Everything since; release with free(). */
static inline char *captured(int kept)
{
    unsigned char *text = NULL;
    size_t length;
    fflush(stderr);
    dup2(kept, STDERR_FILENO);
    close(kept);
    assert_int_equal(file_read(scratch_path("messages"), 1 << 20, STATUS_RUNTIME, &text, &length),
                     0);
    return (char *)text;
}

#endif
