/*
 * `unblend import` of a file of Keras, under libFuzzer (`make fuzz`): HDF5 or .keras archive, its layers, the network
 * that is inferred, and the model that is written. unblend-hdf5 runs in this process, so that its code is watched, too.
 */
#include "hdf5/unpack.h"
#include "import_bytes.h"

int helper_run(const char *action, const char *source, const char *target)
{
    (void)action;
    return unpack(source, target);
}
