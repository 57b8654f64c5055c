#include "convert/keras_infer.h"

#include "base/error.h"
#include "convert/keras_check.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FOUND_MAX = 16, DECODER_STAGES = 3 };

/* What is found, as overrides. */
typedef struct found {
    char texts[FOUND_MAX][96];
    size_t count;
} found;

static void say(found *f, const char *key, const char *format, long value)
{
    char written[64];
    snprintf(written, sizeof written, format, value);
    snprintf(f->texts[f->count++], sizeof f->texts[0], "%s=%s", key, written);
}

static void say_text(found *f, const char *key, const char *value)
{
    snprintf(f->texts[f->count++], sizeof f->texts[0], "%s=%.60s", key, value);
}

static int refuse(const keras_file *f, const char *why)
{
    return fail(STATUS_DATA,
                "%s: not a supported network: %s (%zu Conv2D, %zu Conv2DTranspose, %zu "
                "BatchNormalization, %zu Dense, %zu MultiHeadAttention)",
                f->path, why, keras_count(f, KERAS_CONV2D), keras_count(f, KERAS_CONV2D_TRANSPOSE),
                keras_count(f, KERAS_BATCH_NORMALIZATION), keras_count(f, KERAS_DENSE),
                keras_count(f, KERAS_ATTENTION));
}

/* Dimension i of the kernel of the index-th layer of a class, counted from the end where i < 0; 0: none. */
static long kernel_dim(const keras_file *f, enum keras_class class, size_t index, int i)
{
    const keras_layer *l = keras_nth(f, class, index);
    const struct stored_tensor *kernel = l ? l->arrays[0] : NULL;
    int at = kernel && i < 0 ? kernel->dimensions + i : i;
    return kernel && at >= 0 && at < kernel->dimensions && kernel->shape[at] < 1 << 20
               ? (long)kernel->shape[at]
               : 0;
}

/* ---- What only the config says ---- */

/* The U-Net's: the first of its activation layers; NULL: there is none. */
static const char *find_activation(const keras_file *f)
{
    static const char *const classes[] = {"Activation", "LeakyReLU", "ReLU", "ELU", "PReLU"};
    for (size_t i = 0; i < sizeof classes / sizeof *classes; i++) {
        const json_t *entry = keras_entry_of_class(f, classes[i], 0);
        if (entry)
            return keras_activation(entry);
    }
    return NULL;
}

/* data.size and data.channels from the input's shape, (batch, height, width, channels). */
static bool say_size(const keras_file *f, found *out)
{
    const json_t *input = json_object_get(keras_entry_of_class(f, "InputLayer", 0), "config");
    const json_t *shape = json_object_get(input, "batch_shape");
    if (!shape)
        shape = json_object_get(input, "batch_input_shape");
    const json_t *height = json_array_get(shape, 1), *width = json_array_get(shape, 2);
    if (!json_is_integer(height) || !json_is_integer(width))
        return false;
    char size[48];
    snprintf(size, sizeof size, "%" JSON_INTEGER_FORMAT "x%" JSON_INTEGER_FORMAT,
             json_integer_value(height), json_integer_value(width));
    say_text(out, "data.size", size);
    return true;
}

/* The same from the position embedding: a table for the pixels of pictures that were halved three times. */
static bool say_size_of_table(const keras_file *f, found *out)
{
    long tokens = kernel_dim(f, KERAS_EMBEDDING, 0, -2), side = 0;
    char size[48];
    while (side * side < tokens)
        side++;
    if (!tokens || side * side != tokens)
        return false;
    snprintf(size, sizeof size, "%ldx%ld", side << DECODER_STAGES, side << DECODER_STAGES);
    say_text(out, "data.size", size);
    return true;
}

/* ---- The two systems ---- */

static int infer_unet(const keras_file *f, found *out, keras_guesses *guesses, long *sources)
{
    size_t all = keras_count(f, KERAS_CONV2D), heads = 0;
    long modules = (long)keras_count(f, KERAS_CONV2D_TRANSPOSE) + 1, between = 2 * modules - 1;
    while (heads < all && kernel_dim(f, KERAS_CONV2D, all - 1 - heads, 0) == 1)
        heads++;
    long plain = (long)(all - heads);
    const char *activation = find_activation(f);
    if (modules < 2 || !heads || plain % between ||
        (long)keras_count(f, KERAS_BATCH_NORMALIZATION) != plain)
        return refuse(f, "a U-Net needs the same number of convolutions in every module, batch "
                         "normalization after "
                         "each, and a 1 x 1 convolution for each source");
    *sources = (long)heads;
    say_text(out, "model.architecture", "unet");
    say(out, "model.modules", "%ld", modules);
    say(out, "model.convolutions", "%ld", plain / between);
    say(out, "model.filters", "%ld", kernel_dim(f, KERAS_CONV2D, 0, -1));
    if (f->config && (!activation || !strcmp(activation, "other")))
        return refuse(f, "its activation is not relu, sigmoid, tanh or leaky_relu (0.2)");
    if (activation)
        say_text(out, "model.activation", activation);
    guesses->activation = !activation;
    return 0;
}

static size_t count_kernels(const keras_file *f, long size, long outputs)
{
    size_t count = 0;
    for (size_t i = 0; i < keras_count(f, KERAS_CONV2D); i++)
        count += kernel_dim(f, KERAS_CONV2D, i, 0) == size &&
                 (!outputs || kernel_dim(f, KERAS_CONV2D, i, -1) == outputs);
    return count;
}

static int infer_unet_transformer(const keras_file *f, found *out, long *sources)
{
    size_t heads = count_kernels(f, 3, kernel_dim(f, KERAS_CONV2D, 0, 2)),
           ups = keras_count(f, KERAS_CONV2D_TRANSPOSE),
           attentions = keras_count(f, KERAS_ATTENTION);
    bool sub_blocks = heads && ups == heads * (DECODER_STAGES + 1);
    size_t blocks = attentions - (sub_blocks ? heads : 0), spatial = count_kernels(f, 7, 0);
    if (!heads || (ups != heads * DECODER_STAGES && !sub_blocks) ||
        (sub_blocks && attentions < heads) || (spatial && spatial != heads * DECODER_STAGES))
        return refuse(f, "a UNet-Transformer needs a decoder of three stages for each source");
    *sources = (long)heads;
    say_text(out, "model.architecture", "unet-transformer");
    say(out, "model.filters", "%ld", kernel_dim(f, KERAS_CONV2D, 0, -1));
    say(out, "model.blocks", "%ld", (long)blocks);
    say_text(out, "model.sub_blocks", sub_blocks ? "true" : "false");
    say_text(out, "model.cbam", spatial ? "true" : "false");
    if (blocks) {
        say(out, "model.width", "%ld", kernel_dim(f, KERAS_DENSE, 0, -1));
        say(out, "model.heads", "%ld", kernel_dim(f, KERAS_ATTENTION, 0, 1));
        say(out, "model.key_size", "%ld", kernel_dim(f, KERAS_ATTENTION, 0, 2));
        say(out, "model.ffn", "%ld", kernel_dim(f, KERAS_DENSE, 1, -1));
    }
    /* the first perceptron of CBAM is behind the transformer's dense layers */
    size_t first = blocks ? 1 + 2 * blocks : 0;
    long hidden = kernel_dim(f, KERAS_DENSE, first, -1);
    if (spatial && hidden)
        say(out, "model.cbam_ratio", "%ld", kernel_dim(f, KERAS_DENSE, first, 0) / hidden);
    return 0;
}

static void say_sources(found *out, long sources)
{
    static const char *const names[] = {"mnist, fashion-mnist", "mnist, fashion-mnist, third",
                                        "mnist, fashion-mnist, third, fourth"};
    if (sources > 2 && sources <= SOURCES_MAX)
        say_text(out, "data.sources", names[sources - 2]);
}

/* Whether one of the overrides is about the key. */
static bool is_given(const char *const *overrides, size_t count, const char *key)
{
    for (size_t i = 0; i < count; i++)
        if (!strncmp(overrides[i], key, strlen(key)) && overrides[i][strlen(key)] == '=')
            return true;
    return false;
}

static int build(settings **out, const keras_file *f, const found *all,
                 const char *const *overrides, size_t count)
{
    const char *texts[FOUND_MAX];
    settings *inferred;
    for (size_t i = 0; i < all->count; i++)
        texts[i] = all->texts[i];
    if (settings_load(&inferred, NULL, texts, all->count))
        return fail(STATUS_DATA, "%s: not a supported network: %s", f->path,
                    strstr(error_message(), "--set: ") ? error_message() + strlen("--set: ")
                                                       : error_message());
    int result = settings_derive(out, inferred, overrides, count);
    settings_free(inferred);
    return result;
}

int keras_infer(settings **out, const keras_file *f, const char *const *overrides, size_t count,
                keras_guesses *guesses)
{
    found all = {.count = 0};
    long sources = 0, channels = kernel_dim(f, KERAS_CONV2D, 0, 2);
    *guesses = (keras_guesses){false, false};
    bool plain = !keras_count(f, KERAS_DENSE) && !keras_count(f, KERAS_ATTENTION);
    if (plain ? infer_unet(f, &all, guesses, &sources) : infer_unet_transformer(f, &all, &sources))
        return -1;
    if (sources < SOURCES_MIN || sources > SOURCES_MAX)
        return fail(STATUS_DATA, "%s: has %ld outputs; unblend supports %d to %d sources", f->path,
                    sources, SOURCES_MIN, SOURCES_MAX);
    say_sources(&all, sources);
    say(&all, "data.channels", "%ld", channels);
    guesses->size = !say_size(f, &all) && !say_size_of_table(f, &all);
    guesses->activation &= !is_given(overrides, count, "model.activation");
    guesses->size &= !is_given(overrides, count, "data.size");
    return build(out, f, &all, overrides, count);
}
