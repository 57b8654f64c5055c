#include "data/dataset.h"

#include "base/error.h"
#include "base/files.h"
#include "base/memory.h"
#include "base/streams.h"
#include "opencl/kernel.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Every kind that is looked for in a folder, a row each; the first that finds something is taken. */
#define KINDS(KIND) KIND(idx_kind) KIND(folder_kind)

#define DECLARE(kind) extern const dataset_kind kind;
#define ADDRESS(kind) &(kind),
KINDS(DECLARE)
static const dataset_kind *const kinds[] = {KINDS(ADDRESS)};
enum { KIND_COUNT = sizeof kinds / sizeof *kinds };

typedef struct place {
    const dataset_kind *kind; /* NULL: found nowhere */
    char *path;
} place;

static int find_in_folder(const char *folder, const struct data_config *c, enum dataset_part part,
                          place *found)
{
    for (int i = 0; i < KIND_COUNT; i++) {
        char *path;
        if (kinds[i]->find(folder, c, part, &path))
            return -1;
        if (path) {
            *found = (place){kinds[i], path};
            return 0;
        }
    }
    return 0;
}

/* A source's folder; its name may be absolute. */
static char *folder_of(const char *directory, const char *name)
{
    return name[0] == '/' ? copy_text(name) : path_join(directory, name);
}

/* A relative directory is looked for here, then beside the folder that holds cl/. */
static int find(const struct data_config *c, const char *name, enum dataset_part part, place *found)
{
    bool there, absolute = name[0] == '/' || c->directory[0] == '/';
    char *folder = folder_of(c->directory, name);
    int result = !folder || (name[0] != '/' && directory_look(c->directory, STATUS_DATA, &there)) ||
                         directory_look(folder, STATUS_DATA, &there) ||
                         find_in_folder(folder, c, part, found)
                     ? -1
                     : 0;
    free(folder);
    if (result || found->kind || absolute || !kernel_directory())
        return result;
    folder = format_text("%s/../%s/%s", kernel_directory(), c->directory, name);
    result = folder ? find_in_folder(folder, c, part, found) : -1;
    free(folder);
    return result;
}

/* Only for sets that it brings. */
static const char *make_data_hint(const char *name)
{
    static const char *const sets[] = {"mnist", "fashion-mnist", "emnist", "letters"};
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++)
        if (!strcmp(name, sets[i]))
            return "`make data` brings it, and ";
    return "";
}

static int is_missing(const struct data_config *c, const char *name, enum dataset_part part)
{
    static const char where[] = "--data or data.directory says where the data sets are";
    struct stat info;
    const char *file = part == DATASET_TEST ? "t10k" : "train", *hint = make_data_hint(name);
    char *folder = folder_of(c->directory, name);
    if (!folder)
        return -1;
    if (!stat(folder, &info))
        fail(
            STATUS_DATA,
            "%s/%s-images-idx3-ubyte: no such file, nor %s-images.idx3-ubyte, nor one of them with "
            ".gz, nor any picture%s; %s%s",
            folder, file, file,
            c->subfolders ? "" : " (data.subfolders = true looks into its folders)", hint, where);
    else if (errno == ENOENT)
        fail(STATUS_DATA,
             "%s: no such folder, which should hold %s-images-idx3-ubyte or pictures; %s%s", folder,
             file, hint, where);
    else
        fail(STATUS_DATA, "%s: %s; %s", folder, strerror(errno), where);
    free(folder);
    return -1;
}

/* By device and number of the file or folder, whatever it is called. */
static uint64_t home_of(const char *path)
{
    struct stat info;
    char name[64];
    if (stat(path, &info))
        return 0;
    snprintf(name, sizeof name, "%ju:%ju", (uintmax_t)info.st_dev, (uintmax_t)info.st_ino);
    return stream_of_name(STREAM_PARTS, name);
}

int dataset_open(dataset **out, const struct data_config *c, int source, enum dataset_part part)
{
    place found = {0};
    const char *name = c->directories[source];
    if (find(c, name, part, &found))
        return fail_while("data set %s", name);
    if (!found.kind)
        return is_missing(c, name, part);
    dataset *d = allocate(1, sizeof *d);
    int result = d ? found.kind->open(d, found.path, c, part) : -1;
    if (result) {
        free(found.path);
        free(d);
        return -1;
    }
    d->kind = found.kind;
    d->home = home_of(found.path);
    free(found.path);
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

int dataset_view(const dataset *d, size_t number, picture_view *v)
{
    *v = (picture_view){0};
    return d->kind->view(d, number, v);
}

void picture_view_release(picture_view *v)
{
    free(v->owned);
    *v = (picture_view){0};
}
