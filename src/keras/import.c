#define _XOPEN_SOURCE 700
#include "keras/import.h"

#include "base/error.h"
#include "base/identify.h"
#include "base/log.h"
#include "base/memory.h"
#include "keras/helper.h"
#include "keras/infer.h"
#include "keras/slots.h"
#include "keras/temporary.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A network on paper and where Keras keeps its parameters. */
typedef struct drawing {
    params *params;
    network *network;
    keras_slots slots;
    float **values; /* (params) of each, on the host */
} drawing;

static void erase(drawing *d)
{
    for (size_t i = 0; d->values && i < d->params->count; i++)
        free(d->values[i]);
    free(d->values);
    keras_slots_release(&d->slots);
    network_free(d->network);
    params_free(d->params);
}

static int draw(drawing *d, const settings *s)
{
    *d = (drawing){0};
    if (params_new(&d->params, NULL) || network_new(&d->network, d->params, s, 1, NETWORK_INFER) ||
        keras_slots_of(&d->slots, d->network, s) ||
        !(d->values = allocate(d->params->count + 1, sizeof *d->values)))
        return -1;
    for (size_t i = 0; i < d->params->count; i++)
        if (!(d->values[i] = allocate(d->params->items[i]->count, sizeof(float))))
            return -1;
    return 0;
}

static float *values_of(const drawing *d, const param *p)
{
    for (size_t i = 0; i < d->params->count; i++)
        if (d->params->items[i] == p)
            return d->values[i];
    return NULL;
}

/* ---- In ---- */

static void write_dims(char *text, size_t size, const size_t dims[], int rank)
{
    size_t used = 0;
    *text = '\0';
    for (int i = 0; i < rank && used < size; i++)
        used += (size_t)snprintf(text + used, size - used, "%s%zu", i ? " x " : "", dims[i]);
}

/* The same but for dimensions of 1: an attention with one head has one more there. */
static bool same_dims(const size_t a[], int a_rank, const size_t b[], int b_rank)
{
    int i = 0, k = 0;
    while (i < a_rank || k < b_rank) {
        if (i < a_rank && a[i] == 1)
            i++;
        else if (k < b_rank && b[k] == 1)
            k++;
        else if (i == a_rank || k == b_rank || a[i++] != b[k++])
            return false;
    }
    return true;
}

static int check_counts(const keras_file *f, const keras_slots *slots)
{
    for (enum keras_class class = 0; class < KERAS_OTHER; class ++)
        if (keras_count(f, class) != slots->layers[class])
            return fail(STATUS_DATA, "%s: has %zu layers of %s, where the network has %zu%s",
                        f->path, keras_count(f, class), keras_class_name(class),
                        slots->layers[class],
                        class == KERAS_EMBEDDING
                            ? "; a position embedding that was a constant is in no file of Keras"
                            : "");
    for (size_t i = 0; i < f->count; i++)
        if (f->layers[i].class == KERAS_OTHER)
            return fail(STATUS_DATA, "%s: its layer %s is of a class that ours do not have",
                        f->path, f->layers[i].name);
    return 0;
}

static int take_slot(const drawing *d, const keras_file *f, const keras_slot *slot)
{
    const keras_layer *l = keras_nth(f, slot->class, slot->index);
    const struct stored_tensor *array =
        slot->array < l->array_count ? l->arrays[slot->array] : NULL;
    char theirs[96], ours[96];
    size_t dims[4];
    int rank = keras_slot_dims(slot, dims);
    if (!array)
        return fail(STATUS_DATA, "%s: layer %s has %d arrays, too few for %s", f->path, l->name,
                    l->array_count, slot->param->name);
    if (!same_dims(array->shape, array->dimensions, dims, rank)) {
        write_dims(theirs, sizeof theirs, array->shape, array->dimensions);
        write_dims(ours, sizeof ours, dims, rank);
        return fail(STATUS_DATA, "%s: %s is %s, where %s takes %s", f->path, array->name, theirs,
                    slot->param->name, ours);
    }
    keras_slot_copy(slot, values_of(d, slot->param), (float *)array->data, true);
    return 0;
}

static int write_model(const drawing *d, const settings *s, const char *to)
{
    struct stored_tensor *tensors = allocate(d->params->count + 1, sizeof *tensors);
    mixture m = s->data.mixture;
    int result = tensors ? 0 : -1;
    for (size_t i = 0; i < d->params->count && !result; i++) {
        const param *p = d->params->items[i];
        tensors[i] = (struct stored_tensor){
            .name = p->name, .type = STORED_F32, .dimensions = p->rank, .data = d->values[i]};
        for (int k = 0; k < p->rank; k++)
            tensors[i].shape[k] = (size_t)p->dims[k];
    }
    if (m.format.height == 32 && m.format.width == 32)
        m.inner_height = m.inner_width = 28; /* both systems: MNIST in a border */
    if (!result)
        result = model_save_tensors(to, tensors, d->params->count, s, &m);
    free(tensors);
    return result;
}

static int import_file(const keras_file *f, const settings *s, const char *to)
{
    drawing d;
    int result = draw(&d, s) || check_counts(f, &d.slots) ? -1 : 0;
    for (size_t i = 0; i < d.slots.count && !result; i++)
        result = take_slot(&d, f, &d.slots.items[i]);
    if (!result)
        result = write_model(&d, s, to);
    erase(&d);
    return result;
}

int keras_import(const char *from, const char *to, const char *const *overrides, size_t count)
{
    keras_file *f;
    settings *s = NULL;
    bool guessed;
    if (keras_open(&f, from))
        return -1;
    int result = keras_infer(&s, f, overrides, count, &guessed) || import_file(f, s, to) ? -1 : 0;
    if (!result && guessed)
        log_warning(
            "%s says neither the activation nor the size of the pictures: %s and %d x %d are "
            "taken; --set model.activation=... and --set data.size=... say otherwise",
            from, s->stages[0].activation, s->data.mixture.format.height,
            s->data.mixture.format.width);
    settings_free(s);
    keras_close(f);
    return result;
}

/* An HDF5 file, or an archive that is called .keras. */
static bool is_of_keras(const char *path)
{
    static const char hdf5[] = "\x89HDF\r\n\x1a\n", archive[] = "PK\3\4";
    char start[8] = {0};
    const char *dot = strrchr(path, '.');
    FILE *file = file_identify(path).type == FILE_OTHER ? fopen(path, "rb") : NULL;
    size_t got = file ? fread(start, 1, sizeof start, file) : 0;
    if (file)
        fclose(file);
    return got == sizeof start && (!memcmp(start, hdf5, 8) ||
                                   (!memcmp(start, archive, 4) && dot && !strcmp(dot, ".keras")));
}

int keras_model_open(const char *path, const char *const *overrides, size_t count, model_file *out)
{
    temporary t;
    if (!is_of_keras(path))
        return model_open(path, overrides, count, out);
    *out = (model_file){0};
    if (temporary_make(&t, MODEL_NAME))
        return -1;
    int result =
        keras_import(path, t.file, overrides, count) || model_open(t.file, overrides, count, out)
            ? -1
            : 0;
    temporary_remove(&t);
    return result;
}

/* ---- Out ---- */

/* The tensors and texts of an unpacked file (hdf5/unpack.h). */
typedef struct outgoing {
    struct stored_tensor *tensors;
    size_t count;
    struct stored_text *texts;
    size_t text_count;
    char *layers; /* the names so far, a line each */
} outgoing;

static void release_outgoing(outgoing *o)
{
    for (size_t i = 0; i < o->count; i++) {
        free((char *)o->tensors[i].name);
        free((void *)o->tensors[i].data);
    }
    for (size_t i = 0; i < o->text_count; i++) {
        free((char *)o->texts[i].key);
        free((char *)o->texts[i].value);
    }
    free(o->tensors);
    free(o->texts);
    free(o->layers);
}

/* "query/kernel" of a slot: what Keras calls the array within its layer. */
static char *array_name(const keras_slot *slot)
{
    static const char *const parts[] = {"query", "key", "value", "attention_output"};
    const char *own = strrchr(slot->param->name, '/') + 1;
    if (slot->class == KERAS_ATTENTION)
        return format_text("%s/%s:0", parts[slot->array / 2], own);
    return format_text("%s:0", slot->class == KERAS_EMBEDDING ? "embeddings" : own);
}

/* "line" behind the lines of *text. */
static int append_line(char **text, const char *line)
{
    char *longer = *text ? format_text("%s\n%s", *text, line) : copy_text(line);
    free(*text);
    *text = longer;
    return longer ? 0 : -1;
}

static int add_out_tensor(outgoing *o, const drawing *d, const keras_slot *slot, const char *path)
{
    struct stored_tensor *t = &o->tensors[o->count];
    size_t dims[4], count = 1;
    int rank = keras_slot_dims(slot, dims);
    *t = (struct stored_tensor){.name = copy_text(path), .type = STORED_F32, .dimensions = rank};
    for (int i = 0; i < rank; i++)
        count *= t->shape[i] = dims[i];
    float *values = allocate(count, sizeof *values);
    t->data = values;
    o->count++;
    if (!t->name || !values)
        return -1;
    keras_slot_copy(slot, values_of(d, slot->param), values, false);
    return 0;
}

/* The layer whose slots begin at `first`; *next is where the layer after it begins. */
static int add_out_layer(outgoing *o, const drawing *d, size_t first, size_t *next)
{
    const keras_slot *slots = d->slots.items, *slot = &slots[first];
    size_t i = first;
    char *weights = NULL;
    char *name = slot->index ? format_text("%s_%zu", keras_class_stem(slot->class), slot->index)
                             : copy_text(keras_class_stem(slot->class));
    int result = name && !append_line(&o->layers, name) ? 0 : -1;
    for (; i < d->slots.count && slots[i].class == slot->class && slots[i].index == slot->index &&
           !result;
         i++) {
        char *array = array_name(&slots[i]);
        char *weight = array ? format_text("%s/%s", name, array) : NULL;
        char *path = weight ? format_text("%s/%s", name, weight) : NULL;
        result = !path || append_line(&weights, weight) || add_out_tensor(o, d, &slots[i], path)
                     ? -1
                     : 0;
        free(path);
        free(weight);
        free(array);
    }
    *next = i;
    if (!result) {
        o->texts[o->text_count] =
            (struct stored_text){format_text("%s#weight_names", name), weights};
        weights = NULL;
        result = o->texts[o->text_count++].key ? 0 : -1;
    }
    free(weights);
    free(name);
    return result;
}

static int describe(outgoing *o, const drawing *d)
{
    o->tensors = allocate(d->slots.count + 1, sizeof *o->tensors);
    o->texts = allocate(d->slots.count + 4, sizeof *o->texts);
    if (!o->tensors || !o->texts)
        return -1;
    for (size_t i = 0; i < d->slots.count;)
        if (add_out_layer(o, d, i, &i))
            return -1;
    const struct stored_text rest[] = {{copy_text("#layer_names"), o->layers},
                                       {copy_text("keras_version"), copy_text("2.0.0")},
                                       {copy_text("backend"), copy_text("tensorflow")}};
    o->layers = NULL;
    for (size_t i = 0; i < 3; i++)
        o->texts[o->text_count++] = rest[i];
    return 0;
}

/* By way of a file beside `to`, which then gets its name. */
static int write_hdf5(const outgoing *o, const char *to)
{
    char *between = format_text("%s.%ld.safetensors", to, (long)getpid());
    char *unfinished = format_text("%s.%ld.h5", to, (long)getpid());
    int result =
        !between || !unfinished ||
                safetensors_write(between, o->tensors, o->count, o->texts, o->text_count) ||
                helper_run("pack", between, unfinished)
            ? -1
            : 0;
    if (!result && rename(unfinished, to))
        result = fail(STATUS_RUNTIME, "%s: cannot be written", to);
    if (between)
        unlink(between);
    if (unfinished && result)
        unlink(unfinished);
    free(between);
    free(unfinished);
    return result;
}

static int read_values(const drawing *d, const safetensors *from)
{
    for (size_t i = 0; i < d->params->count; i++) {
        const param *p = d->params->items[i];
        const struct stored_tensor *t = safetensors_find(from, p->name);
        if (!t || !params_fit(p, t))
            return fail(STATUS_DATA, "the model's tensor %s is missing, or has another shape",
                        p->name);
        stored_floats(t, d->values[i]);
    }
    return 0;
}

int keras_export(const model_file *m, const char *to)
{
    drawing d;
    outgoing o = {0};
    int result = draw(&d, m->settings) || read_values(&d, m->tensors) || describe(&o, &d) ||
                         write_hdf5(&o, to)
                     ? -1
                     : 0;
    release_outgoing(&o);
    erase(&d);
    return result;
}
