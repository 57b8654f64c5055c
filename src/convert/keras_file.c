#include "convert/keras_file.h"

#include "base/error.h"
#include "base/memory.h"
#include "convert/helper.h"
#include "convert/temporary.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What a class is called in configs, and names of layers begin with. */
typedef struct class_names {
    const char *name, *stem;
} class_names;

static const class_names classes[KERAS_CLASSES] = {
    [KERAS_CONV2D] = {"Conv2D", "conv2d"},
    [KERAS_CONV2D_TRANSPOSE] = {"Conv2DTranspose", "conv2d_transpose"},
    [KERAS_BATCH_NORMALIZATION] = {"BatchNormalization", "batch_normalization"},
    [KERAS_DENSE] = {"Dense", "dense"},
    [KERAS_LAYER_NORMALIZATION] = {"LayerNormalization", "layer_normalization"},
    [KERAS_ATTENTION] = {"MultiHeadAttention", "multi_head_attention"},
    [KERAS_EMBEDDING] = {"Embedding", "embedding"},
    [KERAS_OTHER] = {"other", ""},
};

/* Keras has no layer for positions, so people write one. */
static const class_names positions = {"PositionEmbedding", "position_embedding"};

const char *keras_class_name(enum keras_class class)
{
    return classes[class].name;
}

const char *keras_class_stem(enum keras_class class)
{
    return classes[class].stem;
}

/* ---- The model's config ---- */

const json_t *keras_entry(const keras_file *f, size_t index)
{
    return json_array_get(json_object_get(json_object_get(f->config, "config"), "layers"), index);
}

const char *keras_text(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

bool keras_all_are(const json_t *value, long number)
{
    if (json_is_integer(value))
        return json_integer_value(value) == number;
    for (size_t i = 0; i < json_array_size(value); i++)
        if (json_integer_value(json_array_get(value, i)) != number)
            return false;
    return true;
}

static bool says(const json_t *object, const char *key, const char *text)
{
    const char *its = keras_text(object, key);
    return its && !strcmp(its, text);
}

const json_t *keras_entry_named(const keras_file *f, const char *name)
{
    const json_t *entry;
    for (size_t i = 0; (entry = keras_entry(f, i)); i++)
        if (says(json_object_get(entry, "config"), "name", name))
            return entry;
    return NULL;
}

const json_t *keras_entry_of_class(const keras_file *f, const char *class_name, size_t index)
{
    const json_t *entry;
    for (size_t i = 0; (entry = keras_entry(f, i)); i++)
        if (says(entry, "class_name", class_name) && !index--)
            return entry;
    return NULL;
}

/* ---- Layers ---- */

/* The number at the end of "conv2d_12", and the length of what is before it. */
static long split_name(const char *name, size_t *stem)
{
    size_t length = strlen(name), digits = length;
    while (digits && name[digits - 1] >= '0' && name[digits - 1] <= '9')
        digits--;
    bool numbered = digits && digits < length && name[digits - 1] == '_';
    *stem = numbered ? digits - 1 : length;
    return numbered ? strtol(name + digits, NULL, 10) : 0;
}

static bool has_stem(const class_names *names, const char *name)
{
    size_t stem;
    split_name(name, &stem);
    return strlen(names->stem) == stem && !strncmp(names->stem, name, stem);
}

static enum keras_class class_of_name(const char *name)
{
    for (enum keras_class class = 0; class < KERAS_OTHER; class ++)
        if (has_stem(&classes[class], name))
            return class;
    return has_stem(&positions, name) ? KERAS_EMBEDDING : KERAS_OTHER;
}

/* Of a layer whose name says nothing: by what its arrays are called, and their dimensions. */
static enum keras_class class_of_arrays(const keras_layer *l)
{
    bool gamma = false, moving = false;
    for (int i = 0; i < l->array_count; i++) {
        gamma |= strstr(l->arrays[i]->name, "gamma") != NULL;
        moving |= strstr(l->arrays[i]->name, "moving_mean") != NULL;
    }
    if (gamma)
        return moving ? KERAS_BATCH_NORMALIZATION : KERAS_LAYER_NORMALIZATION;
    const struct stored_tensor *kernel = l->arrays[0],
                               *bias = l->array_count == 2 ? l->arrays[1] : NULL;
    if (l->array_count > 2 || !strstr(kernel->name, "kernel"))
        return KERAS_OTHER;
    if (kernel->dimensions == 2)
        return KERAS_DENSE;
    bool turned = bias && kernel->dimensions == 4 && bias->shape[0] == kernel->shape[2] &&
                  bias->shape[0] != kernel->shape[3];
    return kernel->dimensions != 4 ? KERAS_OTHER : turned ? KERAS_CONV2D_TRANSPOSE : KERAS_CONV2D;
}

/* What the config says; else what the name does, or the arrays. */
static enum keras_class class_of(const keras_file *f, const keras_layer *l)
{
    const json_t *entry = keras_entry_named(f, l->name);
    if (!entry) {
        enum keras_class class = class_of_name(l->name);
        return class == KERAS_OTHER ? class_of_arrays(l) : class;
    }
    for (enum keras_class class = 0; class < KERAS_OTHER; class ++)
        if (says(entry, "class_name", classes[class].name))
            return class;
    return says(entry, "class_name", positions.name) ? KERAS_EMBEDDING : KERAS_OTHER;
}

static keras_layer *add_layer(keras_file *f, const char *name, size_t length)
{
    enum { LAYERS_MAX = 2000 };
    if (f->count == LAYERS_MAX) {
        fail(STATUS_DATA, "%s: more than %d layers", f->path, LAYERS_MAX);
        return NULL;
    }
    if (grow(&f->layers, &f->capacity, f->count + 1, sizeof *f->layers))
        return NULL;
    keras_layer *l = &f->layers[f->count];
    *l = (keras_layer){.name = format_text("%.*s", (int)length, name)};
    if (!l->name)
        return NULL;
    f->count++;
    return l;
}

static int add_array(const keras_file *f, keras_layer *l, const char *path)
{
    const struct stored_tensor *t = safetensors_find(f->tensors, path);
    if (!t)
        return fail(STATUS_DATA, "%s: %s is missing", f->path, path);
    if (l->array_count == KERAS_ARRAYS_MAX)
        return fail(STATUS_DATA, "%s: %s has more arrays than any layer of ours%s", f->path,
                    l->name,
                    !strncmp(l->name, "functional", 10) || !strncmp(l->name, "model", 5)
                        ? "; nested models are not supported"
                        : "");
    l->arrays[l->array_count++] = t;
    return 0;
}

/* Attentions are sorted by what their arrays are called. */
static void sort_attention(keras_layer *l)
{
    static const char *const parts[] = {"query", "key", "value", "output"};
    const struct stored_tensor *sorted[KERAS_ARRAYS_MAX];
    int count = 0;
    for (int part = 0; part < 4; part++)
        for (int i = 0; i < l->array_count; i++) {
            const char *behind = strstr(l->arrays[i]->name, l->name);
            const char *name = behind ? behind + strlen(l->name) : l->arrays[i]->name;
            if (strstr(name, parts[part]))
                sorted[count++] = l->arrays[i];
            if (count == KERAS_ARRAYS_MAX)
                return;
        }
    if (count == l->array_count)
        memcpy(l->arrays, sorted, (size_t)count * sizeof *sorted);
}

/* ---- Files with lists of names: .h5 in the form of Keras 1 and 2 ---- */

/* Appends the lines of the attribute, if it is there, and says so in *there. */
static int append_lines(const keras_file *f, char **lines, char *key, bool *there)
{
    const char *text = key ? safetensors_metadata(f->tensors, key) : NULL;
    int result = key ? 0 : -1;
    if ((*there = text)) {
        char *longer = *lines ? format_text("%s\n%s", *lines, text) : copy_text(text);
        free(*lines);
        *lines = longer;
        result = longer ? 0 : -1;
    }
    free(key);
    return result;
}

/* The texts of an attribute, also of one that is cut into NAME0, NAME1 and so on, a line each; NULL if it is not
 * there. Release *lines with free(), also after a failure. */
static int list_of(const keras_file *f, const char *path, const char *name, char **lines)
{
    bool there;
    *lines = NULL;
    int result = append_lines(f, lines, format_text("%s#%s", path, name), &there);
    for (int i = 0; !result && (there || !i); i++)
        result = append_lines(f, lines, format_text("%s#%s%d", path, name, i), &there);
    return result;
}

static int read_listed_layer(keras_file *f, const char *root, const char *name, size_t length)
{
    char *path = format_text("%s%s%.*s", root, *root ? "/" : "", (int)length, name);
    char *weights = NULL;
    int result = path ? list_of(f, path, "weight_names", &weights) : -1;
    keras_layer *l = NULL;
    if (!result && weights && *weights && !(l = add_layer(f, name, length)))
        result = -1;
    for (const char *line = weights; l && *line && !result;) {
        size_t used = strcspn(line, "\n");
        char *array = format_text("%s/%.*s", path, (int)used, line);
        result = array ? add_array(f, l, array) : -1;
        free(array);
        line += used + (line[used] == '\n');
    }
    free(weights);
    free(path);
    return result;
}

/* layers: their names, a line each. */
static int read_listed(keras_file *f, const char *root, const char *layers)
{
    int result = 0;
    for (const char *line = layers; *line && !result;) {
        size_t used = strcspn(line, "\n");
        result = read_listed_layer(f, root, line, used);
        line += used + (line[used] == '\n');
    }
    return result;
}

/* ---- Files that are sorted by class: weights of Keras 3 ---- */

static const char *const roots[] = {"layers/", "_layer_checkpoint_dependencies/"};

/* "conv2d_1" of "layers/conv2d_1/vars/0"; NULL of other paths. */
static const char *layer_in_path(const char *path, size_t *length)
{
    for (size_t i = 0; i < sizeof roots / sizeof *roots; i++)
        if (!strncmp(path, roots[i], strlen(roots[i]))) {
            const char *name = path + strlen(roots[i]);
            *length = strcspn(name, "/");
            return strstr(name + *length, "/vars/") ? name : NULL;
        }
    return NULL;
}

static int compare_layers(const void *a, const void *b)
{
    const keras_layer *one = a, *other = b;
    size_t stem, other_stem;
    long number = split_name(one->name, &stem), other_number = split_name(other->name, &other_stem);
    int names = strncmp(one->name, other->name, stem > other_stem ? stem : other_stem);
    if (stem != other_stem || strncmp(one->name, other->name, stem) != 0)
        return names ? names : stem < other_stem ? -1 : 1;
    return number < other_number ? -1 : number > other_number;
}

/* By path, "vars/10" after "vars/9". */
static int compare_arrays(const void *a, const void *b)
{
    const char *one = (*(const struct stored_tensor *const *)a)->name,
               *other = (*(const struct stored_tensor *const *)b)->name;
    const char *number = strrchr(one, '/'), *other_number = strrchr(other, '/');
    size_t length = (size_t)(number - one);
    if (length != (size_t)(other_number - other) || strncmp(one, other, length) != 0)
        return strcmp(one, other);
    long n = strtol(number + 1, NULL, 10), m = strtol(other_number + 1, NULL, 10);
    return n < m ? -1 : n > m;
}

static keras_layer *layer_called(keras_file *f, const char *name, size_t length)
{
    for (size_t i = 0; i < f->count; i++)
        if (strlen(f->layers[i].name) == length && !strncmp(f->layers[i].name, name, length))
            return &f->layers[i];
    return add_layer(f, name, length);
}

static int read_sorted(keras_file *f)
{
    for (size_t i = 0; i < safetensors_count(f->tensors); i++) {
        size_t length;
        const char *path = safetensors_at(f->tensors, i)->name,
                   *name = layer_in_path(path, &length);
        if (!name)
            continue;
        keras_layer *l = layer_called(f, name, length);
        if (!l || add_array(f, l, path))
            return -1;
    }
    if (f->count)
        qsort(f->layers, f->count, sizeof *f->layers, compare_layers);
    for (size_t i = 0; i < f->count; i++)
        qsort(f->layers[i].arrays, (size_t)f->layers[i].array_count, sizeof *f->layers[i].arrays,
              compare_arrays);
    return 0;
}

/* ---- Files ---- */

static int read_config(keras_file *f)
{
    const char *config = safetensors_metadata(f->tensors, "model_config");
    f->config = config ? json_loads(config, 0, NULL) : NULL;
    return config && !f->config
               ? fail(STATUS_DATA, "%s: the model's config is not valid JSON", f->path)
               : 0;
}

static int read_layers(keras_file *f)
{
    char *in_model = NULL, *in_root = NULL;
    int result = read_config(f) || list_of(f, "model_weights", "layer_names", &in_model) ||
                         list_of(f, "", "layer_names", &in_root)
                     ? -1
                     : 0;
    bool listed = in_model || in_root;
    if (!result)
        result = in_model  ? read_listed(f, "model_weights", in_model)
                 : in_root ? read_listed(f, "", in_root)
                           : read_sorted(f);
    free(in_model);
    free(in_root);
    if (!result && !f->count)
        result = fail(STATUS_DATA, "%s: holds no layers of a Keras model", f->path);
    for (size_t i = 0; i < f->count && !result; i++) {
        keras_layer *l = &f->layers[i];
        l->class = listed ? class_of(f, l) : class_of_name(l->name);
        if (l->class == KERAS_ATTENTION)
            sort_attention(l);
    }
    return result;
}

static int read_tensors(keras_file *f)
{
    temporary t;
    if (temporary_make(&t, "unpacked.safetensors"))
        return -1;
    int result =
        helper_run("unpack", f->path, t.file) || safetensors_read(t.file, &f->tensors) ? -1 : 0;
    return temporary_remove(&t, result);
}

int keras_open(keras_file **out, const char *path)
{
    keras_file *f = allocate(1, sizeof *f);
    if (!f)
        return -1;
    f->path = path;
    if (read_tensors(f) || read_layers(f)) {
        keras_close(f);
        return -1;
    }
    *out = f;
    return 0;
}

void keras_close(keras_file *f)
{
    if (!f)
        return;
    for (size_t i = 0; i < f->count; i++)
        free(f->layers[i].name);
    free(f->layers);
    json_decref(f->config);
    safetensors_free(f->tensors);
    free(f);
}

size_t keras_count(const keras_file *f, enum keras_class class)
{
    size_t count = 0;
    for (size_t i = 0; i < f->count; i++)
        count += f->layers[i].class == class;
    return count;
}

const keras_layer *keras_nth(const keras_file *f, enum keras_class class, size_t index)
{
    for (size_t i = 0; i < f->count; i++)
        if (f->layers[i].class == class && !index--)
            return &f->layers[i];
    return NULL;
}
