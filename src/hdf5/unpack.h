/*
 * What Keras has saved, as a safetensors file: every array of numbers under its path in the HDF5 file, as
 * floats, and as metadata what says in which order they belong together:
 *
 *     "keras_version", "model_config"     as the file has them
 *     "PATH#layer_names"                  the texts of the group's attribute, one a line; likewise
 *     "PATH#weight_names"
 *
 * PATH is without a slash at the start, "" of the root. Reads Keras' .h5 files (whole models and weights) and
 * .keras archives.
 */
#ifndef HDF5_UNPACK_H
#define HDF5_UNPACK_H

/* STATUS_DATA, saying what is wrong with `from`; STATUS_RUNTIME if `to` cannot be written. */
int unpack(const char *from, const char *to);

#endif
