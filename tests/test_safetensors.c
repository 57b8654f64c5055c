/* Safetensors: there and back, the exact bytes, and files made to hurt the reader. */
#include "exchange/safetensors.h"

#include "base/files.h"
#include "scratch.h"

static const float floats[] = {1, -2.5f, 3e-30f};
static const uint64_t wide[] = {1, UINT64_MAX};
static const unsigned char narrow[] = {7, 8, 9, 10, 11};

static const struct stored_tensor tensors[] = {
    {"small", STORED_U8, 1, {5}, narrow},
    {"weights/kernel", STORED_F32, 4, {1, 3, 1, 1}, floats},
    {"step", STORED_U64, 2, {2, 1}, wide},
    {"number", STORED_F32, 0, {0}, floats + 1},
    {"nothing", STORED_F32, 2, {0, 3}, NULL},
};
static const struct stored_text metadata[] = {{"config", "[model]\n\"q\" = \xc3\xa9"}, {"a", ""}};

static int write_example(const char *path)
{
    return safetensors_write(path, tensors, 5, metadata, 2);
}

static void assert_refused(const char *path, const char *why)
{
    safetensors *file = NULL;
    assert_int_equal(safetensors_read(path, &file), -1);
    assert_null(file);
    assert_error(STATUS_DATA, path, why);
}

/* A file of this header and as many zero bytes of data. */
static void assert_header_refused(const char *header, size_t data_bytes, const char *why)
{
    unsigned char bytes[4096] = {0};
    uint64_t length = strlen(header);
    memcpy(bytes, &length, 8);
    memcpy(bytes + 8, header, length);
    assert_refused(scratch_file("hostile", bytes, 8 + length + data_bytes), why);
}

/* The same with one tensor "t". */
static void assert_tensor_refused(const char *entry, size_t data_bytes, const char *why)
{
    char header[1024];
    snprintf(header, sizeof header, "{\"t\":%s}", entry);
    assert_header_refused(header, data_bytes, why);
}

static void reads_what_it_wrote(void **state)
{
    (void)state;
    safetensors *file;
    const char *path = scratch_path("example");
    assert_int_equal(write_example(path), 0);
    assert_int_equal(safetensors_read(path, &file), 0);
    assert_int_equal(safetensors_count(file), 5);
    for (size_t i = 0; i < 5; i++) {
        const struct stored_tensor *t = safetensors_at(file, i);
        assert_ptr_equal(t, safetensors_find(file, tensors[i].name));
        assert_string_equal(t->name, tensors[i].name);
        assert_int_equal(t->type, tensors[i].type);
        assert_int_equal(t->dimensions, tensors[i].dimensions);
        assert_memory_equal(t->shape, tensors[i].shape, (size_t)t->dimensions * sizeof(size_t));
        assert_int_equal(stored_bytes(t), stored_bytes(&tensors[i]));
        if (stored_bytes(t))
            assert_memory_equal(t->data, tensors[i].data, stored_bytes(t));
        assert_int_equal(
            (uintptr_t)t->data % (t->type == STORED_U64 ? 8 : 4) * (t->type != STORED_U8), 0);
    }
    assert_string_equal(safetensors_metadata(file, "config"), metadata[0].value);
    assert_string_equal(safetensors_metadata(file, "a"), "");
    assert_int_equal(strlen(safetensors_metadata(file, "sha256_of_tensors")), 64);
    assert_null(safetensors_metadata(file, "b"));
    assert_null(safetensors_find(file, "missing"));
    safetensors_free(file);
    safetensors_free(NULL);
}

static void writes_known_bytes(void **state)
{
    (void)state;
    static const char header[] =
        "{\"__metadata__\":{\"k\":\"v\",\"sha256_of_tensors\":" /* of "b\0U8\0", 1, 1, 1 */
        "\"ee70098b5570a8230b2e8668dfd4387a558c6b55afb33c4292b152a63402e55f\"},"
        "\"b\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}";
    const struct stored_tensor one = {"b", STORED_U8, 1, {1}, "\1"};
    const struct stored_text text = {"k", "v"};
    unsigned char *bytes;
    size_t length;
    assert_int_equal(safetensors_write(scratch_path("known"), &one, 1, &text, 1), 0);
    assert_int_equal(file_read(scratch_path("known"), 9999, STATUS_DATA, &bytes, &length), 0);
    size_t padded = (sizeof header - 1 + 7) / 8 * 8;
    assert_int_equal(length, 8 + padded + 1);
    assert_int_equal(bytes[0] + 256 * bytes[1], padded);
    assert_memory_equal(bytes + 8, header, sizeof header - 1);
    for (size_t i = 8 + sizeof header - 1; i < 8 + padded; i++)
        assert_int_equal(bytes[i], ' ');
    assert_int_equal(bytes[length - 1], 1);
    free(bytes);
}

static void holds_no_tensors_at_all(void **state)
{
    (void)state;
    safetensors *file;
    assert_int_equal(safetensors_write(scratch_path("none"), NULL, 0, NULL, 0), 0);
    assert_int_equal(safetensors_read(scratch_path("none"), &file), 0);
    assert_int_equal(safetensors_count(file), 0);
    safetensors_free(file);
}

static void refuses_to_write_what_it_would_not_read(void **state)
{
    (void)state;
    const char *path = scratch_file("kept", "old", 3);
    const struct stored_tensor twice[] = {tensors[0], tensors[0]};
    const struct stored_tensor reserved = {"__metadata__", STORED_U8, 1, {5}, narrow};
    const struct stored_tensor bad_name = {"\xff", STORED_U8, 1, {5}, narrow};
    const struct stored_text own_sum = {"sha256_of_tensors", "0"}, bad_text = {"k", "\xff"};
    size_t before = scratch_count();
    assert_int_equal(safetensors_write(path, twice, 2, NULL, 0), -1);
    assert_error(STATUS_RUNTIME, path, "\"small\" is there twice");
    assert_int_equal(safetensors_write(path, &reserved, 1, NULL, 0), -1);
    assert_error(STATUS_RUNTIME, path, "there twice");
    assert_int_equal(safetensors_write(path, &bad_name, 1, NULL, 0), -1);
    assert_error(STATUS_RUNTIME, path, "not UTF-8");
    assert_int_equal(safetensors_write(path, tensors, 1, &own_sum, 1), -1);
    assert_error(STATUS_RUNTIME, path, "reserved");
    assert_int_equal(safetensors_write(path, tensors, 1, &bad_text, 1), -1);
    assert_error(STATUS_RUNTIME, path, "not UTF-8");
    assert_int_equal(write_example(scratch_path("nowhere/file")), -1);
    assert_error(STATUS_RUNTIME, "nowhere/file", "cannot be written");
    unsigned char *bytes;
    size_t length;
    assert_int_equal(file_read(path, 99, STATUS_DATA, &bytes, &length), 0);
    assert_string_equal(bytes, "old");
    free(bytes);
    assert_int_equal(scratch_count(), before);
}

/* Cut anywhere, or with any one byte of the data changed, the file is refused. */
static void refuses_damage_everywhere(void **state)
{
    (void)state;
    unsigned char *bytes;
    size_t length, data_bytes = 16 + 12 + 4 + 5;
    assert_int_equal(write_example(scratch_path("example")), 0);
    assert_int_equal(file_read(scratch_path("example"), 9999, STATUS_DATA, &bytes, &length), 0);
    for (size_t cut = 0; cut < length; cut += cut < 16 ? 1 : 7)
        assert_refused(scratch_file("cut", bytes, cut), "");
    for (size_t i = length - data_bytes; i < length; i++) {
        bytes[i] ^= 0x10;
        assert_refused(scratch_file("bent", bytes, length), "do not match its sha256_of_tensors");
        bytes[i] ^= 0x10;
    }
    assert_refused(scratch_file("longer", bytes, length + 1), "the tensors end at byte");
    free(bytes);
}

static void refuses_hostile_headers(void **state)
{
    (void)state;
    assert_refused(scratch_path("missing"), "No such file");
    assert_refused(scratch_file("empty", "", 0), "0 bytes are too few");
    assert_refused(scratch_file("text", "A text file, not a model.", 25), "promises a header of");
    assert_refused(scratch_file("huge", "\xff\xff\xff\xff\xff\xff\xff\xff{}", 10), "promises");
    assert_refused(scratch_file("long", "\x09\0\0\0\0\0\0\0{}", 10), "truncated");
    assert_refused(scratch_file("none", "\0\0\0\0\0\0\0\0", 8), "no \"{\" at byte 8");
    assert_header_refused(" {}", 0, "no \"{\"");
    assert_header_refused("[]", 0, "no \"{\"");
    assert_header_refused("{} x", 0, "bad header near byte 12");
    assert_header_refused("{\"t\":", 0, "bad header");
    assert_header_refused("{\"t\":\"\xff\"}", 0, "bad header");
    assert_header_refused("{}", 1, "the tensors end at byte 10, the file at byte 11");
    assert_header_refused("{\"__metadata__\":[]}", 0, "__metadata__ is not an object");
    assert_header_refused("{\"__metadata__\":{\"k\":1}}", 0, "value of \"k\" is not a string");
    assert_header_refused("{\"__metadata__\":{\"sha256\":\"0\"}}", 0, "does not match");
    assert_header_refused("{\"__metadata__\":{\"sha256_of_tensors\":\"0\"}}", 0, "do not match");
}

static void refuses_hostile_tensors(void **state)
{
    (void)state;
    assert_tensor_refused("1", 0, "tensor \"t\"");
    assert_tensor_refused("{}", 0, "tensor \"t\"");
    assert_tensor_refused("{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4],\"x\":1}", 4,
                          "tensor \"t\"");
    assert_tensor_refused("{\"dtype\":\"I16\",\"shape\":[1],\"data_offsets\":[0,2]}", 2,
                          "dtype \"I16\" is not one of");
    assert_tensor_refused("{\"dtype\":\"U8\",\"shape\":1,\"data_offsets\":[0,1]}", 1, "shape");
    assert_tensor_refused("{\"dtype\":\"U8\",\"shape\":[1,1,1,1,1,1,1,1,1],\"data_offsets\":[0,1]}",
                          1, "at most 8 sizes");
    assert_tensor_refused("{\"dtype\":\"U8\",\"shape\":[-1],\"data_offsets\":[0,1]}", 1,
                          "size 0 of its shape");
    assert_tensor_refused("{\"dtype\":\"U8\",\"shape\":[1,1.0],\"data_offsets\":[0,1]}", 1,
                          "size 1 of its shape");
    assert_tensor_refused(
        "{\"dtype\":\"U8\",\"shape\":[18446744073709551617],\"data_offsets\":[0,1]}", 1, "too big");
    assert_tensor_refused("{\"dtype\":\"F32\",\"shape\":[4611686018427387904],"
                          "\"data_offsets\":[0,0]}", /* 2^62 * 4 is 0 */
                          0, "larger than any memory");
    assert_tensor_refused("{\"dtype\":\"U8\",\"shape\":[4294967296,4294967296],"
                          "\"data_offsets\":[0,0]}",
                          0, "larger than any memory");
}

static void refuses_hostile_offsets(void **state)
{
    (void)state;
    assert_tensor_refused("{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0]}", 1,
                          "[begin, end]");
    assert_tensor_refused("{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[1,0]}", 1,
                          "[begin, end]");
    assert_tensor_refused("{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[-1,0]}", 1,
                          "[begin, end]");
    assert_tensor_refused("{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":\"01\"}", 1,
                          "[begin, end]");
    assert_tensor_refused("{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]}", 1,
                          "tensor \"t\" ends at byte");
    assert_tensor_refused("{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,1]}", 1,
                          "asks for 2 bytes");
    assert_tensor_refused("{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[1,2]}", 2,
                          "begins at byte"); /* a hole */
    assert_header_refused("{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]},"
                          "\"b\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[1,3]}}",
                          3, "tensor \"b\" begins at byte"); /* an overlap */
    assert_header_refused("{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},"
                          "\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[1,5]}}",
                          5, "not aligned");
    assert_header_refused("{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},"
                          "\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[1,2]}}",
                          2, "duplicate");
}

/* As other writers make them: header not padded, no checksum, tensors in another order. */
static void reads_strangers_files(void **state)
{
    (void)state;
    static const char header[] = "{\"b\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[4,5]},"
                                 "\"a\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,4]}}";
    unsigned char bytes[8 + sizeof header - 1 + 5] = {sizeof header - 1};
    const float value = 0.5f;
    safetensors *file;
    memcpy(bytes + 8, header, sizeof header - 1);
    memcpy(bytes + sizeof bytes - 5, &value, 4);
    bytes[sizeof bytes - 1] = 9;
    assert_int_equal(safetensors_read(scratch_file("foreign", bytes, sizeof bytes), &file), 0);
    assert_true(*(const float *)safetensors_find(file, "a")->data == 0.5f);
    assert_int_equal(*(const unsigned char *)safetensors_find(file, "b")->data, 9);
    assert_null(safetensors_metadata(file, "sha256_of_tensors"));
    safetensors_free(file);
}

/* A writer of another program: what was read, in an order of its own, the header padded otherwise.
 * bent: the number of a tensor of which one bit is written wrong, or -1. */
static const char *rewrite(const safetensors *file, const size_t *order, size_t padding, int bent)
{
    unsigned char bytes[4096], *data = bytes + 2048;
    char header[2048];
    size_t used = (size_t)snprintf(header, sizeof header, "{");
    size_t end = 0;
    for (size_t i = 0; i < safetensors_count(file); i++) {
        const struct stored_tensor *t = safetensors_at(file, order[i]);
        size_t length = stored_bytes(t);
        used += (size_t)snprintf(header + used, sizeof header - used,
                                 "\"%s\": {\"data_offsets\": [%zu, %zu], \"dtype\": \"%s\", "
                                 "\"shape\": [",
                                 t->name, end, end + length, stored_type_name(t->type));
        for (int d = 0; d < t->dimensions; d++)
            used += (size_t)snprintf(header + used, sizeof header - used, d ? ", %zu" : "%zu",
                                     t->shape[d]);
        used += (size_t)snprintf(header + used, sizeof header - used, "]}, ");
        if (length)
            memcpy(data + end, t->data, length);
        if (bent == (int)order[i])
            data[end] ^= 1;
        end += length;
    }
    used += (size_t)snprintf(header + used, sizeof header - used,
                             "\"__metadata__\": {\"sha256_of_tensors\": \"%s\", \"a\": \"\"}}%*s",
                             safetensors_metadata(file, "sha256_of_tensors"), (int)padding, "");
    uint64_t length = used;
    memcpy(bytes, &length, 8);
    memcpy(bytes + 8, header, used);
    memmove(bytes + 8 + used, data, end);
    return scratch_file("rewritten", bytes, 8 + used + end);
}

static void the_order_of_tensors_does_not_matter(void **state)
{
    (void)state;
    static const size_t orders[][5] = {{2, 3, 1, 4, 0}, {2, 4, 1, 3, 0}, {4, 2, 3, 1, 0}};
    safetensors *file, *again;
    assert_int_equal(write_example(scratch_path("example")), 0);
    assert_int_equal(safetensors_read(scratch_path("example"), &file), 0);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(safetensors_read(rewrite(file, orders[i], i * 5, -1), &again), 0);
        for (size_t k = 0; k < 5; k++) {
            const struct stored_tensor *t = safetensors_find(again, tensors[k].name);
            assert_non_null(t);
            if (stored_bytes(t))
                assert_memory_equal(t->data, tensors[k].data, stored_bytes(&tensors[k]));
        }
        safetensors_free(again);
        for (int bent = 0; bent < 4; bent++) /* the fifth has no bytes */
            assert_refused(rewrite(file, orders[i], 0, bent), "do not match its sha256_of_tensors");
    }
    safetensors_free(file);
}

/* Values under each other's name, in a file that is well formed. */
static void the_checksum_knows_names_and_shapes(void **state)
{
    (void)state;
    static const float one = 1, two = 2;
    const struct stored_tensor right[] = {{"a", STORED_F32, 1, {1}, &one},
                                          {"b", STORED_F32, 1, {1}, &two}};
    unsigned char *bytes;
    size_t length;
    assert_int_equal(safetensors_write(scratch_path("named"), right, 2, NULL, 0), 0);
    assert_int_equal(file_read(scratch_path("named"), 9999, STATUS_DATA, &bytes, &length), 0);
    char *a = strstr((char *)bytes + 8, "\"a\""), *b = strstr((char *)bytes + 8, "\"b\"");
    a[1] = 'b';
    b[1] = 'a';
    assert_refused(scratch_file("swapped", bytes, length), "do not match its sha256_of_tensors");
    a[1] = 'a';
    b[1] = 'b';
    char *shape = strstr((char *)bytes + 8, "[1]");
    memcpy(shape, "[ ]", 3);
    assert_refused(scratch_file("reshaped", bytes, length), "do not match its sha256_of_tensors");
    free(bytes);
}

static void older_checksums_hold(void **state)
{
    (void)state;
    static const char header[] =
        "{\"__metadata__\":{\"sha256\":" /* of the byte 1 */
        "\"4bf5122f344554c53bde2ebb8cd2b7e3d1600ad631c385a5d7cce23c7785459a\"},"
        "\"b\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}";
    unsigned char bytes[8 + sizeof header] = {(unsigned char)(sizeof header - 1)};
    safetensors *file;
    memcpy(bytes + 8, header, sizeof header - 1);
    bytes[sizeof bytes - 1] = 1;
    assert_int_equal(safetensors_read(scratch_file("old", bytes, sizeof bytes), &file), 0);
    safetensors_free(file);
    bytes[sizeof bytes - 1] = 2;
    assert_refused(scratch_file("old", bytes, sizeof bytes), "does not match its sha256");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_what_it_wrote),
        cmocka_unit_test(writes_known_bytes),
        cmocka_unit_test(holds_no_tensors_at_all),
        cmocka_unit_test(refuses_to_write_what_it_would_not_read),
        cmocka_unit_test(refuses_damage_everywhere),
        cmocka_unit_test(refuses_hostile_headers),
        cmocka_unit_test(refuses_hostile_tensors),
        cmocka_unit_test(refuses_hostile_offsets),
        cmocka_unit_test(reads_strangers_files),
        cmocka_unit_test(the_order_of_tensors_does_not_matter),
        cmocka_unit_test(the_checksum_knows_names_and_shapes),
        cmocka_unit_test(older_checksums_hold),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
