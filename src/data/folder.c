#include "data/folder.h"

#include "base/error.h"
#include "base/files.h"
#include "base/memory.h"
#include "image/image.h"
#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

static bool has_picture_name(const char *name)
{
    static const char *const endings[] = {".png", ".jpg", ".jpeg", ".jpe",  ".jfif", ".pgm",
                                          ".ppm", ".pnm", ".tif",  ".tiff", ".webp"};
    const char *dot = strrchr(name, '.');
    for (size_t i = 0; dot && i < sizeof endings / sizeof *endings; i++)
        if (!strcasecmp(dot, endings[i]))
            return true;
    return false;
}

bool folder_is_picture(const char *path, const char *name)
{
    return has_picture_name(name) || image_is_one(path);
}

/* The list that a name belongs to, NULL for none. A picture that cannot be found, such as a link that
 * leads nowhere, is one all the same: whoever reads it will say why. */
static name_list *list_for(folder *f, const char *path, const char *name)
{
    if (directory_exists(path))
        return has_picture_name(name) ? &f->others : NULL;
    return folder_is_picture(path, name) ? &f->pictures : &f->others;
}

static int add(name_list *list, const char *name)
{
    void *names = list->names;
    if (grow(&names, &list->capacity, list->count + 1, sizeof *list->names))
        return -1;
    list->names = names;
    list->names[list->count] = copy_text(name);
    return list->names[list->count++] ? 0 : -1;
}

static int add_entry(folder *f, const char *path, const char *name)
{
    if (name[0] == '.')
        return 0;
    char *whole = path_join(path, name);
    name_list *list = whole ? list_for(f, whole, name) : NULL;
    int result = whole && (!list || !add(list, name)) ? 0 : -1;
    free(whole);
    return result;
}

static int read_entries(folder *f, const char *path, DIR *directory)
{
    struct stat info;
    if (fstatat(dirfd(directory), ".", &info, 0)) /* names can be read, but no file reached */
        return fail(STATUS_DATA, "%s: this folder cannot be searched: %s", path, strerror(errno));
    for (;;) {
        errno = 0;
        const struct dirent *entry = readdir(directory);
        if (!entry)
            return errno ? fail(STATUS_DATA, "%s: cannot be read to its end: %s", path,
                                strerror(errno))
                         : 0;
        if (add_entry(f, path, entry->d_name))
            return -1;
    }
}

static int compare_names(const void *left, const void *right)
{
    return strcmp(*(char *const *)left, *(char *const *)right);
}

static void sort(name_list *list)
{
    if (list->count)
        qsort(list->names, list->count, sizeof *list->names, compare_names);
}

int folder_list(const char *path, folder *out)
{
    *out = (folder){0};
    DIR *directory = opendir(path);
    if (!directory)
        return fail(STATUS_DATA, "%s: cannot be read as a folder: %s", path, strerror(errno));
    int result = read_entries(out, path, directory);
    closedir(directory);
    if (!result && !out->pictures.count)
        result =
            fail(STATUS_DATA,
                 "%s: holds no picture (PNG, JPEG, TIFF, WebP, PGM or PPM), and %zu other files",
                 path, out->others.count);
    if (result) {
        folder_release(out);
        return -1;
    }
    sort(&out->pictures);
    sort(&out->others);
    return 0;
}

void name_list_release(name_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->names[i]);
    free(list->names);
    *list = (name_list){0};
}

void folder_release(folder *f)
{
    name_list_release(&f->pictures);
    name_list_release(&f->others);
}
