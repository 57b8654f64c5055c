#define _XOPEN_SOURCE 700 /* realpath */
#include "separate/job.h"

#include "base/error.h"
#include "base/files.h"
#include "base/memory.h"
#include "data/folder.h"
#include "separate/earlier.h"
#include "separate/separator.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- Which pictures ---- */

static int list_pictures(job *j, const char *folder)
{
    struct folder found;
    if (!(j->input = copy_text(folder)) || folder_list(folder, &found))
        return -1;
    if (!(j->files = allocate(found.pictures.count, sizeof *j->files))) {
        folder_release(&found);
        return -1;
    }
    for (size_t i = 0; i < found.pictures.count; i++)
        j->files[i].name = found.pictures.names[i];
    j->count = found.pictures.count;
    j->others = found.others;
    free(found.pictures.names); /* not what it held */
    j->whole_input = realpath(folder, NULL);
    return j->whole_input ? 0 : fail(STATUS_DATA, "%s: %s", folder, strerror(errno));
}

/* ---- Where the results go ---- */

static int name_outputs(job *j)
{
    for (size_t i = 0; i < j->count; i++) {
        job_file *file = &j->files[i];
        const char *dot = strrchr(file->name, '.');
        int length =
            (int)(dot && dot != file->name ? (size_t)(dot - file->name) : strlen(file->name));
        for (int k = 0; k < SOURCES; k++)
            if (!(file->outputs[k] =
                      format_text("%.*s.%s.png", length, file->name, j->source_names[k])))
                return -1;
    }
    return 0;
}

static int compare_outputs(const void *left, const void *right)
{
    const job_file *const *a = left, *const *b = right;
    return strcmp((*a)->outputs[0], (*b)->outputs[0]);
}

/* cat.png and cat.jpg would both become cat.mnist.png. A source's name holds no dot, so results are
 * equal only for the same source. */
static int refuse_equal_outputs(const job *j)
{
    const job_file **sorted = allocate(j->count, sizeof *sorted);
    int result = 0;
    if (!sorted)
        return -1;
    for (size_t i = 0; i < j->count; i++)
        sorted[i] = &j->files[i];
    qsort(sorted, j->count, sizeof *sorted, compare_outputs);
    for (size_t i = 1; i < j->count && !result; i++)
        if (!compare_outputs(&sorted[i - 1], &sorted[i]))
            result = fail(STATUS_DATA,
                          "%s: %s and %s would both give %s; rename one of them, nothing was done",
                          j->input, sorted[i - 1]->name, sorted[i]->name, sorted[i]->outputs[0]);
    free(sorted);
    return result;
}

static int refuse_same_folder(const job *j)
{
    struct stat input, output;
    if (stat(j->input, &input) || stat(j->output, &output) || input.st_dev != output.st_dev ||
        input.st_ino != output.st_ino)
        return 0;
    return fail(STATUS_USAGE,
                "%s: input and output are the same folder, where results would become the next "
                "run's input; choose another output folder",
                j->output);
}

int job_new(job **out, const char *input, const char *output,
            const char *const source_names[SOURCES])
{
    job *j = allocate(1, sizeof *j);
    if (!j || !(j->output = copy_text(output)))
        goto failed;
    for (int k = 0; k < SOURCES; k++)
        if (!(j->source_names[k] = copy_text(source_names[k])))
            goto failed;
    if (list_pictures(j, input) || name_outputs(j) || refuse_equal_outputs(j) ||
        refuse_same_folder(j) || earlier_read(j))
        goto failed;
    *out = j;
    return 0;
failed:
    job_free(j);
    return -1;
}

void job_free(job *j)
{
    if (!j)
        return;
    for (size_t i = 0; i < j->count; i++) {
        free(j->files[i].name);
        free(j->files[i].error);
        for (int k = 0; k < SOURCES; k++)
            free(j->files[i].outputs[k]);
    }
    for (int k = 0; k < SOURCES; k++)
        free(j->source_names[k]);
    free(j->files);
    name_list_release(&j->others);
    json_decref(j->earlier);
    free(j->input);
    free(j->whole_input);
    free(j->output);
    free(j);
}

/* ---- One file ---- */

static int check_size(const void *context, int width, int height)
{
    (void)context;
    return separator_check_size(width, height);
}

int job_read(const job *j, job_file *file, struct image *picture)
{
    char *path = path_join(j->input, file->name);
    *picture = (struct image){0};
    int result = path ? image_read_if(path, 1, check_size, NULL, picture) : -1;
    file->width = picture->width;
    file->height = picture->height;
    free(path);
    return result;
}

static int write_one(const job *j, job_file *file, int source, const unsigned char *pixels)
{
    unsigned char *png = NULL;
    size_t length;
    char *path = path_join(j->output, file->outputs[source]);
    int result =
        path ? image_pack_png(path, file->width, file->height, 1, pixels, &png, &length) : -1;
    if (!result) {
        result = file_write_named(path, png, length, STATUS_DATA);
        free(png);
    }
    file->ours[source] |= !result;
    free(path);
    return result;
}

int job_write(const job *j, job_file *file, unsigned char *const sources[SOURCES])
{
    for (int k = 0; k < SOURCES; k++)
        if (write_one(j, file, k, sources[k]))
            return -1;
    file->status = JOB_DONE;
    return 0;
}

static int remove_result(const job *j, job_file *file, int source)
{
    char *path = path_join(j->output, file->outputs[source]);
    int result = path ? 0 : -1;
    if (path && unlink(path) && errno != ENOENT)
        result = fail(STATUS_RUNTIME, "%s: cannot be removed: %s", path, strerror(errno));
    file->ours[source] = false;
    free(path);
    return result;
}

int job_fail(const job *j, job_file *file)
{
    file->status = JOB_FAILED;
    file->error = copy_text(error_message());
    int result = file->error ? 0 : -1;
    for (int k = 0; k < SOURCES; k++)
        if (file->ours[k] && remove_result(j, file, k))
            result = -1;
    return result;
}

size_t job_count(const job *j, enum job_status status)
{
    size_t count = 0;
    for (size_t i = 0; i < j->count; i++)
        count += j->files[i].status == status;
    return count;
}

/* ---- JSON ---- */

static json_t *file_as_json(const job *j, const job_file *file)
{
    static const char *const statuses[] = {"pending", "done", "failed"};
    json_t *entry = json_pack("{s:o, s:s}", "input", text_as_json(file->name), "status",
                              statuses[file->status]);
    int broken = !entry;
    if (file->width) {
        broken |= json_object_set_new(entry, "width", json_integer(file->width));
        broken |= json_object_set_new(entry, "height", json_integer(file->height));
    }
    if (file->status == JOB_FAILED) {
        broken |= json_object_set_new(entry, "error", text_as_json(file->error));
    } else {
        json_t *outputs = json_object();
        for (int k = 0; k < SOURCES; k++)
            broken |=
                json_object_set_new(outputs, j->source_names[k], text_as_json(file->outputs[k]));
        broken |= json_object_set_new(entry, "outputs", outputs);
    }
    if (broken)
        json_decref(entry);
    return broken ? NULL : entry;
}

json_t *job_as_json(const job *j, bool complete)
{
    json_t *files = json_array(), *others = json_array();
    int broken = 0;
    for (size_t i = 0; i < j->count; i++)
        broken |= json_array_append_new(files, file_as_json(j, &j->files[i]));
    for (size_t i = 0; i < j->others.count; i++)
        broken |= json_array_append_new(others, text_as_json(j->others.names[i]));
    json_t *whole =
        json_pack("{s:o, s:o, s:b, s:o, s:o, s:o}", "input", text_as_json(j->whole_input), "output",
                  text_as_json(j->output), "complete", (int)complete, "files", files,
                  "not_pictures", others, "earlier", earlier_as_json(j));
    if (broken) {
        json_decref(whole);
        return NULL;
    }
    return whole;
}
