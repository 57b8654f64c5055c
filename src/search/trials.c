#include "search/trials.h"

#include "base/error.h"
#include "base/files.h"
#include "base/json.h"
#include "base/memory.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char json_name[] = "trials.json", csv_name[] = "trials.csv";
static const char *const status_names[TRIAL_STATUSES] = {"done", "diverged", "out of memory",
                                                         "failed"};
enum { FILE_LIMIT = 1 << 26 };

const char *trial_status_name(enum trial_status status)
{
    return status_names[status];
}

/* ---- Order ---- */

double trial_score(const trial *t)
{
    return isfinite(t->val_loss) ? t->val_loss : t->loss;
}

/* Those that are done come first, the best of them at the top. */
static int compare(const void *left, const void *right)
{
    const trial *a = left, *b = right;
    bool a_done = a->status == TRIAL_DONE, b_done = b->status == TRIAL_DONE;
    if (a_done != b_done)
        return a_done ? -1 : 1;
    double a_score = trial_score(a), b_score = trial_score(b);
    if (a_done && a_score != b_score)
        return a_score < b_score ? -1 : 1;
    return a->number < b->number ? -1 : a->number > b->number;
}

int trials_put(trials *t, const trial *entry)
{
    trial *earlier = (trial *)trials_find(t, entry->number);
    if (!earlier) {
        if (grow(&t->items, &t->capacity, t->count + 1, sizeof *t->items))
            return -1;
        earlier = &t->items[t->count++];
    }
    *earlier = *entry;
    qsort(t->items, t->count, sizeof *t->items, compare);
    return 0;
}

const trial *trials_find(const trials *t, long number)
{
    for (size_t i = 0; i < t->count; i++)
        if (t->items[i].number == number)
            return &t->items[i];
    return NULL;
}

const trial *trials_best(const trials *t)
{
    return t->count && t->items[0].status == TRIAL_DONE ? &t->items[0] : NULL;
}

void trials_release(trials *t)
{
    free(t->items);
    *t = (trials){0};
}

char *trial_values_text(const trials *t, long number)
{
    char *text = NULL;
    size_t length;
    FILE *out = open_memstream(&text, &length);
    for (size_t i = 0; out && i < t->space->count; i++)
        fprintf(out, "%s%s = %s", i ? ", " : "", t->space->dimensions[i].written.key->name,
                t->points->items[number - 1].values[i]);
    if (out && !fclose(out))
        return text;
    free(text);
    fail(STATUS_MEMORY, "out of memory: the values of a trial as text");
    return NULL;
}

/* ---- JSON ---- */

/* JSON has no NaN. */
static json_t *from_loss(double loss)
{
    return isfinite(loss) ? json_real(loss) : json_null();
}

static double to_loss(const json_t *value)
{
    return json_is_number(value) ? json_number_value(value) : NAN;
}

static json_t *values_json(const trials *t, long number)
{
    json_t *values = json_object();
    for (size_t i = 0; i < t->space->count; i++)
        json_object_set_new(values, t->space->dimensions[i].written.key->name,
                            text_as_json(t->points->items[number - 1].values[i]));
    return values;
}

static json_t *trial_json(const trials *t, const trial *e)
{
    return json_pack("{s:I, s:s, s:I, s:I, s:o, s:o, s:I, s:I, s:f, s:o}", "trial",
                     (json_int_t)e->number, "status", status_names[e->status], "rung",
                     (json_int_t)e->rung, "epochs", (json_int_t)e->epochs, "loss",
                     from_loss(e->loss), "val_loss", from_loss(e->val_loss), "best_epoch",
                     (json_int_t)e->best_epoch, "steps", (json_int_t)e->steps, "seconds",
                     e->seconds, "values", values_json(t, e->number));
}

static int find_status(const char *name)
{
    int status = TRIAL_STATUSES - 1;
    while (status >= 0 && strcmp(status_names[status], name))
        status--;
    return status;
}

/* NULL, or what is wrong. */
static const char *read_trial(const trials *t, json_t *from, trial *out)
{
    json_int_t number, rung, epochs, best, steps;
    json_t *loss, *val_loss, *values;
    const char *status;
    if (json_unpack(from, "{s:I, s:s, s:I, s:I, s:o, s:o, s:I, s:I, s:F, s:o}", "trial", &number,
                    "status", &status, "rung", &rung, "epochs", &epochs, "loss", &loss, "val_loss",
                    &val_loss, "best_epoch", &best, "steps", &steps, "seconds", &out->seconds,
                    "values", &values) ||
        number < 1 || rung < 0 || epochs < 0 || best < 0 || steps < 0 || find_status(status) < 0)
        return "an entry of it cannot be understood";
    if ((size_t)number > t->points->count)
        return "it has more trials than the search";
    json_t *expected = values_json(t, (long)number);
    bool same = json_equal(values, expected);
    json_decref(expected);
    if (!same)
        return "its trials have other values than the search gives them";
    if (trials_find(t, (long)number))
        return "a trial stands in it twice";
    out->number = (long)number;
    out->status = (enum trial_status)find_status(status);
    out->rung = (long)rung;
    out->epochs = (long)epochs;
    out->best_epoch = (long)best;
    out->steps = (long)steps;
    out->loss = to_loss(loss);
    out->val_loss = to_loss(val_loss);
    return NULL;
}

static int read_all(trials *t, const json_t *root, const char *path)
{
    const json_t *list = json_object_get(root, "trials");
    const char *wrong = json_is_array(list) ? NULL : "it has no list of trials";
    size_t i;
    json_t *item;
    json_array_foreach(list, i, item)
    {
        trial entry;
        wrong = read_trial(t, item, &entry);
        if (wrong)
            break;
        if (trials_put(t, &entry))
            return -1;
    }
    return wrong ? fail(STATUS_DATA,
                        "%s: %s; undo the change, or remove the file to train all trials again",
                        path, wrong)
                 : 0;
}

static int read_file(trials *t, const char *path)
{
    unsigned char *bytes;
    size_t length;
    json_error_t error;
    if (file_read(path, FILE_LIMIT, STATUS_DATA, &bytes, &length))
        return -1;
    json_t *root = json_loadb((char *)bytes, length, JSON_REJECT_DUPLICATES, &error);
    free(bytes);
    int result =
        root ? read_all(t, root, path)
             : fail(STATUS_DATA, "%s:%d: not JSON: %s; remove the file to train all trials again",
                    path, error.line, error.text);
    json_decref(root);
    return result;
}

int trials_read(trials *t, const char *run)
{
    char *path = path_join(run, json_name);
    bool there;
    int result = path ? file_look(path, STATUS_DATA, &there) : -1;
    if (!result && there)
        result = read_file(t, path);
    free(path);
    return result;
}

static int write_as_json(const trials *t, const char *path)
{
    json_t *list = json_array();
    for (size_t i = 0; i < t->count; i++)
        json_array_append_new(list, trial_json(t, &t->items[i]));
    return write_json(path, json_pack("{s:o}", "trials", list));
}

/* ---- CSV ---- */

/* In quotes where it needs them, quotes inside doubled (RFC 4180). */
static void write_text_field(FILE *out, const char *text)
{
    bool quoted = strpbrk(text, ", \"\r\n") != NULL;
    fputs(quoted ? ",\"" : ",", out);
    for (; *text; text++) {
        if (*text == '"')
            fputc('"', out);
        fputc(*text, out);
    }
    if (quoted)
        fputc('"', out);
}

static void write_number_field(FILE *out, double value)
{
    if (isfinite(value))
        fprintf(out, ",%.9g", value);
    else
        fputc(',', out);
}

static void write_row(FILE *out, const trials *t, const trial *e)
{
    fprintf(out, "%ld", e->number);
    write_text_field(out, status_names[e->status]);
    fprintf(out, ",%ld,%ld", e->rung, e->epochs);
    write_number_field(out, e->loss);
    write_number_field(out, e->val_loss);
    fprintf(out, ",%ld,%ld,%.2f", e->best_epoch, e->steps, e->seconds);
    for (size_t i = 0; i < t->space->count; i++)
        write_text_field(out, t->points->items[e->number - 1].values[i]);
    fputc('\n', out);
}

static int write_as_csv(const trials *t, const char *path)
{
    char *text = NULL;
    size_t length;
    FILE *out = open_memstream(&text, &length);
    if (!out)
        return fail(STATUS_MEMORY, "out of memory: the table of trials");
    fputs("trial,status,rung,epochs,loss,val_loss,best_epoch,steps,seconds", out);
    for (size_t i = 0; i < t->space->count; i++)
        write_text_field(out, t->space->dimensions[i].written.key->name);
    fputc('\n', out);
    for (size_t i = 0; i < t->count; i++)
        write_row(out, t, &t->items[i]);
    int result = fclose(out) ? fail(STATUS_MEMORY, "out of memory: the table of trials")
                             : file_write_atomic(path, text, length);
    free(text);
    return result;
}

int trials_write(const trials *t, const char *run)
{
    char *json = path_join(run, json_name), *csv = path_join(run, csv_name);
    int result = json && csv && !write_as_json(t, json) && !write_as_csv(t, csv) ? 0 : -1;
    free(json);
    free(csv);
    return result;
}
