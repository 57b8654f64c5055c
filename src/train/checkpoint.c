#define _POSIX_C_SOURCE 200809L
#include "train/checkpoint.h"

#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "base/memory.h"
#include "exchange/params_file.h"
#include "models/freezing.h"
#include "models/model_file.h"
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char family[] = "unblend checkpoint ", format_name[] = "unblend checkpoint 3";
enum { EPOCHS_LIMIT = 1000000000 };
static const char not_understood[] = "%s: the state in it cannot be understood";

/* ---- The state as JSON ---- */

/* JSON has no infinity, which is what a best loss starts as. */
static json_t *from_best(double best)
{
    return isfinite(best) ? json_real(best) : json_null();
}

static double to_best(const json_t *value)
{
    return json_is_null(value) ? INFINITY : json_number_value(value);
}

/* Of the sources' losses of an epoch so far. */
static json_t *losses_json(const double losses[], int sources)
{
    json_t *list = json_array();
    for (int k = 0; k < sources; k++)
        json_array_append_new(list, json_real(losses[k]));
    return list;
}

/* {"name": steps} for the params that were not trained from the first step on. */
static json_t *since_json(const params *p)
{
    json_t *object = json_object();
    for (size_t i = 0; object && i < p->count; i++)
        if (p->items[i]->since)
            json_object_set_new(object, p->items[i]->name,
                                json_integer((json_int_t)p->items[i]->since));
    return object;
}

static char *state_text(const stepper *t, const train_state *s)
{
    json_t *root = json_pack(
        "{s:I, s:I, s:I, s:I, s:o, s:f, s:I, s:{s:f, s:o, s:I, s:I}, s:{s:o, s:I, s:I}, s:I, s:I, "
        "s:f, s:I, s:I, s:o}",
        "step", (json_int_t)t->step, "epoch", (json_int_t)s->epoch, "first_step",
        (json_int_t)s->first_step, "epoch_steps", (json_int_t)s->sums.steps, "epoch_loss",
        losses_json(s->sums.loss, t->network->mixture.sources), "epoch_seconds", s->seconds,
        "history", (json_int_t)s->history, "schedule", "rate", s->schedule.rate, "best",
        from_best(s->schedule.best), "wait", (json_int_t)s->schedule.wait, "resting",
        (json_int_t)s->schedule.resting, "stopping", "best", from_best(s->stopping.best),
        "best_epoch", (json_int_t)s->stopping.best_epoch, "wait", (json_int_t)s->stopping.wait,
        "batches", (json_int_t)t->batches_done, "epoch_batches", (json_int_t)s->sums.batches,
        "elapsed", s->elapsed, "frozen_as", (json_int_t)s->frozen_as, "pictures",
        (json_int_t)s->pictures, "since", since_json(t->network->params));
    char *text = root ? json_dumps(root, JSON_COMPACT | JSON_REAL_PRECISION(17)) : NULL;
    json_decref(root);
    if (!text)
        fail(STATUS_MEMORY, "out of memory: the state of the training");
    return text;
}

static int parse_losses(const json_t *list, int sources, double losses[])
{
    if (json_array_size(list) != (size_t)sources)
        return -1;
    for (int k = 0; k < sources; k++) {
        const json_t *loss = json_array_get(list, (size_t)k);
        if (!json_is_number(loss))
            return -1;
        losses[k] = json_number_value(loss);
    }
    return 0;
}

/* Checkpoints of earlier development versions have none. */
static int parse_since(const json_t *object, params *p, long step)
{
    for (size_t i = 0; object && i < p->count; i++) {
        const json_t *since = json_object_get(object, p->items[i]->name);
        long value = (long)json_integer_value(since);
        if (value < 0 || value > step)
            return -1;
        p->items[i]->since = value;
    }
    return 0;
}

static int parse_state(const char *text, const char *path, int sources, params *p, long *step,
                       long *batches, train_state *s)
{
    json_error_t error;
    json_int_t numbers[9], batches_done, epoch_batches, frozen_as = 0, pictures = 0;
    json_t *since = NULL, *losses, *schedule_best, *stopping_best,
           *root = json_loads(text, JSON_REJECT_DUPLICATES, &error);
    int broken =
        !root ||
        json_unpack(
            root,
            "{s:I, s:I, s:I, s:I, s:o, s:F, s:I, s:{s:F, s:o, s:I, s:I}, s:{s:o, s:I, s:I}, s:I, "
            "s:I, s:F, s?I, s?I, s?o}",
            "step", &numbers[0], "epoch", &numbers[1], "first_step", &numbers[2], "epoch_steps",
            &numbers[3], "epoch_loss", &losses, "epoch_seconds", &s->seconds, "history",
            &numbers[4], "schedule", "rate", &s->schedule.rate, "best", &schedule_best, "wait",
            &numbers[5], "resting", &numbers[6], "stopping", "best", &stopping_best, "best_epoch",
            &numbers[7], "wait", &numbers[8], "batches", &batches_done, "epoch_batches",
            &epoch_batches, "elapsed", &s->elapsed, "frozen_as", &frozen_as, "pictures", &pictures,
            "since", &since) ||
        parse_losses(losses, sources, s->sums.loss);
    if (!broken) {
        *step = (long)numbers[0];
        *batches = (long)batches_done;
        s->pictures = (uint64_t)pictures;
        s->sums.batches = (long)epoch_batches;
        s->epoch = (long)numbers[1];
        s->frozen_as = frozen_as ? (long)frozen_as : s->epoch;
        s->first_step = (long)numbers[2];
        s->sums.steps = (long)numbers[3];
        s->history = (long)numbers[4];
        s->schedule.best = to_best(schedule_best);
        s->schedule.wait = (long)numbers[5];
        s->schedule.resting = (long)numbers[6];
        s->stopping.best = to_best(stopping_best);
        s->stopping.best_epoch = (long)numbers[7];
        s->stopping.wait = (long)numbers[8];
    }
    broken = broken || *step < 0 || s->epoch < 1 || s->epoch > EPOCHS_LIMIT || s->frozen_as < 1 ||
             s->frozen_as > s->epoch || s->first_step < 0 || s->first_step > *step ||
             s->sums.steps < 0 || s->history < 0 || *batches < *step ||
             s->sums.batches < s->sums.steps || !(s->elapsed >= 0) || parse_since(since, p, *step);
    json_decref(root);
    return broken ? fail(STATUS_DATA, not_understood, path) : 0;
}

/* ---- Tensors ---- */

/* The buffers that belong to a checkpoint beside the values, under these prefixes. */
typedef struct part {
    const char *prefix;
    cl_mem buffer;
} part;

enum { PARTS_MAX = 3 };

static int list_parts(const stepper *t, part parts[PARTS_MAX])
{
    const optimizer *o = t->optimizer;
    parts[0] = (part){"adam/first/", o->first_moment};
    parts[1] = (part){"adam/second/", o->second_moment};
    parts[2] = (part){"average/", o->average};
    return o->average ? 3 : 2;
}

static int collect(const stepper *t, tensor_list *list)
{
    params *p = t->network->params;
    part parts[PARTS_MAX];
    int count = list_parts(t, parts);
    if (params_export(p, p->values, "", false, list))
        return -1;
    for (int i = 0; i < count; i++)
        if (params_export(p, parts[i].buffer, parts[i].prefix, true, list))
            return -1;
    return 0;
}

/* ---- Files ---- */

/* The present checkpoint also gets the previous one's name; it is still there under its own. */
static int keep_previous(const char *path, const char *previous)
{
    unsigned char *bytes;
    size_t length;
    bool there;
    if (file_look(path, STATUS_RUNTIME, &there))
        return -1;
    if (!there)
        return 0;
    unlink(previous);
    if (!link(path, previous))
        return 0;
    /* a file system without links */
    if (file_read(path, SIZE_MAX / 2, STATUS_RUNTIME, &bytes, &length))
        return -1;
    int result = file_write_atomic(previous, bytes, length);
    free(bytes);
    return result;
}

size_t checkpoint_bytes(const stepper *t)
{
    const params *p = t->network->params;
    part parts[PARTS_MAX];
    return (1 + (size_t)list_parts(t, parts)) * p->value_floats * sizeof(float);
}

int checkpoint_look(const char *run, bool *there)
{
    char *path = path_join(run, CHECKPOINT_NAME);
    int result = path ? file_look(path, STATUS_RUNTIME, there) : -1;
    free(path);
    return result;
}

void checkpoint_remove(const char *run)
{
    const char *const names[] = {CHECKPOINT_NAME, CHECKPOINT_PREVIOUS_NAME};
    for (int i = 0; i < 2; i++) {
        char *path = path_join(run, names[i]);
        if (path)
            unlink(path);
        free(path);
    }
}

int checkpoint_write(const char *run, const stepper *t, const train_state *state)
{
    tensor_list list = {0};
    char *path = path_join(run, CHECKPOINT_NAME),
         *previous = path_join(run, CHECKPOINT_PREVIOUS_NAME);
    char *text = state_text(t, state);
    int result = -1;
    if (path && previous && text && !collect(t, &list) && !keep_previous(path, previous)) {
        struct stored_text metadata[] = {{"format", format_name}, {"state", text}};
        result = safetensors_write(path, list.items, list.count, metadata, 2);
    }
    tensor_list_release(&list);
    free(text);
    free(previous);
    free(path);
    return result;
}

/* What the moments of a checkpoint belong to. */
typedef struct trained_then {
    bool *kept;   /* (params) trained then and now */
    bool *freed;  /* (params) trained only now */
    bool *left;   /* (params) trained only then */
    size_t count; /* trained then */
} trained_then;

static void trained_then_release(trained_then *t)
{
    free(t->kept);
    free(t->freed);
    free(t->left);
}

static int find_trained(trained_then *out, const params *p, const settings *s, long epoch)
{
    params *rules = NULL;
    *out = (trained_then){.kept = allocate(p->count + 1, sizeof(bool)),
                          .freed = allocate(p->count + 1, sizeof(bool)),
                          .left = allocate(p->count + 1, sizeof(bool))};
    if (!out->kept || !out->freed || !out->left || freezing_params(&rules, NULL, s, epoch))
        return -1;
    for (size_t i = 0; i < p->count; i++) {
        bool then = params_would_train(rules, p->items[i]), now = param_is_trainable(p->items[i]);
        out->kept[i] = then && now;
        out->freed[i] = now && !then;
        out->left[i] = then && !now;
        out->count += then;
    }
    params_free(rules);
    return 0;
}

/* A tensor too many is one of another network, or of settings that need more. */
static int check_count(const safetensors *file, const char *path, size_t needed)
{
    return safetensors_count(file) == needed
               ? 0
               : fail(STATUS_DATA,
                      "%s: holds %zu tensors, but these settings need %zu; resume with the "
                      "settings it was trained with, including what was frozen so far",
                      path, safetensors_count(file), needed);
}

static int check_format(const safetensors *file, const char *path)
{
    const char *format = safetensors_metadata(file, "format");
    if (format && !strncmp(format, family, strlen(family)) && strcmp(format, format_name))
        return fail(STATUS_DATA,
                    "%s: a checkpoint of another version of unblend, which this one cannot resume; "
                    "train.start_from can begin with the run's " MODEL_NAME,
                    path);
    if (!format || strcmp(format, format_name) || !safetensors_metadata(file, "state"))
        return fail(STATUS_DATA, "%s: not a checkpoint of unblend", path);
    return 0;
}

/* Freed parameters have no moments yet, and their average is what they are. Frozen ones stay what they were judged by:
 * their average, if there is one. */
static int import_parts(stepper *t, const trained_then *trained, const part *parts, int count,
                        const safetensors *file)
{
    params *p = t->network->params;
    for (int i = 0; i < count; i++) {
        const part *own = &parts[i];
        bool average = own->buffer == t->optimizer->average;
        if (params_import(p, own->buffer, own->prefix, true, trained->kept, file) ||
            (average && (params_import(p, own->buffer, "", true, trained->freed, file) ||
                         params_import(p, p->values, own->prefix, false, trained->left, file))))
            return -1;
    }
    return 0;
}

static int load(const safetensors *file, const char *path, stepper *t, const settings *s,
                train_state *state)
{
    params *p = t->network->params;
    part parts[PARTS_MAX];
    int count = list_parts(t, parts), result = -1;
    train_state read = {0};
    trained_then trained = {0};
    long step = 0, batches = 0;
    if (check_format(file, path) ||
        params_check(p, "", NULL, file, path) || /* says what differs in another network */
        parse_state(safetensors_metadata(file, "state"), path, t->network->mixture.sources, p,
                    &step, &batches, &read) ||
        find_trained(&trained, p, s, read.frozen_as))
        goto done;
    if (check_count(file, path, p->count + (size_t)count * trained.count))
        goto done;
    for (int i = 0; i < count; i++)
        if (params_check(p, parts[i].prefix, trained.kept, file, path) ||
            (parts[i].buffer == t->optimizer->average &&
             params_check(p, parts[i].prefix, trained.left, file, path)))
            goto done;
    if (params_import(p, p->values, "", false, NULL, file) ||
        import_parts(t, &trained, parts, count, file))
        goto done;
    for (size_t i = 0; i < p->count; i++)
        if (trained.freed[i])
            p->items[i]->since = step;
    t->step = t->optimizer->step = step;
    t->batches_done = batches;
    if (read.pictures && read.pictures != batches_fingerprint(t->batches))
        log_warning("%s: pictures have been added, removed or renamed since the training began: it "
                    "goes on, but is no longer the same as if it had not been interrupted",
                    path);
    *state = read;
    result = optimizer_regroup(t->optimizer);
done:
    trained_then_release(&trained);
    return result;
}

/* NULL after fail(). */
static safetensors *open_checkpoint(const char *run, char **path)
{
    safetensors *file = NULL;
    *path = path_join(run, CHECKPOINT_NAME);
    if (*path && safetensors_read(*path, &file))
        fail_while(
            "cannot resume; the checkpoint before it, if any, is %s/%s, and can be put in its "
            "place",
            run, CHECKPOINT_PREVIOUS_NAME);
    return file;
}

int checkpoint_epoch(const char *run, long *epoch)
{
    char *path;
    json_error_t error;
    safetensors *file = open_checkpoint(run, &path);
    int result = file ? check_format(file, path) : -1;
    *epoch = 1;
    if (!result) {
        json_t *state = json_loads(safetensors_metadata(file, "state"), 0, &error);
        *epoch = (long)json_integer_value(json_object_get(state, "epoch"));
        json_decref(state);
        if (*epoch < 1 || *epoch > EPOCHS_LIMIT)
            result = fail(STATUS_DATA, not_understood, path);
    }
    safetensors_free(file);
    free(path);
    return result;
}

int checkpoint_read(const char *run, stepper *t, const settings *s, train_state *state)
{
    char *path;
    safetensors *file = open_checkpoint(run, &path);
    int result = file ? load(file, path, t, s, state) : -1;
    safetensors_free(file);
    free(path);
    return result;
}
