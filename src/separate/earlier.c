#include "separate/earlier.h"

#include "base/error.h"
#include "base/files.h"
#include "base/memory.h"
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { MANIFEST_LIMIT = 1 << 28 };

/* Results are kept as {"cat.mnist.png": {"folder": "/whole/path", "input": "cat.png"}, ...}. What
 * memory is too short for is missing there, and found to be another's file later. */
static void keep(json_t *results, const json_t *folder, const json_t *input, const json_t *output)
{
    if (json_is_string(folder) && json_is_string(input) && json_is_string(output))
        (void)json_object_set_new(results, json_string_value(output),
                                  json_pack("{s:O, s:O}", "folder", folder, "input", input));
}

static json_t *list_results(const json_t *manifest)
{
    json_t *results = json_object(), *input = json_object_get(manifest, "input");
    json_t *earlier = json_object_get(manifest, "earlier");
    json_t *files = json_object_get(manifest, "files");
    for (size_t i = 0; i < json_array_size(earlier); i++) {
        json_t *entry = json_array_get(earlier, i);
        keep(results, json_object_get(entry, "folder"), json_object_get(entry, "input"),
             json_object_get(entry, "output"));
    }
    for (size_t i = 0; i < json_array_size(files); i++) {
        json_t *entry = json_array_get(files, i);
        json_t *lists[] = {json_object_get(entry, "outputs"), json_object_get(entry, "extras")};
        for (int l = 0; l < 2; l++)
            for (void *at = json_object_iter(lists[l]); at;
                 at = json_object_iter_next(lists[l], at))
                keep(results, input, json_object_get(entry, "input"), json_object_iter_value(at));
    }
    return results;
}

/* *results is empty if there is no manifest. */
static int read_manifest(const char *path, json_t **results, bool *gallery)
{
    unsigned char *bytes = NULL;
    size_t length;
    bool there;
    if (file_look(path, STATUS_USAGE, &there))
        return -1;
    if (there && file_read(path, MANIFEST_LIMIT, STATUS_USAGE, &bytes, &length))
        return -1;
    json_t *manifest = there ? json_loadb((const char *)bytes, length, 0, NULL) : NULL;
    free(bytes);
    int result = 0;
    if (there && (!json_is_string(json_object_get(manifest, "unblend")) ||
                  !json_is_string(json_object_get(manifest, "input"))))
        result = fail(STATUS_USAGE,
                      "%s: exists and is not a manifest of unblend; move it away or choose another "
                      "output folder",
                      path);
    else
        *results = list_results(manifest);
    *gallery = json_is_string(json_object_get(manifest, "gallery"));
    json_decref(manifest);
    return result;
}

/* Leaves only those results that are in the folder. Their names are compared as the manifest has
 * them, since a name that is not UTF-8 cannot be had back from it. */
static void keep_what_is_there(json_t **results, const char *folder)
{
    json_t *there = json_object();
    DIR *directory = json_object_size(*results) ? opendir(folder) : NULL;
    for (struct dirent *entry; directory && (entry = readdir(directory));) {
        json_t *name = text_as_json(entry->d_name);
        json_t *known = name ? json_object_get(*results, json_string_value(name)) : NULL;
        if (known)
            (void)json_object_set(there, json_string_value(name), known);
        json_decref(name);
    }
    if (directory)
        closedir(directory);
    json_decref(*results);
    *results = there;
}

static bool is_text(const json_t *value, const char *text)
{
    json_t *wanted = text_as_json(text);
    bool same = wanted && json_equal(value, wanted);
    json_decref(wanted);
    return same;
}

/* Takes the output out of the results if it came from that picture. */
static bool claim(json_t *results, const worklist *w, const char *picture, const char *output)
{
    json_t *key = text_as_json(output);
    const json_t *listed = key ? json_object_get(results, json_string_value(key)) : NULL;
    bool ours = is_text(json_object_get(listed, "folder"), w->whole_input) &&
                is_text(json_object_get(listed, "input"), picture);
    if (ours)
        json_object_del(results, json_string_value(key));
    json_decref(key);
    return ours;
}

/* A folder that has the name of a result is in the way of that one picture only, which will say so;
 * the same goes for a name that cannot be looked up. */
static int claim_or_refuse(worklist *w, work_item *item, int source)
{
    struct stat info;
    char *path = path_join(w->output, item->outputs[source]);
    if (!path)
        return -1;
    int result = 0;
    if (!lstat(path, &info) && !S_ISDIR(info.st_mode)) {
        item->ours[source] = claim(w->earlier, w, item->name, item->outputs[source]);
        if (!item->ours[source])
            result = fail(STATUS_USAGE,
                          "%s: exists, and " MANIFEST_NAME " there does not say that it came from "
                          "%s/%s; move it away or choose another output folder",
                          path, w->input, item->name);
    }
    free(path);
    return result;
}

/* A page that an earlier run made stays known when this one makes none. */
static int claim_gallery(worklist *w, bool listed)
{
    char *path = path_join(w->output, GALLERY_NAME);
    if (!path)
        return -1;
    struct stat info;
    bool there = !lstat(path, &info);
    int result = 0;
    if (w->options.gallery && there && !listed)
        result = fail(STATUS_USAGE,
                      "%s: exists, and " MANIFEST_NAME " there does not say that unblend made it; "
                      "move it away or choose another output folder",
                      path);
    w->has_gallery = w->options.gallery || (there && listed);
    free(path);
    return result;
}

int earlier_read(worklist *w)
{
    bool gallery = false;
    char *path = path_join(w->output, MANIFEST_NAME);
    int result = path ? read_manifest(path, &w->earlier, &gallery) : -1;
    free(path);
    if (result)
        return -1;
    keep_what_is_there(&w->earlier, w->output);
    for (size_t i = 0; i < w->count && !result; i++)
        for (int k = 0; k < OUTPUTS && !result; k++)
            result = w->items[i].outputs[k] ? claim_or_refuse(w, &w->items[i], k) : 0;
    return result ? -1 : claim_gallery(w, gallery);
}

json_t *earlier_as_json(const worklist *w)
{
    json_t *list = json_array();
    for (void *at = json_object_iter(w->earlier); at; at = json_object_iter_next(w->earlier, at)) {
        json_t *from = json_object_iter_value(at);
        json_t *entry =
            json_pack("{s:O, s:O, s:s}", "folder", json_object_get(from, "folder"), "input",
                      json_object_get(from, "input"), "output", json_object_iter_key(at));
        if (json_array_append_new(list, entry)) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}
