#include "data/folder.h"

#include "base/error.h"
#include "base/memory.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

static bool has_picture_name(const char *name)
{
    static const char *const endings[] = {".png", ".jpg", ".jpeg", ".pgm"};
    const char *dot = strrchr(name, '.');
    if (!dot || name[0] == '.')
        return false;
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++)
        if (!strcasecmp(dot, endings[i]))
            return true;
    return false;
}

static bool is_regular_file(DIR *folder, const char *name)
{
    struct stat info;
    return !fstatat(dirfd(folder), name, &info, 0) && S_ISREG(info.st_mode);
}

static int compare_names(const void *left, const void *right)
{
    return strcmp(*(char *const *)left, *(char *const *)right);
}

int folder_list(const char *path, char ***names, size_t *count)
{
    void *list = NULL;
    size_t filled = 0, capacity = 0;
    DIR *folder = opendir(path);
    if (!folder)
        return fail(STATUS_DATA, "%s: cannot be read as a folder: %s", path, strerror(errno));
    for (struct dirent *entry; (entry = readdir(folder));) {
        if (!has_picture_name(entry->d_name) || !is_regular_file(folder, entry->d_name))
            continue;
        if (grow(&list, &capacity, filled + 1, sizeof(char *)))
            goto failed;
        ((char **)list)[filled] = copy_text(entry->d_name);
        if (!((char **)list)[filled])
            goto failed;
        filled++;
    }
    if (!filled) {
        fail(STATUS_DATA, "%s: holds no picture (.png, .jpg, .jpeg or .pgm)", path);
        goto failed;
    }
    closedir(folder);
    qsort(list, filled, sizeof(char *), compare_names);
    *names = list;
    *count = filled;
    return 0;
failed:
    closedir(folder);
    folder_list_free(list, filled);
    return -1;
}

void folder_list_free(char **names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(names[i]);
    free(names);
}
