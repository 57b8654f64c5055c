/* Writes the contents of a safetensors file, as unpack() makes them, as HDF5. */
#ifndef HDF5_PACK_H
#define HDF5_PACK_H

/* Errors: STATUS_DATA of `from`, STATUS_RUNTIME of `to`, which then is not there. */
int pack(const char *from, const char *to);

#endif
