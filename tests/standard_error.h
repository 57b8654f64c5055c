/* What code says on standard error, for the tests of what it says and that it is silent. */
#ifndef TESTS_STANDARD_ERROR_H
#define TESTS_STANDARD_ERROR_H

#include "scratch.h"
#include <fcntl.h>

static int own_standard_error, standard_error_file;

/* From here on standard error goes into a file of the scratch directory. */
static inline void standard_error_begin(void)
{
    fflush(stderr);
    own_standard_error = dup(STDERR_FILENO);
    standard_error_file = open(scratch_file("stderr", "", 0), O_RDWR);
    assert_true(own_standard_error >= 0 && standard_error_file >= 0);
    assert_true(dup2(standard_error_file, STDERR_FILENO) >= 0);
}

/* As it was before; what was said meanwhile, up to the next call. */
static inline const char *standard_error_end(void)
{
    static char text[1024];
    fflush(stderr);
    dup2(own_standard_error, STDERR_FILENO);
    close(own_standard_error);
    ssize_t length = pread(standard_error_file, text, sizeof text - 1, 0);
    close(standard_error_file);
    assert_true(length >= 0);
    text[length] = '\0';
    return text;
}

#endif
