/*
 * Safetensors files: named arrays and text metadata. Models, checkpoints and test fixtures are
 * stored this way; Python's `safetensors` package reads what this writes, and the reverse.
 *
 *     8 bytes    N, the length of the header, little-endian
 *     N bytes    the header, JSON:
 *                {"__metadata__": {"key": "text", ...},
 *                 "name": {"dtype": "F32", "shape": [3, 3], "data_offsets": [begin, end]}, ...}
 *     the rest   the data; offsets count from its start, without holes
 *
 * The metadata key "sha256_of_tensors" is ours: the SHA-256, in hexadecimal, of every tensor in the
 * order of their names (by bytes): name, 0, dtype, 0, number of dimensions, shape (each in 8 bytes,
 * little-endian), values. It is written always and checked when present. Other programs may lay a
 * file out anew, and it still holds. Older files have "sha256", of the data as it lies in the file.
 */
#ifndef EXCHANGE_SAFETENSORS_H
#define EXCHANGE_SAFETENSORS_H

#include <stddef.h>

#define STORED_DIMENSIONS_MAX 8

enum stored_type { STORED_F32, STORED_F16, STORED_U8, STORED_U64, STORED_I64 };

struct stored_tensor {
    const char *name;
    enum stored_type type;
    int dimensions; /* 0 is a single number */
    size_t shape[STORED_DIMENSIONS_MAX];
    const void *data; /* product of shape elements, row by row; aligned for its type when read */
};

struct stored_text {
    const char *key, *value;
};

/* Elements, and bytes, of a tensor that was read or that describes memory that exists. */
size_t stored_elements(const struct stored_tensor *t);
size_t stored_bytes(const struct stored_tensor *t);
const char *stored_type_name(enum stored_type type); /* "F32" */

/* Writes path atomically. The header keeps the order given, so the same input gives the same
 * bytes. Keys and names are UTF-8 and must differ; "sha256_of_tensors" is reserved among the keys. */
int safetensors_write(const char *path, const struct stored_tensor *tensors, size_t tensor_count,
                      const struct stored_text *metadata, size_t metadata_count);

/* Whether safetensors_write() of the same could make the header; writes nothing. */
int safetensors_check(const char *path, const struct stored_tensor *tensors, size_t tensor_count,
                      const struct stored_text *metadata, size_t metadata_count);

/* A file in memory. It owns the tensors and texts it hands out. */
typedef struct safetensors safetensors;

/* Checks everything before it returns: STATUS_DATA for a file that is not whole and right. */
int safetensors_read(const char *path, safetensors **out);
void safetensors_free(safetensors *file);

/* In the order of the header. */
size_t safetensors_count(const safetensors *file);
const struct stored_tensor *safetensors_at(const safetensors *file, size_t index);

/* The values of an F32 or F16 tensor, as floats. */
void stored_floats(const struct stored_tensor *t, float *values);

/* NULL where there is none of that name (no error is recorded). */
const struct stored_tensor *safetensors_find(const safetensors *file, const char *name);
const char *safetensors_metadata(const safetensors *file, const char *key);

/* The key of the index-th metadata, in the order of the header; NULL behind the last. */
const char *safetensors_key(const safetensors *file, size_t index);

#endif
