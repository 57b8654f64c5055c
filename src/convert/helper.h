/* unblend-hdf5 (src/hdf5), which turns files of Keras into safetensors and back. */
#ifndef CONVERT_HELPER_H
#define CONVERT_HELPER_H

/*
 * unblend-hdf5 ACTION FROM TO. It is looked for beside the executable and one directory above, or at the path in
 * UNBLEND_HDF5, if that is set. Its message and exit code become fail()'s; STATUS_RUNTIME if there is none,
 * STATUS_DATA if `from` made it crash.
 */
int helper_run(const char *action, const char *from, const char *to);

#endif
