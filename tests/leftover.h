/* What a killed process leaves in a directory, and a look at what is there. */
#ifndef TESTS_LEFTOVER_H
#define TESTS_LEFTOVER_H

#include "base/files.h"
#include "scratch.h"
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

/* Another process is killed in the middle of file_write_atomic(), by a limit on the size of files. */
static inline void leave_temporary_file(const char *directory)
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (!child) {
        struct rlimit none = {0, 0};
        char path[1024];
        snprintf(path, sizeof path, "%s/model", directory);
        signal(SIGXFSZ, SIG_DFL);
        setrlimit(RLIMIT_CORE, &none);
        setrlimit(RLIMIT_FSIZE, &none);
        file_write_atomic(path, "x", 1);
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status)); /* killed, not failed */
}

/* The first entry of a directory that is not . or .. */
static inline const char *only_entry(const char *path)
{
    static char name[300];
    DIR *directory = opendir(path);
    assert_non_null(directory);
    name[0] = '\0';
    for (struct dirent *entry; (entry = readdir(directory));)
        if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..")) {
            assert_string_equal(name, ""); /* there is one only */
            snprintf(name, sizeof name, "%s", entry->d_name);
        }
    closedir(directory);
    return name;
}

#endif
