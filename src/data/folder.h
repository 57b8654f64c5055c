/* The pictures in a folder. */
#ifndef DATA_FOLDER_H
#define DATA_FOLDER_H

#include <stdbool.h>
#include <stddef.h>

/* Names, not paths, sorted by their bytes. */
typedef struct name_list {
    char **names;
    size_t count, capacity;
} name_list;

/*
 * Pictures are the files that are named as such (.png, .jpg, .pgm and the like, in any case), whether
 * they can be read or not, and those under any other name that start as one. `others` has the files
 * that are no pictures, and what is named as one and is a folder. Hidden files and other folders are
 * passed over.
 */
typedef struct folder {
    name_list pictures, others;
} folder;

/* Whether a file, `name` at `path`, counts as a picture. */
bool folder_is_picture(const char *path, const char *name);

/* STATUS_DATA if the folder cannot be read or holds no picture. */
int folder_list(const char *path, folder *out);
void folder_release(folder *f);
void name_list_release(name_list *list);

#endif
