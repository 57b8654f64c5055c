/*
 * Kernels of a test's own: a copy of cl/ in the scratch directory, which the kernels then come from and in
 * which one text is put for another.
 */
#ifndef TESTS_OWN_KERNELS_H
#define TESTS_OWN_KERNELS_H

#include "base/files.h"
#include "base/memory.h"
#include "opencl/kernel.h"
#include "scratch.h"

static char *kernels_origin; /* the directory that was copied */

static inline char *kernels_text(const char *directory, const char *name)
{
    unsigned char *bytes;
    size_t length;
    char *path = path_join(directory, name);
    if (file_read(path, 1 << 20, STATUS_RUNTIME, &bytes, &length))
        fail_msg("%s", error_message());
    char *text = copy_text((char *)bytes);
    free(bytes);
    free(path);
    return text;
}

/* Puts the text into the copy. */
static inline void kernels_write(const char *name, const char *text)
{
    char *inside = path_join("cl", name);
    scratch_file(inside, text, strlen(text));
    free(inside);
}

static inline void kernels_put_back(const char *name)
{
    char *text = kernels_text(kernels_origin, name);
    kernels_write(name, text);
    free(text);
}

/* Puts `to` where `from` is, which must be there once. */
static inline void kernels_change(const char *name, const char *from, const char *to)
{
    char *text = kernels_text(kernels_origin, name), *at = strstr(text, from);
    if (!at || strstr(at + 1, from))
        fail_msg("%s: \"%s\" is not there, or more than once", name, from);
    char *changed = format_text("%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
    kernels_write(name, changed);
    free(changed);
    free(text);
}

static inline void kernels_copy(void)
{
    const char *from = kernel_directory();
    DIR *directory = from ? opendir(from) : NULL;
    assert_non_null(directory);
    kernels_origin = copy_text(from);
    assert_int_equal(directory_make(scratch_path("cl")), 0);
    for (struct dirent *entry; (entry = readdir(directory));)
        if (entry->d_name[0] != '.')
            kernels_put_back(entry->d_name);
    closedir(directory);
    setenv("UNBLEND_CL_DIR", scratch_path("cl"), 1);
}

static inline void kernels_release(void)
{
    unsetenv("UNBLEND_CL_DIR");
    free(kernels_origin);
    kernels_origin = NULL;
}

#endif
