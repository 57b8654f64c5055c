#include "cli/subject.h"

#include "base/files.h"
#include <stdio.h>
#include <string.h>

/* A model file starts with a length in 8 bytes, of which the upper ones are zero, and no INI file
 * holds a zero. The name only decides about what is cut short, or missing. */
static bool is_model(const char *path)
{
    const char *dot = strrchr(path, '.');
    char start[8] = "";
    FILE *in = file_exists(path) ? fopen(path, "rb") : NULL;
    size_t length = in ? fread(start, 1, sizeof start, in) : 0;
    if (in)
        fclose(in);
    return memchr(start, 0, length) || (dot && !strcmp(dot, ".safetensors"));
}

int subject_open(const options *given, model_file *out)
{
    const char *path = given->argument_count ? given->arguments[0] : NULL;
    *out = (model_file){0};
    return path && is_model(path) ? options_model(given, path, out)
                                  : options_settings(given, path, &out->settings);
}
