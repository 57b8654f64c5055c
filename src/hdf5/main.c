/*
 * unblend-hdf5: files of Keras to safetensors and back, for `unblend import` and `export`. A program of its own, so
 * that unblend itself needs no HDF5, and a malicious file can crash only this process:
 *
 *     unblend-hdf5 unpack FROM.h5 TO.safetensors
 *     unblend-hdf5 pack FROM.safetensors TO.h5
 *
 * A failure is one line on stderr; the exit code is that of unblend.
 */
#include "base/error.h"
#include "hdf5/pack.h"
#include "hdf5/unpack.h"
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

/* A file that wants more memory or time than any model takes is a broken one. */
static void limit(void)
{
#ifndef __SANITIZE_ADDRESS__ /* whose shadow of the memory is larger than that */
    const struct rlimit memory = {(rlim_t)8 << 30, (rlim_t)8 << 30}, seconds = {60, 65},
                        core = {0, 0};
    setrlimit(RLIMIT_AS, &memory);
    setrlimit(RLIMIT_CPU, &seconds);
    setrlimit(RLIMIT_CORE, &core);
#endif
}

int main(int count, char **words)
{
    bool unpacks = count == 4 && !strcmp(words[1], "unpack");
    if (!unpacks && (count != 4 || strcmp(words[1], "pack") != 0)) {
        fputs("usage: unblend-hdf5 unpack|pack FROM TO\n", stderr);
        return STATUS_USAGE;
    }
    limit();
    if (!(unpacks ? unpack : pack)(words[2], words[3]))
        return 0;
    fprintf(stderr, "%s\n", error_message());
    return error_status();
}
