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
#include "exchange/tensor_list.h"
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
        result = drawing_check(&p.drawing, f->path) || drawing_save(&p.drawing, s, to) ? -1 : 0;
    erase(&p);
    return result;
}

/* hint: how to give what is assumed; NULL: nobody asks for it. */
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
    if (!result && hint)
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

static int open_any(const char *path, const char *const *overrides, size_t count, const char *hint,
                    model_file *out)
{
    temporary t;
    if (!is_of_keras(path))
        return model_open(path, overrides, count, out);
    *out = (model_file){0};
    if (temporary_make(&t, MODEL_NAME))
        return -1;
    int result =
        convert(path, t.file, overrides, count, hint) || model_open(t.file, overrides, count, out)
            ? -1
            : 0;
    if (!temporary_remove(&t, result))
        return 0;
    model_close(out);
    return -1;
}

int keras_model_open(const char *path, const char *const *overrides, size_t count, model_file *out)
{
    return open_any(path, overrides, count, "to change it, run unblend import with", out);
}

int keras_params_open(const char *path, model_file *out)
{
    return open_any(path, NULL, 0, NULL, out);
}

/* ---- Out ---- */

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

static int add_out_tensor(tensor_list *out, const pair *p, const keras_slot *slot, const char *path)
{
    size_t dims[4], count = 1;
    struct stored_tensor t = {
        .name = path, .type = STORED_F32, .dimensions = keras_slot_dims(slot, dims)};
    for (int i = 0; i < t.dimensions; i++)
        count *= t.shape[i] = dims[i];
    float *values = allocate(count, sizeof *values);
    if (tensor_list_own(out, values))
        return -1;
    keras_slot_copy(slot, drawing_values(&p->drawing, slot->param), values, false);
    t.data = values;
    return tensor_list_add(out, t);
}

static bool same_layer(const keras_slot *a, const keras_slot *b)
{
    return a->class == b->class && a->index == b->index;
}

/* The layer whose slots begin at *at, which moves behind it; appends its name to the layers'. */
static int add_out_layer(tensor_list *out, const pair *p, size_t *at, char **layers)
{
    const keras_slot *first = &p->slots.items[*at], *end = p->slots.items + p->slots.count;
    char *weights = NULL;
    char *name = first->index ? format_text("%s_%zu", keras_class_stem(first->class), first->index)
                              : copy_text(keras_class_stem(first->class));
    int result = name && !append_line(layers, name) ? 0 : -1;
    for (const keras_slot *slot = first; slot < end && same_layer(first, slot) && !result;
         slot++, ++*at) {
        char *array = array_name(slot);
        char *weight = array ? format_text("%s/%s", name, array) : NULL;
        char *path = weight ? format_text("%s/%s", name, weight) : NULL;
        result =
            !path || append_line(&weights, weight) || add_out_tensor(out, p, slot, path) ? -1 : 0;
        free(path);
        free(weight);
        free(array);
    }
    char *key = result ? NULL : format_text("%s#weight_names", name);
    if (!result)
        result = key ? tensor_list_add_text(out, key, weights) : -1;
    free(key);
    free(weights);
    free(name);
    return result;
}

/* The contents of an unpacked file (hdf5/unpack.h). */
static int describe(tensor_list *out, const pair *p)
{
    char *layers = NULL;
    int result = 0;
    for (size_t at = 0; at < p->slots.count && !result;)
        result = add_out_layer(out, p, &at, &layers);
    if (!result)
        result = tensor_list_add_text(out, "#layer_names", layers) ||
                         tensor_list_add_text(out, "keras_version", "2.0.0") ||
                         tensor_list_add_text(out, "backend", "tensorflow")
                     ? -1
                     : 0;
    free(layers);
    return result;
}

static int write_hdf5(const tensor_list *list, const char *to)
{
    temporary from, made;
    unsigned char *bytes;
    size_t length;
    if (temporary_make(&from, "packed.safetensors"))
        return -1;
    if (temporary_make(&made, "packed.h5"))
        return temporary_remove(&from, -1);
    int result =
        safetensors_write(from.file, list->items, list->count, list->texts, list->text_count) ||
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
    tensor_list list = {0};
    if (check_name(to))
        return -1;
    int result = draw(&p, m->settings) || drawing_read(&p.drawing, m->tensors) ||
                         describe(&list, &p) || write_hdf5(&list, to)
                     ? -1
                     : 0;
    tensor_list_release(&list);
    erase(&p);
    return result;
}
