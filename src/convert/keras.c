#include "convert/keras.h"

#include "base/error.h"
#include "base/files.h"
#include "base/identify.h"
#include "base/memory.h"
#include "base/signals.h"
#include "convert/drawing.h"
#include "convert/helper.h"
#include "convert/keras_check.h"
#include "convert/keras_infer.h"
#include "convert/keras_slots.h"
#include "convert/temporary.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Where Keras keeps the parameters of a network. */
typedef struct pair {
    drawing drawing;
    keras_slots slots;
} pair;

static void erase(pair *p)
{
    keras_slots_release(&p->slots);
    drawing_erase(&p->drawing);
}

static int draw(pair *p, const settings *s)
{
    *p = (pair){.slots = {0}};
    return drawing_make(&p->drawing, s) || keras_slots_of(&p->slots, p->drawing.network, s) ? -1
                                                                                            : 0;
}

/* ---- In ---- */

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
            return fail(STATUS_DATA, "%s: has %zu %s layers; the network needs %zu%s", f->path,
                        keras_count(f, class), keras_class_name(class), slots->layers[class],
                        class == KERAS_EMBEDDING
                            ? "; Keras does not save a position embedding that was a constant"
                            : "");
    for (size_t i = 0; i < f->count; i++)
        if (f->layers[i].class == KERAS_OTHER)
            return fail(STATUS_DATA, "%s: unblend has no layer like %s", f->path,
                        f->layers[i].name);
    return 0;
}

static int take_slot(const pair *p, const keras_file *f, const keras_slot *slot)
{
    const keras_layer *l = keras_nth(f, slot->class, slot->index);
    const struct stored_tensor *array =
        slot->array < l->array_count ? l->arrays[slot->array] : NULL;
    char theirs[96], ours[96];
    size_t dims[4];
    int rank = keras_slot_dims(slot, dims);
    if (!array || l->array_count != keras_slot_arrays(&p->slots, slot))
        return fail(STATUS_DATA, "%s: %s has %d arrays; expected %d", f->path, l->name,
                    l->array_count, keras_slot_arrays(&p->slots, slot));
    if (!same_dims(array->shape, array->dimensions, dims, rank)) {
        drawing_dims(theirs, sizeof theirs, array->shape, array->dimensions);
        drawing_dims(ours, sizeof ours, dims, rank);
        return fail(STATUS_DATA, "%s: %s has shape %s; %s needs %s", f->path, array->name, theirs,
                    slot->param->name, ours);
    }
    keras_slot_copy(slot, drawing_values(&p->drawing, slot->param), (float *)array->data, true);
    return 0;
}

static int import_file(const keras_file *f, const settings *s, const char *to)
{
    pair p;
    int result = draw(&p, s) || check_counts(f, &p.slots) || keras_check(f, &p.slots, s) ? -1 : 0;
    for (size_t i = 0; i < p.slots.count && !result; i++)
        result = take_slot(&p, f, &p.slots.items[i]);
    if (!result)
        result = drawing_save(&p.drawing, s, to);
    erase(&p);
    return result;
}

/* hint: how to give what is assumed. */
static int convert(const char *from, const char *to, const char *const *overrides, size_t count,
                   const char *hint)
{
    keras_file *f;
    settings *s = NULL;
    found inferred;
    if (keras_open(&f, from))
        return -1;
    int result = keras_infer(&inferred, f) ||
                         found_settings(&inferred, &s, from, overrides, count) ||
                         import_file(f, s, to)
                     ? -1
                     : 0;
    if (!result)
        found_warn(&inferred, s, from, overrides, count, hint);
    settings_free(s);
    keras_close(f);
    return result;
}

/* What can be said better than that it is no HDF5. */
static int check_kind(const char *from)
{
    switch (file_identify(from).type) {
    case FILE_SAFETENSORS:
        return fail(
            STATUS_DATA,
            "%s: a safetensors file: a model that commands take as it is, or a state dict of "
            "PyTorch (--from pytorch)",
            from);
    case FILE_DIRECTORY:
        return fail(STATUS_DATA, "%s: a directory; a file of Keras is needed", from);
    default:
        return 0;
    }
}

int keras_import(const char *from, const char *to, const char *const *overrides, size_t count)
{
    return check_kind(from) || convert(from, to, overrides, count, "change it with") ? -1 : 0;
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
    return got == sizeof start && (!memcmp(start, hdf5, 8) || (!memcmp(start, archive, 4) && dot &&
                                                               !strcasecmp(dot, ".keras")));
}

int keras_model_open(const char *path, const char *const *overrides, size_t count, model_file *out)
{
    temporary t;
    if (!is_of_keras(path))
        return model_open(path, overrides, count, out);
    *out = (model_file){0};
    if (temporary_make(&t, MODEL_NAME))
        return -1;
    int result = convert(path, t.file, overrides, count, "to change it, run unblend import with") ||
                         model_open(t.file, overrides, count, out)
                     ? -1
                     : 0;
    if (!temporary_remove(&t, result))
        return 0;
    model_close(out);
    return -1;
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

static int add_out_tensor(outgoing *o, const pair *p, const keras_slot *slot, const char *path)
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
    keras_slot_copy(slot, drawing_values(&p->drawing, slot->param), values, false);
    return 0;
}

/* The layer whose slots begin at `first`; *next is where the layer after it begins. */
static int add_out_layer(outgoing *o, const pair *p, size_t first, size_t *next)
{
    const keras_slot *slots = p->slots.items, *slot = &slots[first];
    size_t i = first;
    char *weights = NULL;
    char *name = slot->index ? format_text("%s_%zu", keras_class_stem(slot->class), slot->index)
                             : copy_text(keras_class_stem(slot->class));
    int result = name && !append_line(&o->layers, name) ? 0 : -1;
    for (; i < p->slots.count && slots[i].class == slot->class && slots[i].index == slot->index &&
           !result;
         i++) {
        char *array = array_name(&slots[i]);
        char *weight = array ? format_text("%s/%s", name, array) : NULL;
        char *path = weight ? format_text("%s/%s", name, weight) : NULL;
        result = !path || append_line(&weights, weight) || add_out_tensor(o, p, &slots[i], path)
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

static int describe(outgoing *o, const pair *p)
{
    o->tensors = allocate(p->slots.count + 1, sizeof *o->tensors);
    o->texts = allocate(p->slots.count + 4, sizeof *o->texts);
    if (!o->tensors || !o->texts)
        return -1;
    for (size_t i = 0; i < p->slots.count;)
        if (add_out_layer(o, p, i, &i))
            return -1;
    const struct stored_text rest[] = {{copy_text("#layer_names"), o->layers},
                                       {copy_text("keras_version"), copy_text("2.0.0")},
                                       {copy_text("backend"), copy_text("tensorflow")}};
    o->layers = NULL;
    for (size_t i = 0; i < 3; i++)
        o->texts[o->text_count++] = rest[i];
    return 0;
}

static int write_hdf5(const outgoing *o, const char *to)
{
    temporary from, made;
    unsigned char *bytes;
    size_t length;
    if (temporary_make(&from, "packed.safetensors"))
        return -1;
    if (temporary_make(&made, "packed.h5"))
        return temporary_remove(&from, -1);
    int result = safetensors_write(from.file, o->tensors, o->count, o->texts, o->text_count) ||
                         helper_run("pack", from.file, made.file) || signals_check() ||
                         file_read(made.file, SIZE_MAX / 2, STATUS_RUNTIME, &bytes, &length)
                     ? -1
                     : 0;
    if (!result) {
        result = file_write_atomic(to, bytes, length);
        free(bytes);
    }
    return temporary_remove(&from, temporary_remove(&made, result));
}

static bool ends_in(const char *text, const char *ending)
{
    size_t length = strlen(text), own = strlen(ending);
    return length >= own && !strcasecmp(text + length - own, ending);
}

/* Keras takes the form from the name. */
static int check_name(const char *to)
{
    if (ends_in(to, ".weights.h5"))
        return fail(STATUS_USAGE,
                    "%s: Keras 3 expects a different format in .weights.h5; use NAME.h5", to);
    return ends_in(to, ".h5") || ends_in(to, ".hdf5")
               ? 0
               : fail(STATUS_USAGE,
                      "%s: the name must end in .h5 or .hdf5, or Keras does not recognise it", to);
}

int keras_export(const model_file *m, const char *to)
{
    pair p;
    outgoing o = {0};
    if (check_name(to))
        return -1;
    int result = draw(&p, m->settings) || drawing_read(&p.drawing, m->tensors) ||
                         describe(&o, &p) || write_hdf5(&o, to)
                     ? -1
                     : 0;
    release_outgoing(&o);
    erase(&p);
    return result;
}
