/* unblend by its command line, from a test program. */
#ifndef TESTS_COMMAND_H
#define TESTS_COMMAND_H

#include "scratch.h"
#include <sys/wait.h>

/* The exit status; what was printed is in the scratch directory's out and err. Words with blanks or
 * quotes are quoted as for a shell. */
static inline int command_status(const char *words)
{
    char line[4096];
    const char *build = getenv("BUILD");
    int length = snprintf(line, sizeof line, "'%s/unblend' %s >'%s/out' 2>'%s/err' </dev/null",
                          build ? build : "build", words, scratch, scratch);
    assert_true(length > 0 && (size_t)length < sizeof line);
    int status = system(line);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

#endif
