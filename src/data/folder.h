/* The pictures in a folder. */
#ifndef DATA_FOLDER_H
#define DATA_FOLDER_H

#include <stddef.h>

/*
 * The names (not paths) of the regular files in path that end in .png, .jpg, .jpeg or .pgm, in any
 * case, sorted by their bytes. Hidden files are left out, and so are folders inside. STATUS_DATA if
 * the folder cannot be read or holds none. Release with folder_list_free().
 */
int folder_list(const char *path, char ***names, size_t *count);
void folder_list_free(char **names, size_t count);

#endif
