#include "cli/subject.h"

#include "base/identify.h"
#include <stdlib.h>
#include <string.h>

/* Texts are configs; of a directory the model counts. The name decides about what is missing. */
static bool is_model(const char *path)
{
    const char *dot = strrchr(path, '.');
    switch (file_identify(path).type) {
    case FILE_INI:
    case FILE_TEXT:
        return false;
    case FILE_DIRECTORY:
    case FILE_SAFETENSORS:
    case FILE_PICTURE:
    case FILE_OTHER:
    case FILE_BINARY:
        return true;
    case FILE_UNKNOWN:
        break;
    }
    char *shipped = model_shipped(path);
    free(shipped);
    return shipped || (dot && !strcmp(dot, ".safetensors"));
}

int subject_open(const options *given, int number, model_file *out)
{
    const char *path = given->argument_count > number ? given->arguments[number] : NULL;
    *out = (model_file){0};
    return path && is_model(path) ? options_model(given, path, out)
                                  : options_settings(given, path, &out->settings);
}
