#include "exchange/safetensors.h"

#include "base/error.h"
#include "base/files.h"
#include "base/memory.h"
#include "exchange/half.h"
#include <jansson.h>
#include <sha2.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "tensors are stored little-endian and used as they lie in the file"
#endif

#define METADATA "__metadata__"
#define CHECKSUM "sha256_of_tensors"
#define OLD_CHECKSUM "sha256" /* of the data as it lies in the file */
#define LENGTH_BYTES ((size_t)8)
#define HEADER_LIMIT ((size_t)100000000) /* the reference implementation's */
#define FILE_LIMIT ((size_t)2 << 30)

struct safetensors {
    const char *path;  /* for messages while reading */
    size_t data_start; /* byte offset of the data in the file */
    unsigned char *data;
    size_t data_bytes;
    json_t *header; /* owns names and texts */
    struct stored_tensor *tensors;
    size_t count;
};

static const struct {
    const char *name;
    size_t element_bytes;
} types[] = {
    [STORED_F32] = {"F32", 4}, [STORED_F16] = {"F16", 2}, [STORED_U8] = {"U8", 1},
    [STORED_U64] = {"U64", 8}, [STORED_I64] = {"I64", 8},
};
static const size_t type_count = sizeof types / sizeof *types;

size_t stored_elements(const struct stored_tensor *t)
{
    size_t product = 1;
    for (int i = 0; i < t->dimensions; i++)
        product *= t->shape[i];
    return product;
}

size_t stored_bytes(const struct stored_tensor *t)
{
    return stored_elements(t) * types[t->type].element_bytes;
}

const char *stored_type_name(enum stored_type type)
{
    return types[type].name;
}

void stored_floats(const struct stored_tensor *t, float *values)
{
    size_t count = stored_elements(t);
    const uint16_t *halves = t->data;
    if (t->type == STORED_F32)
        memcpy(values, t->data, count * sizeof *values);
    for (size_t i = 0; t->type == STORED_F16 && i < count; i++)
        values[i] = half_to_float(halves[i]);
}

/* The checksum */

static int compare_names(const void *left, const void *right)
{
    const struct stored_tensor *const *a = left, *const *b = right;
    return strcmp((*a)->name, (*b)->name);
}

static void add_number(SHA2_CTX *sha, uint64_t number)
{
    SHA256Update(sha, (const uint8_t *)&number, sizeof number);
}

static void add_to_sum(SHA2_CTX *sha, const struct stored_tensor *t)
{
    const char *type = types[t->type].name;
    SHA256Update(sha, (const uint8_t *)t->name, strlen(t->name) + 1);
    SHA256Update(sha, (const uint8_t *)type, strlen(type) + 1);
    add_number(sha, (uint64_t)t->dimensions);
    for (int i = 0; i < t->dimensions; i++)
        add_number(sha, t->shape[i]);
    if (stored_bytes(t))
        SHA256Update(sha, t->data, stored_bytes(t));
}

/* Of the tensors in the order of their names, so that it does not matter where a file has them. */
static int sum_tensors(const struct stored_tensor *tensors, size_t count,
                       char sum[SHA256_DIGEST_STRING_LENGTH])
{
    SHA2_CTX sha;
    const struct stored_tensor **sorted = allocate(count, sizeof *sorted);
    if (!sorted)
        return -1;
    for (size_t i = 0; i < count; i++)
        sorted[i] = &tensors[i];
    qsort(sorted, count, sizeof *sorted, compare_names);
    SHA256Init(&sha);
    for (size_t i = 0; i < count; i++)
        add_to_sum(&sha, sorted[i]);
    SHA256End(&sha, sum);
    free(sorted);
    return 0;
}

/* Writing */

/* Wider elements first, each width in the order given: all tensors are aligned without holes. */
static size_t lay_out(const struct stored_tensor *tensors, size_t count, size_t *begins)
{
    size_t end = 0;
    for (size_t width = 8; width; width /= 2) {
        for (size_t i = 0; i < count; i++) {
            if (types[tensors[i].type].element_bytes != width)
                continue;
            begins[i] = end;
            end += stored_bytes(&tensors[i]);
        }
    }
    return end;
}

/* Takes value over, also on failure. */
static int add_once(json_t *object, const char *key, json_t *value, const char *path)
{
    if (json_object_get(object, key)) {
        json_decref(value);
        return fail(STATUS_RUNTIME, "%s: not written: \"%s\" is there twice", path, key);
    }
    if (json_object_set_new(object, key, value)) /* also if value is NULL: bad UTF-8 */
        return fail(STATUS_RUNTIME, "%s: not written: \"%s\" or its value is not UTF-8", path, key);
    return 0;
}

static int add_metadata(json_t *header, const struct stored_text *metadata, size_t count,
                        const char *checksum, const char *path)
{
    json_t *object = json_object();
    if (add_once(header, METADATA, object, path)) /* header keeps object alive */
        return -1;
    for (size_t i = 0; i < count; i++) {
        if (!strcmp(metadata[i].key, CHECKSUM))
            return fail(STATUS_RUNTIME, "%s: not written: \"" CHECKSUM "\" is reserved", path);
        if (add_once(object, metadata[i].key, json_string(metadata[i].value), path))
            return -1;
    }
    return add_once(object, CHECKSUM, json_string(checksum), path);
}

static int add_tensor(json_t *header, const struct stored_tensor *t, size_t begin, const char *path)
{
    json_t *shape = json_array();
    for (int i = 0; i < t->dimensions; i++)
        json_array_append_new(shape, json_integer((json_int_t)t->shape[i]));
    json_t *entry =
        json_pack("{s:s, s:o, s:[I, I]}", "dtype", types[t->type].name, "shape", shape,
                  "data_offsets", (json_int_t)begin, (json_int_t)(begin + stored_bytes(t)));
    return add_once(header, t->name, entry, path);
}

/* The header's JSON; NULL after fail(). */
static char *header_text(const char *path, const struct stored_tensor *tensors, size_t tensor_count,
                         const size_t *begins, const struct stored_text *metadata,
                         size_t metadata_count, const char *checksum)
{
    char *text = NULL;
    json_t *header = json_object();
    if (add_metadata(header, metadata, metadata_count, checksum, path))
        goto done;
    for (size_t i = 0; i < tensor_count; i++)
        if (add_tensor(header, &tensors[i], begins[i], path))
            goto done;
    text = json_dumps(header, JSON_COMPACT);
    if (!text)
        fail(STATUS_MEMORY, "%s: out of memory while writing its header", path);
done:
    json_decref(header);
    return text;
}

static int write_parts(const char *path, const char *header, const unsigned char *data,
                       size_t data_bytes)
{
    size_t text_bytes = strlen(header);
    uint64_t padded = (text_bytes + 7) / 8 * 8; /* with blanks, so that the data is aligned */
    if (padded > HEADER_LIMIT)
        return fail(STATUS_RUNTIME, "%s: not written: its header would take %zu bytes of %zu", path,
                    (size_t)padded, HEADER_LIMIT);
    unsigned char *file = allocate(LENGTH_BYTES + padded + data_bytes, 1);
    if (!file)
        return -1;
    memcpy(file, &padded, LENGTH_BYTES);
    memset(file + LENGTH_BYTES, ' ', padded);
    memcpy(file + LENGTH_BYTES, header, text_bytes);
    memcpy(file + LENGTH_BYTES + padded, data, data_bytes);
    int result = file_write_atomic(path, file, LENGTH_BYTES + padded + data_bytes);
    free(file);
    return result;
}

int safetensors_write(const char *path, const struct stored_tensor *tensors, size_t tensor_count,
                      const struct stored_text *metadata, size_t metadata_count)
{
    int result = -1;
    char *header = NULL, checksum[SHA256_DIGEST_STRING_LENGTH];
    unsigned char *data = NULL;
    size_t *begins = allocate(tensor_count, sizeof *begins);
    if (!begins)
        goto done;
    size_t data_bytes = lay_out(tensors, tensor_count, begins);
    data = allocate(data_bytes, 1);
    if (!data || sum_tensors(tensors, tensor_count, checksum))
        goto done;
    for (size_t i = 0; i < tensor_count; i++)
        if (stored_bytes(&tensors[i]))
            memcpy(data + begins[i], tensors[i].data, stored_bytes(&tensors[i]));
    header = header_text(path, tensors, tensor_count, begins, metadata, metadata_count, checksum);
    if (header)
        result = write_parts(path, header, data, data_bytes);
done:
    free(header);
    free(data);
    free(begins);
    return result;
}

int safetensors_check(const char *path, const struct stored_tensor *tensors, size_t tensor_count,
                      const struct stored_text *metadata, size_t metadata_count)
{
    size_t *begins = allocate(tensor_count, sizeof *begins);
    if (!begins)
        return -1;
    lay_out(tensors, tensor_count, begins);
    char *header = header_text(path, tensors, tensor_count, begins, metadata, metadata_count, "");
    int result = header ? 0 : -1;
    free(header);
    free(begins);
    return result;
}

/* Reading */

/* Puts the header's length into *bytes once it is known to lie inside the file. */
static int read_header_length(const char *path, const unsigned char *file, size_t length,
                              size_t *bytes)
{
    uint64_t promised;
    if (length < LENGTH_BYTES)
        return fail(STATUS_DATA, "%s: %zu bytes are too few for a safetensors file", path, length);
    memcpy(&promised, file, LENGTH_BYTES);
    if (promised > HEADER_LIMIT)
        return fail(STATUS_DATA,
                    "%s: not a safetensors file: byte 0 promises a header of %llu bytes", path,
                    (unsigned long long)promised);
    if (promised > length - LENGTH_BYTES)
        return fail(STATUS_DATA,
                    "%s: truncated: the header ends at byte %llu, the file at byte %zu", path,
                    (unsigned long long)(promised + LENGTH_BYTES), length);
    *bytes = (size_t)promised;
    return 0;
}

static int parse_header(safetensors *file, const char *text, size_t length)
{
    json_error_t error;
    if (!length || text[0] != '{')
        return fail(STATUS_DATA, "%s: not a safetensors file: no \"{\" at byte %zu", file->path,
                    LENGTH_BYTES);
    file->header = json_loadb(text, length, JSON_REJECT_DUPLICATES, &error);
    if (!file->header)
        return fail(STATUS_DATA, "%s: bad header near byte %zu: %s", file->path,
                    LENGTH_BYTES + (size_t)error.position, error.text);
    return 0;
}

static int check_metadata(const safetensors *file, json_t *metadata)
{
    const char *key;
    json_t *value;
    if (!json_is_object(metadata))
        return fail(STATUS_DATA, "%s: " METADATA " is not an object", file->path);
    json_object_foreach(metadata, key, value) if (!json_is_string(value)) return fail(
        STATUS_DATA, "%s: " METADATA ": the value of \"%.80s\" is not a string", file->path, key);
    return 0;
}

static int read_type(const safetensors *file, struct stored_tensor *t, const char *name)
{
    for (size_t i = 0; i < type_count; i++) {
        if (!strcmp(name, types[i].name)) {
            t->type = (enum stored_type)i;
            return 0;
        }
    }
    return fail(STATUS_DATA,
                "%s: tensor \"%.80s\": dtype \"%.20s\" is not one of F32, F16, U8, U64", file->path,
                t->name, name);
}

static int read_shape(const safetensors *file, struct stored_tensor *t, const json_t *shape)
{
    size_t bytes = types[t->type].element_bytes;
    if (!json_is_array(shape) || json_array_size(shape) > STORED_DIMENSIONS_MAX)
        return fail(STATUS_DATA,
                    "%s: tensor \"%.80s\": its shape is not a list of at most %d sizes", file->path,
                    t->name, STORED_DIMENSIONS_MAX);
    for (size_t i = 0; i < json_array_size(shape); i++) {
        const json_t *size = json_array_get(shape, i);
        json_int_t value = json_integer_value(size);
        if (!json_is_integer(size) || value < 0)
            return fail(STATUS_DATA, "%s: tensor \"%.80s\": size %zu of its shape is not a count",
                        file->path, t->name, i);
        if (value && bytes > SIZE_MAX / (size_t)value)
            return fail(STATUS_DATA, "%s: tensor \"%.80s\": its shape is larger than any memory",
                        file->path, t->name);
        bytes *= (size_t)value;
        t->shape[i] = (size_t)value;
    }
    t->dimensions = (int)json_array_size(shape);
    return 0;
}

static int read_offsets(const safetensors *file, struct stored_tensor *t, const json_t *offsets)
{
    const json_t *first = json_array_get(offsets, 0), *second = json_array_get(offsets, 1);
    json_int_t begin = json_integer_value(first), end = json_integer_value(second);
    if (json_array_size(offsets) != 2 || !json_is_integer(first) || !json_is_integer(second) ||
        begin < 0 || end < begin)
        return fail(STATUS_DATA, "%s: tensor \"%.80s\": its data_offsets are not [begin, end]",
                    file->path, t->name);
    if ((size_t)end > file->data_bytes)
        return fail(STATUS_DATA, "%s: tensor \"%.80s\" ends at byte %zu, the file at byte %zu",
                    file->path, t->name, file->data_start + (size_t)end,
                    file->data_start + file->data_bytes);
    if ((size_t)(end - begin) != stored_bytes(t))
        return fail(STATUS_DATA,
                    "%s: tensor \"%.80s\" at byte %zu: shape asks for %zu bytes, offsets for %zu",
                    file->path, t->name, file->data_start + (size_t)begin, stored_bytes(t),
                    (size_t)(end - begin));
    if ((size_t)begin % types[t->type].element_bytes)
        return fail(STATUS_DATA, "%s: tensor \"%.80s\" at byte %zu is not aligned for its dtype %s",
                    file->path, t->name, file->data_start + (size_t)begin, types[t->type].name);
    t->data = file->data + begin;
    return 0;
}

static int read_tensor(const safetensors *file, struct stored_tensor *t, const char *name,
                       json_t *entry)
{
    const char *type;
    json_t *shape, *offsets;
    json_error_t error;
    t->name = name;
    if (json_unpack_ex(entry, &error, JSON_STRICT, "{s:s, s:o, s:o}", "dtype", &type, "shape",
                       &shape, "data_offsets", &offsets))
        return fail(STATUS_DATA, "%s: tensor \"%.80s\": %s", file->path, name, error.text);
    if (read_type(file, t, type) || read_shape(file, t, shape) || read_offsets(file, t, offsets))
        return -1;
    return 0;
}

static int read_tensors(safetensors *file)
{
    const char *name;
    json_t *entry;
    file->tensors = allocate(json_object_size(file->header), sizeof *file->tensors);
    if (!file->tensors)
        return -1;
    json_object_foreach(file->header, name, entry)
    {
        if (!strcmp(name, METADATA)) {
            if (check_metadata(file, entry))
                return -1;
        } else if (read_tensor(file, &file->tensors[file->count++], name, entry)) {
            return -1;
        }
    }
    return 0;
}

/* By place; of two at the same place the empty one comes first. */
static int compare_places(const void *left, const void *right)
{
    const struct stored_tensor *a = *(const struct stored_tensor *const *)left;
    const struct stored_tensor *b = *(const struct stored_tensor *const *)right;
    if (a->data != b->data)
        return (const unsigned char *)a->data < (const unsigned char *)b->data ? -1 : 1;
    size_t a_bytes = stored_bytes(a), b_bytes = stored_bytes(b);
    return (a_bytes > b_bytes) - (a_bytes < b_bytes);
}

/* The tensors must cover the data without hole or overlap. */
static int check_places(const safetensors *file)
{
    int result = -1;
    size_t end = 0;
    const struct stored_tensor **sorted = allocate(file->count, sizeof *sorted);
    if (!sorted)
        return -1;
    for (size_t i = 0; i < file->count; i++)
        sorted[i] = &file->tensors[i];
    qsort(sorted, file->count, sizeof *sorted, compare_places);
    for (size_t i = 0; i < file->count; i++) {
        size_t begin = (size_t)((const unsigned char *)sorted[i]->data - file->data);
        if (begin != end) {
            fail(STATUS_DATA,
                 "%s: tensor \"%.80s\" begins at byte %zu, the one before it ends at %zu",
                 file->path, sorted[i]->name, file->data_start + begin, file->data_start + end);
            goto done;
        }
        end += stored_bytes(sorted[i]);
    }
    result = end == file->data_bytes
                 ? 0
                 : fail(STATUS_DATA, "%s: the tensors end at byte %zu, the file at byte %zu",
                        file->path, file->data_start + end, file->data_start + file->data_bytes);
done:
    free(sorted);
    return result;
}

static int check_checksum(const safetensors *file)
{
    char computed[SHA256_DIGEST_STRING_LENGTH];
    const char *stored = safetensors_metadata(file, CHECKSUM);
    const char *old = safetensors_metadata(file, OLD_CHECKSUM);
    if (stored && sum_tensors(file->tensors, file->count, computed))
        return -1;
    if (stored && strcmp(stored, computed))
        return fail(STATUS_DATA, "%s: damaged: its tensors do not match its " CHECKSUM, file->path);
    if (stored || !old)
        return 0;
    SHA256Data(file->data, file->data_bytes, computed);
    return strcmp(old, computed)
               ? fail(STATUS_DATA,
                      "%s: damaged, or another program wrote it anew: the data from byte %zu on "
                      "does not match its " OLD_CHECKSUM,
                      file->path, file->data_start)
               : 0;
}

int safetensors_read(const char *path, safetensors **out)
{
    size_t length, header_bytes = 0;
    safetensors *file = allocate(1, sizeof *file);
    if (!file || file_read(path, FILE_LIMIT, STATUS_DATA, &file->data, &length))
        goto failed;
    file->path = path;
    if (read_header_length(path, file->data, length, &header_bytes) ||
        parse_header(file, (const char *)file->data + LENGTH_BYTES, header_bytes))
        goto failed;
    file->data_start = LENGTH_BYTES + header_bytes;
    file->data_bytes = length - file->data_start;
    /* To the front, where malloc has aligned it, whatever the header's length. */
    memmove(file->data, file->data + file->data_start, file->data_bytes);
    if (read_tensors(file) || check_places(file) || check_checksum(file))
        goto failed;
    file->path = NULL;
    *out = file;
    return 0;
failed:
    safetensors_free(file);
    return -1;
}

void safetensors_free(safetensors *file)
{
    if (!file)
        return;
    free(file->tensors);
    json_decref(file->header);
    free(file->data);
    free(file);
}

size_t safetensors_count(const safetensors *file)
{
    return file->count;
}

const struct stored_tensor *safetensors_at(const safetensors *file, size_t index)
{
    return &file->tensors[index];
}

const struct stored_tensor *safetensors_find(const safetensors *file, const char *name)
{
    for (size_t i = 0; i < file->count; i++)
        if (!strcmp(file->tensors[i].name, name))
            return &file->tensors[i];
    return NULL;
}

const char *safetensors_metadata(const safetensors *file, const char *key)
{
    return json_string_value(json_object_get(json_object_get(file->header, METADATA), key));
}

const char *safetensors_key(const safetensors *file, size_t index)
{
    json_t *metadata = json_object_get(file->header, METADATA);
    void *at = json_object_iter(metadata);
    while (at && index--)
        at = json_object_iter_next(metadata, at);
    return at ? json_object_iter_key(at) : NULL;
}
