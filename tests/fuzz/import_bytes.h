/* What both targets do with a file: import it. Each has a helper_run() in place of src/convert/helper.c. */
#ifndef FUZZ_IMPORT_BYTES_H
#define FUZZ_IMPORT_BYTES_H

#include "base/log.h"
#include "convert/helper.h"
#include "convert/keras.h"
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char directory[PATH_MAX], from[PATH_MAX + 8], to[PATH_MAX + 8];

static void remove_files(void)
{
    unlink(from);
    unlink(to);
    rmdir(directory);
}

static void make_directory(void)
{
    const char *base = getenv("TMPDIR");
    snprintf(directory, sizeof directory, "%s/unblend-fuzz-XXXXXX", base ? base : "/tmp");
    if (!mkdtemp(directory))
        abort();
    snprintf(from, sizeof from, "%s/from.h5", directory);
    snprintf(to, sizeof to, "%s/to", directory);
    atexit(remove_files);
    log_set_level(LOG_SILENT);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!*directory)
        make_directory();
    FILE *file = fopen(from, "wb");
    if (!file || fwrite(data, 1, size, file) != size || fclose(file))
        abort();
    (void)keras_import(from, to, NULL, 0);
    return 0;
}

#endif
