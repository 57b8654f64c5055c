/* unblend models: the trained models that came with unblend. */
#include "base/error.h"
#include "base/files.h"
#include "base/json.h"
#include "base/memory.h"
#include "cli/cli.h"
#include "models/network.h"
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MODELS_MAX = 64 };
static const char suffix[] = ".safetensors";

typedef struct found {
    char *names[MODELS_MAX];
    size_t count;
} found;

static int compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int list(const char *directory, found *out)
{
    struct dirent *entry;
    DIR *open = opendir(directory);
    while (open && (entry = readdir(open)) && out->count < MODELS_MAX) {
        size_t length = strlen(entry->d_name), tail = strlen(suffix);
        if (length <= tail || strcmp(entry->d_name + length - tail, suffix))
            continue;
        if (!(out->names[out->count] = format_text("%.*s", (int)(length - tail), entry->d_name))) {
            closedir(open);
            return -1;
        }
        out->count++;
    }
    if (open)
        closedir(open);
    qsort(out->names, out->count, sizeof *out->names, compare);
    return 0;
}

static int count_parameters(const settings *s, size_t *count)
{
    params *p = NULL;
    network *n = NULL;
    int result = params_new(&p, NULL) || network_new(&n, p, s, 1, NETWORK_INFER) ? -1 : 0;
    if (!result)
        *count = params_total(p);
    network_free(n);
    params_free(p);
    return result;
}

/* "mnist + fashion" */
static void describe_sources(const mixture *m, char *text, size_t size)
{
    size_t used = 0;
    for (int k = 0; k < m->sources; k++)
        used += (size_t)snprintf(text + used, size - used, "%s%s", k ? " + " : "", m->names[k]);
}

static int show(const char *directory, const char *name, json_t *document)
{
    model_file m;
    size_t parameters = 0;
    char sources[SOURCES_MAX * (SOURCE_NAME_MAX + 4)];
    char *path = format_text("%s/%s%s", directory, name, suffix);
    int opened = path ? model_open(path, NULL, 0, &m) : -1;
    free(path);
    if (opened)
        return -1;
    int result = count_parameters(m.settings, &parameters);
    struct image_format f = m.mixture.format;
    describe_sources(&m.mixture, sources, sizeof sources);
    if (!result && document)
        json_array_append_new(document,
                              json_pack("{s:s, s:s, s:i, s:i, s:i, s:I}", "name", name, "sources",
                                        sources, "width", f.width, "height", f.height, "channels",
                                        f.channels, "parameters", (json_int_t)parameters));
    else if (!result)
        printf("%-24s  %-20s  %d x %d %s  %zu parameters\n", name, sources, f.width, f.height,
               f.channels == 1 ? "gray" : "colour", parameters);
    model_close(&m);
    return result;
}

static int run_models(const options *given)
{
    found all = {0};
    char *directory = model_directory();
    json_t *document = given->json ? json_array() : NULL;
    int result = directory ? list(directory, &all) : -1;
    if (!result && !all.count)
        result = fail(STATUS_DATA, "%s: no models there", directory);
    for (size_t i = 0; i < all.count && !result; i++)
        result = show(directory, all.names[i], document);
    if (!result && document)
        result = print_json(document);
    else
        json_decref(document);
    for (size_t i = 0; i < all.count; i++)
        free(all.names[i]);
    free(directory);
    return result;
}

const command models_command = {
    .name = "models",
    .summary = "List the trained models that come with unblend",
    .arguments = "",
    .description = "Lists the models that come with unblend. Commands take them by name.\n",
    .examples = "  unblend models\n"
                "  unblend separate digits-fashion pictures/ separated/\n",
    .options = OPTION_JSON,
    .least = 0,
    .most = 0,
    .run = run_models,
};
