#define _POSIX_C_SOURCE 200809L
#include "separate/earlier.h"

#include "base/error.h"
#include "base/files.h"
#include "base/memory.h"
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { MANIFEST_LIMIT = 1 << 28 };

/* {"cat.mnist.png": "cat.png", ...}: which result came from which picture. */
static json_t *list_results(const json_t *manifest)
{
    json_t *results = json_object();
    size_t i;
    const char *source;
    json_t *file, *output;
    json_array_foreach(json_object_get(manifest, "files"), i, file)
    {
        json_object_foreach(json_object_get(file, "outputs"), source, output)
        {
            const char *name = json_string_value(output);
            if (name) /* a picture that is missing here is found to be another one later */
                (void)json_object_set(results, name, json_object_get(file, "input"));
        }
    }
    return results;
}

/* *results is NULL where no manifest stands, and empty if its run had another input folder. */
static int read_manifest(const job *j, const char *path, json_t **results)
{
    unsigned char *bytes = NULL;
    size_t length;
    *results = NULL;
    struct stat info;
    if (lstat(path, &info))
        return 0;
    json_t *manifest = file_read(path, MANIFEST_LIMIT, STATUS_USAGE, &bytes, &length)
                           ? NULL
                           : json_loadb((const char *)bytes, length, 0, NULL);
    free(bytes);
    const char *input = json_string_value(json_object_get(manifest, "input"));
    json_t *ours = text_as_json(j->whole_input);
    int result = 0;
    if (!json_is_string(json_object_get(manifest, "unblend")) || !input)
        result = fail(STATUS_USAGE,
                      "%s: exists and is not a manifest of unblend; move it away or choose another "
                      "output folder",
                      path);
    else if (ours && !strcmp(input, json_string_value(ours)))
        *results = list_results(manifest);
    json_decref(ours);
    json_decref(manifest);
    return result;
}

static bool came_from(const json_t *results, const char *output, const char *picture)
{
    json_t *key = text_as_json(output), *wanted = text_as_json(picture);
    json_t *listed = json_object_get(results, json_string_value(key));
    bool same = wanted && json_equal(listed, wanted);
    json_decref(key);
    json_decref(wanted);
    return same;
}

static int refuse_foreign(const job *j, const job_file *file, const char *output,
                          const json_t *results)
{
    struct stat info;
    char *path = path_join(j->output, output);
    if (!path)
        return -1;
    int result = 0;
    if (!lstat(path, &info) && !came_from(results, output, file->name))
        result = fail(STATUS_USAGE,
                      "%s: exists, and " MANIFEST_NAME " there does not say that it came from "
                      "%s/%s; move it away or choose another output folder",
                      path, j->input, file->name);
    free(path);
    return result;
}

int refuse_foreign_outputs(const job *j)
{
    json_t *results = NULL;
    char *path = path_join(j->output, MANIFEST_NAME);
    int result = path ? read_manifest(j, path, &results) : -1;
    for (size_t i = 0; i < j->count && !result; i++)
        for (int k = 0; k < SOURCES && !result; k++)
            result = refuse_foreign(j, &j->files[i], j->files[i].outputs[k], results);
    json_decref(results);
    free(path);
    return result;
}
