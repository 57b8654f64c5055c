/*
 * `unblend import` of a file of Keras, under libFuzzer (`make fuzz`): HDF5 or .keras archive, its layers, the network
 * that is inferred, and the model that is written. unblend-hdf5 runs in this process, so that its code is watched, too.
 */
#include "base/log.h"
#include "convert/helper.h"
#include "convert/keras.h"
#include "hdf5/unpack.h"
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* In place of src/convert/helper.c. */
int helper_run(const char *action, const char *from, const char *to)
{
    return unpack(from, to) || !action;
}

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
