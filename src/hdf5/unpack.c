#include "hdf5/unpack.h"

#include "base/error.h"
#include "base/files.h"
#include "base/memory.h"
#include "base/utf8.h"
#include "exchange/tensor_list.h"
#include <hdf5.h>
#include <stdlib.h>
#include <string.h>
#include <zip.h>

/* More than any model of ours, and less than would take a machine down. */
enum { ARRAYS_MAX = 20000, OBJECTS_MAX = 4 * ARRAYS_MAX, TEXT_MAX = 16 << 20, DEPTH_MAX = 32 };
#define VALUES_TOTAL ((size_t)64 << 20)
#define FILE_TOTAL ((size_t)2 << 30)

typedef struct unpacked {
    const char *path; /* of the file, for messages */
    tensor_list list;
    size_t values, objects;
} unpacked;

/* Safetensors has nothing but UTF-8. */
static bool is_utf8(const char *text)
{
    for (size_t length; *text; text += length)
        if (!(length = utf8_length(text)))
            return false;
    return true;
}

static int check_utf8(const unpacked *u, const char *text)
{
    if (!strcmp(text, "__metadata__"))
        return fail(STATUS_DATA, "%s: an array in it is called __metadata__", u->path);
    return is_utf8(text)
               ? 0
               : fail(STATUS_DATA, "%s: a name or a text in it is not UTF-8: the file is damaged",
                      u->path);
}

static bool has_text(const unpacked *u, const char *key)
{
    for (size_t i = 0; i < u->list.text_count; i++)
        if (!strcmp(u->list.texts[i].key, key))
            return true;
    return false;
}

static int refuse_twice(const unpacked *u, const char *name)
{
    return fail(STATUS_DATA, "%s: %s is in it twice: the file is damaged", u->path, name);
}

static int add_text(unpacked *u, const char *key, const char *value)
{
    if (has_text(u, key))
        return refuse_twice(u, key);
    if (u->list.text_count == ARRAYS_MAX)
        return fail(STATUS_DATA, "%s: too many attributes", u->path);
    return check_utf8(u, key) || check_utf8(u, value) ? -1
                                                      : tensor_list_add_text(&u->list, key, value);
}

/* ---- Attributes ---- */

/* Texts of a fixed size, or of any, as one text with a line for each; NULL after fail(). */
static char *read_texts(const unpacked *u, hid_t attribute, hid_t type, size_t count)
{
    size_t size = H5Tis_variable_str(type) > 0 ? 0 : H5Tget_size(type), length = 0;
    char *memory = NULL, *text = NULL, **pointers = NULL;
    FILE *out = open_memstream(&text, &length);
    bool variable = !size, whole = out && count <= ARRAYS_MAX && size <= TEXT_MAX &&
                                   (variable || count * size <= TEXT_MAX);
    if (whole && variable)
        whole = (pointers = allocate(count + 1, sizeof *pointers)) &&
                H5Aread(attribute, type, pointers) >= 0;
    else if (whole)
        whole = (memory = allocate(count * size + 1, 1)) && H5Aread(attribute, type, memory) >= 0;
    for (size_t i = 0; whole && i < count; i++) {
        const char *item = variable ? pointers[i] : memory + i * size;
        size_t used = !item ? 0 : variable ? strnlen(item, TEXT_MAX) : strnlen(item, size);
        whole = used < TEXT_MAX &&
                fprintf(out, i ? "\n%.*s" : "%.*s", (int)used, item ? item : "") >= 0;
    }
    for (size_t i = 0; pointers && i < count; i++)
        H5free_memory(pointers[i]);
    free(pointers);
    free(memory);
    if (out && fclose(out))
        whole = false;
    if (whole && text)
        return text;
    free(text);
    fail(STATUS_DATA, "%s: an attribute of it cannot be read", u->path);
    return NULL;
}

/* Adds the attribute as key, if it is there and holds texts. */
static int take_attribute(unpacked *u, hid_t object, const char *name, const char *key)
{
    int result = 0;
    if (H5Aexists(object, name) <= 0)
        return 0;
    hid_t attribute = H5Aopen(object, name, H5P_DEFAULT);
    hid_t type = attribute >= 0 ? H5Aget_type(attribute) : -1;
    hid_t space = attribute >= 0 ? H5Aget_space(attribute) : -1;
    hssize_t count = space >= 0 ? H5Sget_simple_extent_npoints(space) : -1;
    hid_t own = type >= 0 && H5Tget_class(type) == H5T_STRING ? H5Tcopy(type) : -1;
    if (own >= 0 && count >= 0) {
        char *text = read_texts(u, attribute, own, (size_t)count);
        result = text ? add_text(u, key, text) : -1;
        free(text);
    }
    if (own >= 0)
        H5Tclose(own);
    if (space >= 0)
        H5Sclose(space);
    if (type >= 0)
        H5Tclose(type);
    if (attribute >= 0)
        H5Aclose(attribute);
    return result;
}

/* Lists that are too long for one attribute are cut into NAME0, NAME1 and so on. */
static int take_list(unpacked *u, hid_t object, const char *path, const char *name)
{
    char *key = format_text("%s#%s", path, name);
    int result = key ? take_attribute(u, object, name, key) : -1;
    free(key);
    for (int i = 0; !result; i++) {
        char *part = format_text("%s%d", name, i);
        key = part ? format_text("%s#%s", path, part) : NULL;
        bool there = part && H5Aexists(object, part) > 0;
        result = !key ? -1 : there ? take_attribute(u, object, part, key) : 0;
        free(part);
        free(key);
        if (!there)
            break;
    }
    return result;
}

/* ---- Arrays ---- */

/* t has shape and dimensions; reads the values. */
static int read_values(unpacked *u, hid_t set, struct stored_tensor *t)
{
    size_t count = 1;
    for (int i = 0; i < t->dimensions; i++) {
        if (t->shape[i] && count > VALUES_TOTAL / t->shape[i])
            return fail(STATUS_DATA, "%s: %s has too many values", u->path, t->name);
        count *= t->shape[i];
    }
    if (count > VALUES_TOTAL - u->values)
        return fail(STATUS_DATA, "%s: too many values", u->path);
    u->values += count;
    float *values = allocate(count + 1, sizeof *values);
    if (tensor_list_own(&u->list, values))
        return -1;
    t->data = values;
    return !count || H5Dread(set, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) >= 0
               ? 0
               : fail(STATUS_DATA, "%s: %s cannot be read: the file is damaged", u->path, t->name);
}

static bool has_array(const unpacked *u, const char *name)
{
    for (size_t i = 0; i < u->list.count; i++)
        if (!strcmp(u->list.items[i].name, name))
            return true;
    return false;
}

/* Of floats; integers are counters, and no weights. */
static int add_array(unpacked *u, hid_t set, const char *path)
{
    hsize_t sizes[STORED_DIMENSIONS_MAX];
    hid_t space = H5Dget_space(set), type = H5Dget_type(set);
    int rank = space >= 0 ? H5Sget_simple_extent_ndims(space) : -1, result = 0;
    if (type >= 0 && H5Tget_class(type) == H5T_OPAQUE)
        result = fail(
            STATUS_DATA,
            "%s: %s has a type that HDF5 does not support, such as bfloat16; save the model as "
            "float32",
            u->path, path);
    else if (type >= 0 && H5Tget_class(type) == H5T_FLOAT && rank >= 0 &&
             rank <= STORED_DIMENSIONS_MAX &&
             H5Sget_simple_extent_dims(space, sizes, NULL) == rank) {
        struct stored_tensor t = {.name = path, .type = STORED_F32, .dimensions = rank};
        for (int i = 0; i < rank; i++)
            t.shape[i] = (size_t)sizes[i];
        if (u->list.count == ARRAYS_MAX)
            result = fail(STATUS_DATA, "%s: too many arrays", u->path);
        else if (has_array(u, path))
            result = refuse_twice(u, path);
        else
            result = check_utf8(u, path) || read_values(u, set, &t) || tensor_list_add(&u->list, t)
                         ? -1
                         : 0;
    }
    if (space >= 0)
        H5Sclose(space);
    if (type >= 0)
        H5Tclose(type);
    return result;
}

/* ---- Groups ---- */

static int walk(unpacked *u, hid_t group, const char *path, int depth);

typedef struct child {
    unpacked *to;
    const char *path; /* of the group */
    int depth, result;
} child;

static int visit(const child *c, hid_t object, const char *path)
{
    switch (H5Iget_type(object)) {
    case H5I_GROUP:
        return walk(c->to, object, path, c->depth + 1);
    case H5I_DATASET:
        return add_array(c->to, object, path);
    default:
        return 0;
    }
}

/* Only what is in this file itself: no links to others. */
static herr_t visit_link(hid_t group, const char *name, const H5L_info_t *info, void *data)
{
    child *c = data;
    if (++c->to->objects > OBJECTS_MAX)
        return (c->result = fail(STATUS_DATA, "%s: too many objects", c->to->path));
    if (info->type == H5L_TYPE_EXTERNAL)
        return (c->result = fail(STATUS_DATA, "%s: %s is an external link, which is not followed",
                                 c->to->path, name));
    if (info->type != H5L_TYPE_HARD)
        return 0;
    hid_t object = H5Oopen(group, name, H5P_DEFAULT);
    char *path = *c->path ? format_text("%s/%s", c->path, name) : copy_text(name);
    c->result = object < 0 ? fail(STATUS_DATA, "%s: %s cannot be read: the file is damaged",
                                  c->to->path, name)
                : !path    ? -1
                           : visit(c, object, path);
    free(path);
    if (object >= 0)
        H5Oclose(object);
    return c->result ? -1 : 0;
}

static int walk(unpacked *u, hid_t group, const char *path, int depth)
{
    child c = {u, path, depth, 0};
    if (depth > DEPTH_MAX)
        return fail(STATUS_DATA, "%s: its groups are nested too deeply", u->path);
    if (take_list(u, group, path, "layer_names") || take_list(u, group, path, "weight_names"))
        return -1;
    if (H5Literate(group, H5_INDEX_NAME, H5_ITER_NATIVE, NULL, visit_link, &c) < 0 && !c.result)
        return fail(STATUS_DATA, "%s: its groups cannot be read: the file is damaged", u->path);
    return c.result;
}

/* ---- Files ---- */

static int read_hdf5(unpacked *u, const void *bytes, size_t length)
{
    hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL); /* we say ourselves what is wrong */
    hid_t file = -1;
    if (access >= 0 && H5Pset_fapl_core(access, 1 << 16, 0) >= 0 &&
        H5Pset_file_image(access, (void *)bytes, length) >= 0)
        file = H5Fopen("image", H5F_ACC_RDONLY, access);
    int result = file < 0 ? fail(STATUS_DATA, "%s: not an HDF5 file, or incomplete", u->path) : 0;
    if (!result)
        result = take_attribute(u, file, "keras_version", "keras_version") ||
                         (!has_text(u, "model_config") &&
                          take_attribute(u, file, "model_config", "model_config")) ||
                         walk(u, file, "", 0)
                     ? -1
                     : 0;
    if (file >= 0)
        H5Fclose(file);
    if (access >= 0)
        H5Pclose(access);
    return result;
}

/* A file of the archive as memory of the caller's, with a zero behind it; NULL after fail(). */
static char *unzip(zip_t *archive, const char *name, size_t most, size_t *length, const char *path)
{
    zip_stat_t about;
    char *bytes = NULL, end;
    if (zip_stat(archive, name, 0, &about) || !(about.valid & ZIP_STAT_SIZE)) {
        fail(STATUS_DATA, "%s: an archive without %s: not a model of Keras", path, name);
        return NULL;
    }
    if (about.size > most) {
        fail(STATUS_DATA, "%s: %s in it is too large", path, name);
        return NULL;
    }
    zip_file_t *file = zip_fopen(archive, name, 0);
    bytes = file ? allocate((size_t)about.size + 1, 1) : NULL;
    /* a read at the end checks the sum */
    if (bytes && zip_fread(file, bytes, about.size) == (zip_int64_t)about.size &&
        zip_fread(file, &end, 1) == 0) {
        *length = (size_t)about.size;
    } else {
        free(bytes);
        bytes = NULL;
        fail(STATUS_DATA, "%s: %s in it cannot be unpacked: the archive is damaged", path, name);
    }
    if (file)
        zip_fclose(file);
    return bytes;
}

static int read_archive(unpacked *u, const void *bytes, size_t length)
{
    zip_error_t error;
    size_t config_length = 0, weights_length = 0;
    zip_error_init(&error);
    zip_source_t *source = zip_source_buffer_create(bytes, length, 0, &error);
    zip_t *archive = source ? zip_open_from_source(source, ZIP_RDONLY, &error) : NULL;
    if (!archive) {
        zip_source_free(source);
        zip_error_fini(&error);
        return fail(STATUS_DATA, "%s: not a .keras archive, or incomplete", u->path);
    }
    char *config = unzip(archive, "config.json", TEXT_MAX, &config_length, u->path);
    char *weights =
        config ? unzip(archive, "model.weights.h5", FILE_TOTAL, &weights_length, u->path) : NULL;
    int result =
        !weights || add_text(u, "model_config", config) || read_hdf5(u, weights, weights_length)
            ? -1
            : 0;
    free(config);
    free(weights);
    zip_close(archive);
    zip_error_fini(&error);
    return result;
}

int unpack(const char *from, const char *to)
{
    static const char zip_magic[] = "PK\3\4";
    unpacked u = {.path = from};
    unsigned char *bytes;
    size_t length;
    if (file_read(from, FILE_TOTAL, STATUS_DATA, &bytes, &length))
        return -1;
    bool archive = length >= 4 && !memcmp(bytes, zip_magic, 4);
    int result = archive ? read_archive(&u, bytes, length) : read_hdf5(&u, bytes, length);
    free(bytes);
    if (!result)
        result = safetensors_write(to, u.list.items, u.list.count, u.list.texts, u.list.text_count);
    tensor_list_release(&u.list);
    return result;
}
