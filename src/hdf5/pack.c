#include "hdf5/pack.h"

#include "base/error.h"
#include "base/memory.h"
#include "exchange/safetensors.h"
#include <hdf5.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Makes the groups on the way. */
static hid_t create_links(void)
{
    hid_t links = H5Pcreate(H5P_LINK_CREATE);
    H5Pset_create_intermediate_group(links, 1);
    return links;
}

static bool write_array(hid_t file, const struct stored_tensor *t)
{
    hsize_t sizes[STORED_DIMENSIONS_MAX];
    for (int i = 0; i < t->dimensions; i++)
        sizes[i] = t->shape[i];
    hid_t links = create_links();
    hid_t space =
        t->dimensions ? H5Screate_simple(t->dimensions, sizes, NULL) : H5Screate(H5S_SCALAR);
    hid_t set = H5Dcreate2(file, t->name, H5T_IEEE_F32LE, space, links, H5P_DEFAULT, H5P_DEFAULT);
    bool written =
        set >= 0 && H5Dwrite(set, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, t->data) >= 0;
    if (set >= 0)
        H5Dclose(set);
    H5Sclose(space);
    H5Pclose(links);
    return written;
}

/* Texts of `size` bytes each in the dataspace, which it closes. */
static bool write_attribute(hid_t object, const char *name, const char *texts, size_t size,
                            hid_t space)
{
    hid_t type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, size);
    H5Tset_strpad(type, H5T_STR_NULLPAD);
    hid_t attribute = H5Acreate2(object, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    bool written = attribute >= 0 && H5Awrite(attribute, type, texts) >= 0;
    if (attribute >= 0)
        H5Aclose(attribute);
    H5Sclose(space);
    H5Tclose(type);
    return written;
}

/* Its lines, all of the size of the longest. */
static bool write_list(hid_t group, const char *name, const char *lines)
{
    size_t longest = 1, count = 0, length;
    for (const char *line = lines; *line; line += length + (line[length] == '\n'), count++) {
        length = strcspn(line, "\n");
        longest = length > longest ? length : longest;
    }
    char *packed = allocate(count * longest + 1, 1), *to = packed;
    if (!packed)
        return false;
    for (const char *line = lines; *line; line += length + (line[length] == '\n'), to += longest) {
        length = strcspn(line, "\n");
        memcpy(to, line, length);
    }
    hsize_t sizes[1] = {count};
    bool written = write_attribute(group, name, packed, longest, H5Screate_simple(1, sizes, NULL));
    free(packed);
    return written;
}

/* "PATH#NAME", or "NAME" of the root. */
static bool write_text(hid_t file, const char *key, const char *value)
{
    const char *hash = strrchr(key, '#');
    if (!hash)
        return write_attribute(file, key, value, strlen(value) + 1, H5Screate(H5S_SCALAR));
    char *path = format_text("%.*s", (int)(hash - key), key);
    hid_t links = create_links(), group = file;
    if (path && *path) {
        group = H5Lexists(file, path, H5P_DEFAULT) > 0
                    ? H5Gopen2(file, path, H5P_DEFAULT)
                    : H5Gcreate2(file, path, links, H5P_DEFAULT, H5P_DEFAULT);
    }
    bool written = path && group >= 0 && write_list(group, hash + 1, value);
    if (group >= 0 && group != file)
        H5Gclose(group);
    H5Pclose(links);
    free(path);
    return written;
}

static bool write_all(hid_t file, const safetensors *from)
{
    for (size_t i = 0; i < safetensors_count(from); i++)
        if (!write_array(file, safetensors_at(from, i)))
            return false;
    for (size_t i = 0; safetensors_key(from, i); i++) {
        const char *key = safetensors_key(from, i);
        if (strcmp(key, "sha256_of_tensors") != 0 &&
            !write_text(file, key, safetensors_metadata(from, key)))
            return false;
    }
    return true;
}

int pack(const char *from, const char *to)
{
    safetensors *tensors;
    if (safetensors_read(from, &tensors))
        return -1;
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    hid_t file = H5Fcreate(to, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    bool written = file >= 0 && write_all(file, tensors);
    if (file >= 0 && H5Fclose(file) < 0)
        written = false;
    safetensors_free(tensors);
    if (written)
        return 0;
    unlink(to);
    return fail(STATUS_RUNTIME, "%s: cannot be written", to);
}
