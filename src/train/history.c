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
        double loss = e->loss[0] + e->loss[1], val_loss = e->val_loss[0] + e->val_loss[1];
        if (loss < lowest) {
            best = e;
            lowest = loss;
        }
        if (val_loss < lowest_validated) {
            best_validated = e;
            lowest_validated = val_loss;
        }
    }
    return best_validated ? best_validated : best;
}

/* ---- Writing ---- */

/* null where there is no finite number, as JSON has none for it */
static json_t *number(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

static json_t *per_source(const double loss[SOURCES], const char *const names[SOURCES])
{
    return json_pack("{s:o, s:o, s:o}", "total", number(loss[0] + loss[1]), names[0],
                     number(loss[0]), names[1], number(loss[1]));
}

static json_t *epoch_json(const epoch_record *e, const char *const names[SOURCES])
{
    return json_pack("{s:I, s:I, s:o, s:o, s:o, s:o, s:o}", "epoch", (json_int_t)e->epoch, "steps",
                     (json_int_t)e->steps, "loss", per_source(e->loss, names), "val_loss",
                     per_source(e->val_loss, names), "learning_rate", number(e->learning_rate),
                     "seconds", number(e->seconds), "images_per_second",
                     number(e->images_per_second));
}

static int write_document(const history *h, const char *const names[SOURCES], const char *path)
{
    json_t *epochs = json_array();
    bool whole = epochs;
    for (size_t i = 0; whole && i < h->count; i++)
        whole = !json_array_append_new(epochs, epoch_json(&h->epochs[i], names));
    json_t *document =
        json_pack("{s:[s, s], s:o}", "sources", names[0], names[1], "epochs", epochs);
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

static void print_row(const epoch_record *e, FILE *out)
{
    const double *const losses[] = {e->loss, e->val_loss};
    fprintf(out, "%ld,%ld", e->epoch, e->steps);
    for (int i = 0; i < 2; i++) {
        print_cell(losses[i][0] + losses[i][1], out);
        print_cell(losses[i][0], out);
        print_cell(losses[i][1], out);
    }
    print_cell(e->learning_rate, out);
    print_cell(e->seconds, out);
    print_cell(e->images_per_second, out);
    fputc('\n', out);
}

/* Names of sources need no quotes: settings allow letters, digits, _ and - only. */
static int write_table(const history *h, const char *const names[SOURCES], const char *path)
{
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    if (out) {
        fprintf(out, "epoch,steps,loss,loss_%s,loss_%s,val_loss,val_loss_%s,val_loss_%s,", names[0],
                names[1], names[0], names[1]);
        fputs("learning_rate,seconds,images_per_second\n", out);
        for (size_t i = 0; i < h->count; i++)
            print_row(&h->epochs[i], out);
    }
    int result = !out || fclose(out) ? fail(STATUS_MEMORY, "out of memory: %s", path)
                                     : file_write_atomic(path, text, length);
    free(text);
    return result;
}

int history_write(const history *h, const settings *s, const char *run_directory)
{
    const char *names[SOURCES] = {settings_text(s, "data.name_a"), settings_text(s, "data.name_b")};
    char *document = path_join(run_directory, HISTORY_JSON);
    char *table = path_join(run_directory, HISTORY_CSV);
    int result = -1;
    if (document && table && !write_document(h, names, document))
        result = write_table(h, names, table);
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

/* The total is not kept: it follows from the sources. */
static int read_sources(json_t *object, const char *const names[SOURCES], double out[SOURCES])
{
    double total;
    return !json_is_object(object) || read_number(json_object_get(object, "total"), &total) ||
                   read_number(json_object_get(object, names[0]), &out[0]) ||
                   read_number(json_object_get(object, names[1]), &out[1])
               ? -1
               : 0;
}

/* The name of what is missing or wrong in one epoch's object; NULL if all is well. */
static const char *read_epoch(json_t *object, const char *const names[SOURCES], epoch_record *out)
{
    json_t *steps = json_object_get(object, "steps");
    out->epoch = (long)json_integer_value(json_object_get(object, "epoch"));
    out->steps = (long)json_integer_value(steps);
    if (!json_is_integer(steps) || out->steps < 0)
        return "steps";
    if (read_sources(json_object_get(object, "loss"), names, out->loss))
        return "loss";
    if (read_sources(json_object_get(object, "val_loss"), names, out->val_loss))
        return "val_loss";
    if (read_number(json_object_get(object, "learning_rate"), &out->learning_rate))
        return "learning_rate";
    if (read_number(json_object_get(object, "seconds"), &out->seconds))
        return "seconds";
    if (read_number(json_object_get(object, "images_per_second"), &out->images_per_second))
        return "images_per_second";
    return NULL;
}

static int read_document(json_t *document, const char *path, history *out)
{
    const char *names[SOURCES];
    json_t *epochs;
    json_error_t error;
    if (json_unpack_ex(document, &error, JSON_STRICT, "{s:[s, s], s:o}", "sources", &names[0],
                       &names[1], "epochs", &epochs))
        return fail(STATUS_DATA, "%s: not a history of unblend: %s", path, error.text);
    if (!json_is_array(epochs))
        return fail(STATUS_DATA, "%s: not a history of unblend: \"epochs\" is no list", path);
    for (size_t i = 0; i < json_array_size(epochs); i++) {
        epoch_record record;
        const char *wrong = read_epoch(json_array_get(epochs, i), names, &record);
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
