#include "convert/keras_check.h"

#include "base/error.h"
#include "convert/keras_wiring.h"
#include <math.h>
#include <string.h>

static double number_in(const json_t *config, const char *key, double otherwise)
{
    const json_t *value = json_object_get(config, key);
    return json_is_number(value) ? json_number_value(value) : otherwise;
}

/* ---- Activations ---- */

static const char *named_activation(const char *name)
{
    static const char *const known[] = {"relu", "sigmoid", "tanh", "leaky_relu"};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (!strcmp(known[i], name))
            return known[i];
    return strcmp(name, "linear") ? "other" : NULL;
}

/* Keras 2 writes a name, Keras 3 an object with one. */
static const char *activation_in(const json_t *config)
{
    const json_t *value = json_object_get(config, "activation");
    const char *name = json_string_value(value);
    if (!name)
        name = keras_text(json_object_get(value, "config"), "name");
    return name ? named_activation(name) : value && !json_is_null(value) ? "other" : NULL;
}

const char *keras_activation(const json_t *entry)
{
    static const double slope = 0.2;
    const char *class = keras_text(entry, "class_name");
    const json_t *config = json_object_get(entry, "config");
    if (class && !strcmp(class, "LeakyReLU"))
        return fabs(number_in(config, "negative_slope", number_in(config, "alpha", 0.3)) - slope) <
                       1e-6
                   ? "leaky_relu"
                   : "other";
    if (class && !strcmp(class, "ReLU")) {
        bool plain = !json_is_number(json_object_get(config, "max_value")) &&
                     number_in(config, "negative_slope", 0) == 0 &&
                     number_in(config, "threshold", 0) == 0;
        return plain ? "relu" : "other";
    }
    if (class && (!strcmp(class, "ELU") || !strcmp(class, "PReLU") || !strcmp(class, "Softmax")))
        return "other";
    return activation_in(config);
}

const char *keras_first_activation(const keras_file *f)
{
    const json_t *entry;
    for (size_t i = 0; (entry = keras_entry(f, i)); i++)
        if (keras_is_activation(entry))
            return keras_activation(entry);
    return NULL;
}

/* What is in the layer or, if nothing is, behind it. */
static const char *effective_activation(const keras_file *f, const json_t *entry)
{
    const char *own = keras_activation(entry);
    const json_t *behind =
        own ? NULL : keras_follower(f, keras_text(json_object_get(entry, "config"), "name"));
    return behind && keras_is_activation(behind) ? keras_activation(behind) : own;
}

/* ---- What ours do ---- */

/* The part of a name before its last slash ends so. */
static bool layer_ends(const param *p, const char *ending)
{
    const char *slash = strrchr(p->name, '/');
    size_t length = slash ? (size_t)(slash - p->name) : 0, own = strlen(ending);
    return length >= own && !strncmp(p->name + length - own, ending, own);
}

/* The activation behind our layer; NULL: none. */
static const char *expected_activation(const keras_slot *slot, const settings *s)
{
    const struct model_config *c = &s->stages[0];
    const param *p = slot->param;
    if (c->architecture == ARCHITECTURE_unet)
        return slot->class == KERAS_BATCH_NORMALIZATION || layer_ends(p, "heads") ? c->activation
                                                                                  : NULL;
    if (layer_ends(p, "spatial") || !strncmp(p->name, "head_", 5))
        return "sigmoid";
    bool relu = slot->class == KERAS_CONV2D || slot->class == KERAS_CONV2D_TRANSPOSE ||
                layer_ends(p, "mlp1") || layer_ends(p, "ffn1");
    return relu ? "relu" : NULL;
}

static int check_convolution(const keras_file *f, const json_t *config, const keras_slot *slot,
                             const char *name)
{
    bool transposed = slot->class == KERAS_CONV2D_TRANSPOSE,
         halves = layer_ends(slot->param, "sub/conv");
    const char *format = keras_text(config, "data_format"),
               *padding = keras_text(config, "padding");
    if (format && strcmp(format, "channels_last") != 0)
        return keras_differs(f, name, "uses channels_first");
    if (!keras_all_are(json_object_get(config, "dilation_rate"), 1))
        return keras_differs(f, name, "has a dilation rate other than 1");
    if (!keras_all_are(json_object_get(config, "strides"), transposed || halves ? 2 : 1))
        return keras_differs(f, name, "has unsupported strides");
    bool point = slot->param->dims[0] == 1;
    return padding && strcmp(padding, "same") != 0 && !point
               ? keras_differs(f, name, "does not use padding='same'")
               : 0;
}

static int check_norm(const keras_file *f, const json_t *config, const keras_slot *slot,
                      const char *name)
{
    double ours = slot->class == KERAS_BATCH_NORMALIZATION ? 1e-3 : 1e-6,
           theirs = number_in(config, "epsilon", ours);
    return fabs(theirs / ours - 1) <= 1e-6
               ? 0
               : fail(STATUS_DATA, "%s: %s has an epsilon of %g; ours have %g", f->path, name,
                      theirs, ours);
}

/* In the U-Net, batch norm comes between convolution and activation. */
static int check_order(const keras_file *f, const keras_slot *slot, const settings *s,
                       const char *name)
{
    bool before_norm = s->stages[0].architecture == ARCHITECTURE_unet &&
                       slot->class == KERAS_CONV2D && !layer_ends(slot->param, "heads");
    const json_t *next = before_norm ? keras_follower(f, name) : NULL;
    const char *class = next ? keras_text(next, "class_name") : NULL;
    return class && strcmp(class, "BatchNormalization") != 0
               ? keras_differs(f, name, "is not followed by batch normalization")
               : 0;
}

static int check_slot(const keras_file *f, const keras_slot *slot, const settings *s)
{
    const json_t *entry = keras_entry_of_class(f, keras_class_name(slot->class), slot->index);
    const json_t *config = json_object_get(entry, "config");
    const char *name = keras_text(config, "name");
    if (!name || slot->array || slot->class == KERAS_ATTENTION || slot->class == KERAS_EMBEDDING)
        return 0;
    if ((slot->class == KERAS_CONV2D || slot->class == KERAS_CONV2D_TRANSPOSE) &&
        check_convolution(f, config, slot, name))
        return -1;
    bool norm =
        slot->class == KERAS_BATCH_NORMALIZATION || slot->class == KERAS_LAYER_NORMALIZATION;
    if ((norm && check_norm(f, config, slot, name)) || check_order(f, slot, s, name))
        return -1;
    const char *ours = expected_activation(slot, s), *theirs = effective_activation(f, entry);
    if ((ours == NULL) == (theirs == NULL) && (!ours || !strcmp(ours, theirs)))
        return 0;
    return fail(STATUS_DATA, "%s: not a supported network: the activation of %s is %s; expected %s",
                f->path, name, theirs ? theirs : "none", ours ? ours : "none");
}

int keras_check(const keras_file *f, const keras_slots *slots, const settings *s)
{
    if (!f->config)
        return 0;
    for (size_t i = 0; i < slots->count; i++)
        if (check_slot(f, &slots->items[i], s))
            return -1;
    return keras_check_wiring(f, s);
}
