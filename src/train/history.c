#include "train/history.h"

#include "base/error.h"
#include "base/files.h"
#include "base/json.h"
#include "base/memory.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The longest training that settings allow fills half of it. */
#define FILE_LIMIT ((size_t)128 << 20)

history history_new(const mixture *m)
{
    history h = {.sources = m->sources};
    memcpy(h.names, m->names, sizeof h.names);
    return h;
}

int history_add(history *h, const epoch_record *record)
{
    if (grow(&h->epochs, &h->capacity, h->count + 1, sizeof *h->epochs))
        return -1;
    h->epochs[h->count++] = *record;
    return 0;
}

void history_release(history *h)
{
    free(h->epochs);
    *h = (history){0};
}

const epoch_record *history_best(const history *h)
{
    const epoch_record *best = NULL, *best_validated = NULL;
    double lowest = INFINITY, lowest_validated = INFINITY;
    for (size_t i = 0; i < h->count; i++) {
        const epoch_record *e = &h->epochs[i];
        if (e->total < lowest) {
            best = e;
            lowest = e->total;
        }
        if (e->val_total < lowest_validated) {
            best_validated = e;
            lowest_validated = e->val_total;
        }
    }
    return best_validated ? best_validated : best;
}

/* ---- Writing ---- */

static json_t *losses_json(const history *h, double total, const double losses[])
{
    json_t *object = json_pack("{s:o}", "total", number_as_json(total));
    for (int k = 0; k < h->sources && object; k++)
        if (json_object_set_new(object, h->names[k], number_as_json(losses[k]))) {
            json_decref(object);
            object = NULL;
        }
    return object;
}

static json_t *epoch_json(const history *h, const epoch_record *e)
{
    return json_pack("{s:I, s:I, s:o, s:o, s:o, s:o, s:o, s:I}", "epoch", (json_int_t)e->epoch,
                     "steps", (json_int_t)e->steps, "loss", losses_json(h, e->total, e->loss),
                     "val_loss", losses_json(h, e->val_total, e->val_loss), "learning_rate",
                     number_as_json(e->learning_rate), "seconds", number_as_json(e->seconds),
                     "images_per_second", number_as_json(e->images_per_second), "trainable",
                     (json_int_t)e->trainable);
}

static int write_document(const history *h, const char *path)
{
    json_t *names = json_array(), *epochs = json_array();
    bool whole = names && epochs;
    for (int k = 0; whole && k < h->sources; k++)
        whole = !json_array_append_new(names, json_string(h->names[k]));
    for (size_t i = 0; whole && i < h->count; i++)
        whole = !json_array_append_new(epochs, epoch_json(h, &h->epochs[i]));
    json_t *document = json_pack("{s:o, s:o}", "sources", names, "epochs", epochs);
    if (!whole) {
        json_decref(document);
        document = NULL;
    }
    return write_json(path, document);
}

static void print_cell(double value, FILE *out)
{
    fputc(',', out);
    if (isfinite(value))
        fprintf(out, "%.9g", value);
}

static void print_losses(const history *h, double total, const double losses[], FILE *out)
{
    print_cell(total, out);
    for (int k = 0; k < h->sources; k++)
        print_cell(losses[k], out);
}

static void print_row(const history *h, const epoch_record *e, FILE *out)
{
    fprintf(out, "%ld,%ld", e->epoch, e->steps);
    print_losses(h, e->total, e->loss, out);
    print_losses(h, e->val_total, e->val_loss, out);
    print_cell(e->learning_rate, out);
    print_cell(e->seconds, out);
    print_cell(e->images_per_second, out);
    fprintf(out, ",%ld\n", e->trainable);
}

/* Names of sources need no quotes: settings allow letters, digits, _ and - only. */
static void print_titles(const history *h, FILE *out)
{
    static const char *const losses[] = {"loss", "val_loss"};
    fputs("epoch,steps", out);
    for (int i = 0; i < 2; i++) {
        fprintf(out, ",%s", losses[i]);
        for (int k = 0; k < h->sources; k++)
            fprintf(out, ",%s_%s", losses[i], h->names[k]);
    }
    fputs(",learning_rate,seconds,images_per_second,trainable\n", out);
}

static int write_table(const history *h, const char *path)
{
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    if (out) {
        print_titles(h, out);
        for (size_t i = 0; i < h->count; i++)
            print_row(h, &h->epochs[i], out);
    }
    int result = !out || fclose(out) ? fail(STATUS_MEMORY, "out of memory: %s", path)
                                     : file_write_atomic(path, text, length);
    free(text);
    return result;
}

int history_write(const history *h, const char *run_directory)
{
    char *document = path_join(run_directory, HISTORY_JSON);
    char *table = path_join(run_directory, HISTORY_CSV);
    int result = -1;
    if (document && table && !write_document(h, document))
        result = write_table(h, table);
    free(document);
    free(table);
    return result;
}

/* ---- Reading ---- */

static int read_number(const json_t *value, double *out)
{
    if (!json_is_number(value) && !json_is_null(value))
        return -1;
    *out = json_is_null(value) ? NAN : json_number_value(value);
    return 0;
}

static int read_losses(const history *h, json_t *object, double *total, double losses[])
{
    if (!json_is_object(object) || read_number(json_object_get(object, "total"), total))
        return -1;
    for (int k = 0; k < h->sources; k++)
        if (read_number(json_object_get(object, h->names[k]), &losses[k]))
            return -1;
    return 0;
}

/* The name of what is missing or wrong in one epoch's object; NULL if all is well. */
static const char *read_epoch(const history *h, json_t *object, epoch_record *out)
{
    json_t *steps = json_object_get(object, "steps");
    out->epoch = (long)json_integer_value(json_object_get(object, "epoch"));
    out->steps = (long)json_integer_value(steps);
    if (!json_is_integer(steps) || out->steps < 0)
        return "steps";
    if (read_losses(h, json_object_get(object, "loss"), &out->total, out->loss))
        return "loss";
    if (read_losses(h, json_object_get(object, "val_loss"), &out->val_total, out->val_loss))
        return "val_loss";
    if (read_number(json_object_get(object, "learning_rate"), &out->learning_rate))
        return "learning_rate";
    out->trainable = (long)json_integer_value(json_object_get(object, "trainable"));
    if (out->trainable < 0)
        return "trainable";
    if (read_number(json_object_get(object, "seconds"), &out->seconds))
        return "seconds";
    if (read_number(json_object_get(object, "images_per_second"), &out->images_per_second))
        return "images_per_second";
    return NULL;
}

static int read_names(json_t *names, const char *path, history *out)
{
    size_t count = json_array_size(names);
    if (count < SOURCES_MIN || count > SOURCES_MAX)
        return fail(STATUS_DATA, "%s: not a history of unblend: %zu \"sources\"", path, count);
    out->sources = (int)count;
    for (size_t k = 0; k < count; k++) {
        const char *name = json_string_value(json_array_get(names, k));
        if (!name || !*name || strlen(name) > SOURCE_NAME_MAX)
            return fail(STATUS_DATA, "%s: entry %zu of \"sources\" is no name of a source", path,
                        k + 1);
        strcpy(out->names[k], name);
    }
    return 0;
}

static int read_document(json_t *document, const char *path, history *out)
{
    json_t *names, *epochs;
    json_error_t error;
    if (json_unpack_ex(document, &error, JSON_STRICT, "{s:o, s:o}", "sources", &names, "epochs",
                       &epochs))
        return fail(STATUS_DATA, "%s: not a history of unblend: %s", path, error.text);
    if (!json_is_array(epochs))
        return fail(STATUS_DATA, "%s: not a history of unblend: \"epochs\" is no list", path);
    if (read_names(names, path, out))
        return -1;
    for (size_t i = 0; i < json_array_size(epochs); i++) {
        epoch_record record;
        const char *wrong = read_epoch(out, json_array_get(epochs, i), &record);
        if (!wrong && record.epoch != (long)i + 1)
            wrong = "epoch";
        if (wrong)
            return fail(STATUS_DATA, "%s: entry %zu of \"epochs\": \"%s\" is missing or wrong",
                        path, i + 1, wrong);
        if (history_add(out, &record))
            return -1;
    }
    return 0;
}

int history_read(const char *path, history *out)
{
    unsigned char *text;
    size_t length;
    json_error_t error;
    *out = (history){0};
    if (file_read(path, FILE_LIMIT, STATUS_DATA, &text, &length))
        return -1;
    json_t *document = json_loadb((const char *)text, length, JSON_REJECT_DUPLICATES, &error);
    int result = document ? read_document(document, path, out)
                          : fail(STATUS_DATA, "%s: line %d, column %d: %s", path, error.line,
                                 error.column, error.text);
    json_decref(document);
    free(text);
    if (result)
        history_release(out);
    return result;
}
