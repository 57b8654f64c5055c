#include "data/dataset.h"

#include "base/error.h"
#include "base/files.h"
#include "base/memory.h"
#include "opencl/kernel.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Every kind that is looked for in a folder, a row each; the first that finds something is taken. */
#define KINDS(KIND) KIND(idx_kind)

#define DECLARE(kind) extern const dataset_kind kind;
#define ADDRESS(kind) &(kind),
KINDS(DECLARE)
static const dataset_kind *const kinds[] = {KINDS(ADDRESS)};
enum { KIND_COUNT = sizeof kinds / sizeof *kinds };

typedef struct place {
    const dataset_kind *kind; /* NULL: found nowhere */
    char *path;
} place;

static int find_in_folder(const char *folder, enum dataset_part part, place *found)
{
    for (int i = 0; i < KIND_COUNT; i++) {
        char *path;
        if (kinds[i]->find(folder, part, &path))
            return -1;
        if (path) {
            *found = (place){kinds[i], path};
            return 0;
        }
    }
    return 0;
}

/* A relative directory is looked for here, then beside the folder that holds cl/. */
static int find(const char *directory, const char *name, enum dataset_part part, place *found)
{
    bool there;
    char *folder = path_join(directory, name);
    int result = !folder || directory_look(directory, STATUS_DATA, &there) ||
                         directory_look(folder, STATUS_DATA, &there) ||
                         find_in_folder(folder, part, found)
                     ? -1
                     : 0;
    free(folder);
    if (result || found->kind || directory[0] == '/' || !kernel_directory())
        return result;
    folder = format_text("%s/../%s/%s", kernel_directory(), directory, name);
    result = folder ? find_in_folder(folder, part, found) : -1;
    free(folder);
    return result;
}

static int is_missing(const char *directory, const char *name, enum dataset_part part)
{
    struct stat info;
    const char *file = part == DATASET_TEST ? "t10k" : "train";
    char *folder = path_join(directory, name);
    if (!folder)
        return -1;
    if (!stat(folder, &info))
        fail(
            STATUS_DATA,
            "%s/%s-images-idx3-ubyte: no such file, nor %s-images.idx3-ubyte, nor one of them with "
            ".gz; `make data` brings it, and --data or data.directory says where it is",
            folder, file, file);
    else if (errno == ENOENT)
        fail(STATUS_DATA,
             "%s: no such folder, which should hold %s-images-idx3-ubyte; `make data` brings it, "
             "and --data or data.directory says where it is",
             folder, file);
    else
        fail(STATUS_DATA, "%s: %s; --data or data.directory says where the data sets are", folder,
             strerror(errno));
    free(folder);
    return -1;
}

int dataset_open(dataset **out, const char *directory, const char *name, enum dataset_part part)
{
    place found = {0};
    if (find(directory, name, part, &found))
        return fail_while("data set %s", name);
    if (!found.kind)
        return is_missing(directory, name, part);
    dataset *d = allocate(1, sizeof *d);
    int result = d ? found.kind->open(d, found.path) : -1;
    free(found.path);
    if (result) {
        free(d);
        return -1;
    }
    d->kind = found.kind;
    *out = d;
    return 0;
}

void dataset_close(dataset *d)
{
    if (!d)
        return;
    d->kind->close(d);
    free(d);
}

int dataset_read(const dataset *d, size_t number, unsigned char *pixels)
{
    return d->kind->read(d, number, pixels);
}
