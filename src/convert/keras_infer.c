#include "convert/keras_infer.h"

#include "base/error.h"
#include "convert/keras_check.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DECODER_STAGES = 3 };

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

/* data.size from the input's shape, (batch, height, width, channels), or from the position embedding. */
static void say_size(const keras_file *f, found *out)
{
    const json_t *input = json_object_get(keras_entry_of_class(f, "InputLayer", 0), "config");
    const json_t *shape = json_object_get(input, "batch_shape");
    if (!shape)
        shape = json_object_get(input, "batch_input_shape");
    const json_t *height = json_array_get(shape, 1), *width = json_array_get(shape, 2);
    if (json_is_integer(height) && json_is_integer(width))
        found_say(out, "data.size", "%" JSON_INTEGER_FORMAT "x%" JSON_INTEGER_FORMAT,
                  json_integer_value(height), json_integer_value(width));
    else
        found_say_size(out, kernel_dim(f, KERAS_EMBEDDING, 0, -2));
}

/* ---- The two systems ---- */

static int infer_unet(const keras_file *f, found *out, long *sources)
{
    size_t all = keras_count(f, KERAS_CONV2D), heads = 0;
    long modules = (long)keras_count(f, KERAS_CONV2D_TRANSPOSE) + 1, between = 2 * modules - 1;
    while (heads < all && kernel_dim(f, KERAS_CONV2D, all - 1 - heads, 0) == 1)
        heads++;
    long plain = (long)(all - heads);
    const char *activation = keras_first_activation(f);
    if (!plain || !heads || plain % between ||
        (long)keras_count(f, KERAS_BATCH_NORMALIZATION) != plain)
        return refuse(
            f, "a U-Net needs the same number of convolutions in every module, batch normalization "
               "after each, and a 1 x 1 convolution for each source");
    *sources = (long)heads;
    found_say(out, "model.architecture", "unet");
    found_say(out, "model.modules", "%ld", modules);
    found_say(out, "model.convolutions", "%ld", plain / between);
    found_say(out, "model.filters", "%ld", kernel_dim(f, KERAS_CONV2D, 0, -1));
    if (f->config && (!activation || !strcmp(activation, "other")))
        return refuse(f, "its activation is not relu, sigmoid, tanh or leaky_relu (0.2)");
    if (activation)
        found_say(out, "model.activation", "%s", activation);
    out->activation_unknown = !activation;
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
    found_say(out, "model.architecture", "unet-transformer");
    found_say(out, "model.filters", "%ld", kernel_dim(f, KERAS_CONV2D, 0, -1));
    found_say(out, "model.blocks", "%ld", (long)blocks);
    found_say_truth(out, "model.sub_blocks", sub_blocks);
    found_say_truth(out, "model.cbam", spatial);
    if (blocks) {
        found_say(out, "model.width", "%ld", kernel_dim(f, KERAS_DENSE, 0, -1));
        found_say(out, "model.heads", "%ld", kernel_dim(f, KERAS_ATTENTION, 0, 1));
        found_say(out, "model.key_size", "%ld", kernel_dim(f, KERAS_ATTENTION, 0, 2));
        found_say(out, "model.ffn", "%ld", kernel_dim(f, KERAS_DENSE, 1, -1));
    }
    /* the first perceptron of CBAM is behind the transformer's dense layers */
    size_t first = blocks ? 1 + 2 * blocks : 0;
    long hidden = kernel_dim(f, KERAS_DENSE, first, -1);
    if (spatial && hidden)
        found_say(out, "model.cbam_ratio", "%ld", kernel_dim(f, KERAS_DENSE, first, 0) / hidden);
    return 0;
}

int keras_infer(found *out, const keras_file *f)
{
    long sources = 0, channels = kernel_dim(f, KERAS_CONV2D, 0, 2);
    bool plain = !keras_count(f, KERAS_DENSE) && !keras_count(f, KERAS_ATTENTION);
    *out = (found){0};
    if ((plain ? infer_unet : infer_unet_transformer)(f, out, &sources) ||
        found_say_sources(out, sources, f->path))
        return -1;
    found_say(out, "data.channels", "%ld", channels);
    say_size(f, out);
    return 0;
}
