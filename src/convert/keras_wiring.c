#include "convert/keras_wiring.h"

#include "base/error.h"
#include <string.h>

enum { DEPTH_MAX = 16 };

static bool is_one_of(const json_t *entry, const char *const classes[], size_t count)
{
    const char *class = keras_text(entry, "class_name");
    for (size_t i = 0; class && i < count; i++)
        if (!strcmp(class, classes[i]))
            return true;
    return false;
}

#define IS_ONE_OF(entry, classes) is_one_of(entry, classes, sizeof(classes) / sizeof *(classes))

static const char *name_of(const json_t *entry)
{
    const char *name = keras_text(json_object_get(entry, "config"), "name");
    return name ? name : "a layer without a name";
}

int keras_differs(const keras_file *f, const char *name, const char *what)
{
    return fail(STATUS_DATA, "%s: not a supported network: %s %s", f->path, name, what);
}

static int differs(const keras_file *f, const json_t *entry, const char *what)
{
    return keras_differs(f, name_of(entry), what);
}

/* ---- Connections ---- */

/* The first text in value that is the name of a layer, after *skipped others: in depth, as inbound_nodes have them. */
static const json_t *named_in(const keras_file *f, const json_t *value, int *skipped, int depth)
{
    size_t i;
    json_t *item;
    const char *key;
    const json_t *found = NULL;
    if (depth > DEPTH_MAX)
        return NULL;
    if (json_is_string(value)) {
        const json_t *entry = keras_entry_named(f, json_string_value(value));
        return entry && (*skipped)-- == 0 ? entry : NULL;
    }
    if (json_is_array(value)) {
        json_array_foreach(value, i, item)
        {
            if (!found)
                found = named_in(f, item, skipped, depth + 1);
        }
    } else if (json_is_object(value)) {
        json_object_foreach((json_t *)value, key, item)
        {
            if (!found && strcmp(key, "class_name") != 0 && strcmp(key, "dtype") != 0)
                found = named_in(f, item, skipped, depth + 1);
        }
    }
    return found;
}

const json_t *keras_input(const keras_file *f, const json_t *entry, int index)
{
    return named_in(f, json_object_get(entry, "inbound_nodes"), &index, 0);
}

static bool mentions(const json_t *value, const char *name, int depth)
{
    size_t i;
    json_t *item;
    const char *key;
    bool found = json_is_string(value) && !strcmp(json_string_value(value), name);
    if (depth > DEPTH_MAX)
        return false;
    if (json_is_array(value)) {
        json_array_foreach(value, i, item) found |= mentions(item, name, depth + 1);
    } else if (json_is_object(value)) {
        json_object_foreach((json_t *)value, key, item) found |= mentions(item, name, depth + 1);
    }
    return found;
}

const json_t *keras_follower(const keras_file *f, const char *name)
{
    const json_t *entry;
    for (size_t i = 0; (entry = keras_entry(f, i)); i++)
        if (mentions(json_object_get(entry, "inbound_nodes"), name, 0))
            return entry;
    return NULL;
}

bool keras_is_activation(const json_t *entry)
{
    static const char *const classes[] = {"Activation", "ReLU",  "LeakyReLU",
                                          "ELU",        "PReLU", "Softmax"};
    return IS_ONE_OF(entry, classes);
}

/* What an input comes from, before norms, activations and dropout. */
static const json_t *source(const keras_file *f, const json_t *entry, int index)
{
    static const char *const passed[] = {"BatchNormalization", "Dropout"};
    const json_t *from = keras_input(f, entry, index);
    for (int steps = 0; steps < DEPTH_MAX && (keras_is_activation(from) || IS_ONE_OF(from, passed));
         steps++)
        from = keras_input(f, from, 0);
    return from;
}

/* ---- The U-Net ---- */

static int check_reads(const keras_file *f, const json_t *reader, int input, const char *class,
                       size_t index)
{
    const json_t *wanted = keras_entry_of_class(f, class, index), *found = source(f, reader, input);
    if (!reader || (wanted && found == wanted))
        return 0;
    return fail(STATUS_DATA, "%s: not a supported network: %s reads %s; expected %s", f->path,
                name_of(reader), found ? name_of(found) : "nothing",
                wanted ? name_of(wanted) : class);
}

/* The convolutions of a module, the first of which is the index-th of all. */
static int check_module(const keras_file *f, const struct model_config *m, int module, int count,
                        size_t index)
{
    for (size_t i = 0; i < (size_t)count; i++) {
        const json_t *conv = keras_entry_of_class(f, "Conv2D", index + i);
        const char *class = module ? "MaxPooling2D" : "InputLayer";
        size_t before = module ? (size_t)module - 1 : 0;
        if (i) {
            class = "Conv2D";
            before = index + i - 1;
        } else if (module >= m->modules) {
            class = "Concatenate";
            before = (size_t)(module - m->modules);
        }
        if (check_reads(f, conv, 0, class, before))
            return -1;
    }
    return 0;
}

/* What is between modules: behind the index-th convolution, which ends one. */
static int check_between(const keras_file *f, const struct model_config *m, int module,
                         size_t index, size_t skip)
{
    if (module < m->modules - 1)
        return check_reads(f, keras_entry_of_class(f, "MaxPooling2D", (size_t)module), 0, "Conv2D",
                           index);
    size_t up = (size_t)(module - m->modules + 1);
    if (up == (size_t)m->modules - 1)
        return 0;
    const json_t *join = keras_entry_of_class(f, "Concatenate", up);
    return check_reads(f, keras_entry_of_class(f, "Conv2DTranspose", up), 0, "Conv2D", index) ||
                   check_reads(f, join, 0, "Conv2DTranspose", up) ||
                   check_reads(f, join, 1, "Conv2D", skip)
               ? -1
               : 0;
}

static int check_unet(const keras_file *f, const settings *s)
{
    static const char *const classes[] = {
        "InputLayer",   "Conv2D",      "Conv2DTranspose", "BatchNormalization",
        "MaxPooling2D", "Concatenate", "Dropout"};
    const struct model_config *m = &s->stages[0];
    const json_t *entry;
    size_t index = 0, ends[RESOLUTIONS_MAX];
    for (size_t i = 0; (entry = keras_entry(f, i)); i++)
        if (!IS_ONE_OF(entry, classes) && !keras_is_activation(entry))
            return differs(f, entry, "is not a layer of the U-Net");
    for (int module = 0; module < 2 * m->modules - 1; module++) {
        int level = module < m->modules ? module : 2 * m->modules - 2 - module;
        if (check_module(f, m, module, model_convolutions(m, level), index))
            return -1;
        index += (size_t)model_convolutions(m, level);
        if (module < m->modules)
            ends[module] = index - 1;
        int joined = 2 * m->modules - 3 - module; /* the level of the next module of a decoder */
        if (check_between(f, m, module, index - 1, joined >= 0 ? ends[joined] : 0))
            return -1;
    }
    for (int k = 0; k < s->data.mixture.sources; k++)
        if (check_reads(f, keras_entry_of_class(f, "Conv2D", index + (size_t)k), 0, "Conv2D",
                        index - 1))
            return -1;
    return 0;
}

/* ---- Both ---- */

/* Channels are the last of four dimensions. */
static bool is_of_channels(const json_t *axis)
{
    return keras_all_are(axis, -1) || keras_all_are(axis, 3);
}

static int check_layer(const keras_file *f, const json_t *entry)
{
    static const char *const others[] = {"AveragePooling2D", "UpSampling2D",  "Rescaling",
                                         "Resizing",         "ZeroPadding2D", "Cropping2D",
                                         "Permute"};
    static const char *const pools[] = {"MaxPooling2D"};
    static const char *const by_axis[] = {"BatchNormalization", "Concatenate"};
    const json_t *config = json_object_get(entry, "config");
    if (IS_ONE_OF(entry, others))
        return differs(f, entry, "is not a layer of either system");
    if (IS_ONE_OF(entry, pools) && (!keras_all_are(json_object_get(config, "pool_size"), 2) ||
                                    !keras_all_are(json_object_get(config, "strides"), 2)))
        return differs(f, entry, "does not halve the picture");
    if (!keras_all_are(json_object_get(config, "groups"), 1))
        return differs(f, entry, "has a groups value other than 1");
    return IS_ONE_OF(entry, by_axis) && !is_of_channels(json_object_get(config, "axis"))
               ? differs(f, entry, "has an axis other than the channels")
               : 0;
}

/* Weights are matched in the order of layers, so outputs must have it, too. */
static int check_outputs(const keras_file *f, int sources)
{
    const json_t *outputs = json_object_get(json_object_get(f->config, "config"), "output_layers"),
                 *output;
    const json_t *before = NULL;
    int at = 0, skipped;
    while (skipped = at++, (output = named_in(f, outputs, &skipped, 0))) {
        const json_t *head = output, *entry;
        bool behind = !before;
        if (at > sources)
            return differs(f, output, "is one output more than there are sources");
        for (int steps = 0; steps < DEPTH_MAX && keras_is_activation(head); steps++)
            head = keras_input(f, head, 0);
        for (size_t i = 0; (entry = keras_entry(f, i)) && entry != head; i++)
            behind |= entry == before;
        if (!behind)
            return differs(f, output, "is not among the outputs in the order of the layers");
        before = head;
    }
    return 0;
}

int keras_check_wiring(const keras_file *f, const settings *s)
{
    const json_t *entry;
    for (size_t i = 0; (entry = keras_entry(f, i)); i++)
        if (check_layer(f, entry))
            return -1;
    return (s->stages[0].architecture == ARCHITECTURE_unet && check_unet(f, s)) ||
                   check_outputs(f, s->data.mixture.sources)
               ? -1
               : 0;
}
