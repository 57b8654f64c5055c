#include "convert/pytorch.h"

#include "base/error.h"
#include "base/memory.h"
#include "convert/drawing.h"
#include "convert/found.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Names ---- */

/* What the last part of a name of ours may be called there. */
static const struct {
    const char *ours, *theirs[2];
} endings[] = {{"kernel", {"weight", "kernel"}},
               {"bias", {"bias", NULL}},
               {"gamma", {"gamma", "weight"}},
               {"beta", {"beta", "bias"}},
               {"moving_mean", {"moving_mean", "running_mean"}},
               {"moving_variance", {"moving_variance", "running_var"}},
               {"position", {"position.table", "position"}}};

/* "encoder1.conv1.weight" of "encoder1/conv1/kernel"; choice: of the endings. NULL if there is no such choice. Release
 * with free(). */
static char *their_name(const char *ours, int choice)
{
    const char *last = strrchr(ours, '/') + 1;
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        if (strcmp(endings[i].ours, last) != 0 || !endings[i].theirs[choice])
            continue;
        char *name = format_text("%.*s%s", (int)(last - ours), ours, endings[i].theirs[choice]);
        for (char *at = name; at && *at; at++)
            *at = *at == '/' ? '.' : *at;
        return name;
    }
    return NULL;
}

/* NULL if there is none. */
static const struct stored_tensor *find(const safetensors *file, const char *ours)
{
    const struct stored_tensor *found = NULL;
    for (int choice = 0; choice < 2 && !found; choice++) {
        char *name = their_name(ours, choice);
        found = name ? safetensors_find(file, name) : NULL;
        free(name);
    }
    return found;
}

/* ---- Layouts ---- */

/* (out, in, h, w) of a convolution, and (in, out, h, w) of a transposed one, to (h, w, in, out) and (h, w, out, in). */
static void turn_kernel(const struct stored_tensor *t, const float *from, float *to)
{
    size_t outer = t->shape[0], inner = t->shape[1], taps = t->shape[2] * t->shape[3];
    for (size_t tap = 0; tap < taps; tap++)
        for (size_t i = 0; i < inner; i++)
            for (size_t o = 0; o < outer; o++)
                to[(tap * inner + i) * outer + o] = from[(o * inner + i) * taps + tap];
}

static void turn_matrix(const struct stored_tensor *t, const float *from, float *to)
{
    for (size_t o = 0; o < t->shape[0]; o++)
        for (size_t i = 0; i < t->shape[1]; i++)
            to[i * t->shape[0] + o] = from[o * t->shape[1] + i];
}

/* nn.Linear's, which has the outputs first. */
static bool is_linear(const struct stored_tensor *t)
{
    size_t length = strlen(t->name), ending = strlen(".weight");
    return t->dimensions == 2 && length > ending && !strcmp(t->name + length - ending, ".weight");
}

/* The shape as ours would be. */
static int dims_of(const struct stored_tensor *t, size_t dims[STORED_DIMENSIONS_MAX])
{
    memcpy(dims, t->shape, (size_t)t->dimensions * sizeof *dims);
    if (t->dimensions == 4) {
        dims[0] = t->shape[2];
        dims[1] = t->shape[3];
        dims[2] = t->shape[1];
        dims[3] = t->shape[0];
    } else if (is_linear(t)) {
        dims[0] = t->shape[1];
        dims[1] = t->shape[0];
    }
    return t->dimensions;
}

/* Part `part` of `parts` of the param's last dimension. */
static int take(const drawing *d, const param *p, const struct stored_tensor *t, int part,
                int parts, const char *path)
{
    size_t dims[STORED_DIMENSIONS_MAX], wanted[4], last = (size_t)p->dims[p->rank - 1],
                                                   width = last / (size_t)parts;
    int rank = dims_of(t, dims);
    for (int i = 0; i < p->rank; i++)
        wanted[i] = (size_t)p->dims[i];
    wanted[p->rank - 1] = width;
    if ((t->type != STORED_F32 && t->type != STORED_F16) || rank != p->rank ||
        memcmp(dims, wanted, (size_t)rank * sizeof *dims) != 0) {
        char theirs[96], ours[96];
        drawing_dims(theirs, sizeof theirs, t->shape, t->dimensions);
        drawing_dims(ours, sizeof ours, wanted, p->rank);
        return fail(STATUS_DATA, "%s: %s has shape %s (%s); %s needs %s (Keras order)", path,
                    t->name, theirs, stored_type_name(t->type), p->name, ours);
    }
    size_t count = stored_elements(t);
    float *values = allocate(2 * count + 1, sizeof *values);
    if (!values)
        return -1;
    float *turned = values + count;
    stored_floats(t, values);
    if (t->dimensions == 4)
        turn_kernel(t, values, turned);
    else if (is_linear(t))
        turn_matrix(t, values, turned);
    else
        memcpy(turned, values, count * sizeof *values);
    float *to = drawing_values(d, p);
    for (size_t row = 0; row < count / width; row++)
        memcpy(to + row * last + (size_t)part * width, turned + row * width, width * sizeof *to);
    free(values);
    return 0;
}

/* ---- Sizes ---- */

/* Dimension i, in our order, of the tensor that is ours by that name; 0: none. */
static long dim(const safetensors *file, const char *ours, int i)
{
    size_t dims[STORED_DIMENSIONS_MAX];
    const struct stored_tensor *t = find(file, ours);
    return t && i < dims_of(t, dims) && dims[i] < 1 << 20 ? (long)dims[i] : 0;
}

/* The largest number for which the name (with a %d) is there. */
static int count_of(const safetensors *file, const char *format)
{
    char name[96];
    for (int i = 1;; i++) {
        snprintf(name, sizeof name, format, i);
        if (!find(file, name))
            return i - 1;
    }
}

static void infer_unet(const safetensors *file, found *out)
{
    found_say(out, "model.modules", "%d", count_of(file, "encoder%d/conv1/kernel"));
    found_say(out, "model.convolutions", "%d", count_of(file, "encoder1/conv%d/kernel"));
    found_say_truth(out, "model.batch_norm", find(file, "encoder1/norm1/gamma"));
    out->activation_unknown = out->size_unknown = true;
}

static void infer_unet_transformer(const safetensors *file, found *out)
{
    long hidden = dim(file, "decoder_a/stage1/cbam/mlp1/kernel", 1);
    found_say(out, "model.architecture", "unet-transformer");
    found_say(out, "model.blocks", "%d", count_of(file, "bottleneck/block%d/norm1/gamma"));
    found_say(out, "model.width", "%ld", dim(file, "bottleneck/embed/kernel", 1));
    found_say(out, "model.heads", "%ld", dim(file, "bottleneck/block1/attention/query/kernel", 1));
    found_say(out, "model.key_size", "%ld",
              dim(file, "bottleneck/block1/attention/query/kernel", 2));
    found_say(out, "model.ffn", "%ld", dim(file, "bottleneck/block1/ffn1/kernel", 1));
    found_say_truth(out, "model.sub_blocks", find(file, "decoder_a/sub/conv/kernel"));
    found_say_truth(out, "model.cbam", hidden);
    if (hidden)
        found_say(out, "model.cbam_ratio", "%ld",
                  dim(file, "decoder_a/stage1/cbam/mlp1/kernel", 0) / hidden);
    found_say_size(out, dim(file, "bottleneck/position", 0));
}

/* Heads, by their letters. */
static int count_sources(const safetensors *file)
{
    char name[32];
    int count = 0;
    do
        snprintf(name, sizeof name, "head_%c/kernel", 'a' + count);
    while (count < 26 && find(file, name) && ++count);
    return count;
}

static int infer(found *out, const safetensors *file, const char *path)
{
    *out = (found){0};
    if (!find(file, "encoder1/conv1/kernel"))
        return fail(STATUS_DATA,
                    "%s: not a state dict of a supported network: it has no encoder1.conv1.weight",
                    path);
    if (found_say_sources(out, count_sources(file), path))
        return -1;
    found_say(out, "model.filters", "%ld", dim(file, "encoder1/conv1/kernel", 3));
    found_say(out, "data.channels", "%ld", dim(file, "encoder1/conv1/kernel", 2));
    if (find(file, "decoder_a/stage1/up/kernel"))
        infer_unet_transformer(file, out);
    else
        infer_unet(file, out);
    return 0;
}

/* ---- All of it ---- */

static int take_heads(const drawing *d, const param *p, const safetensors *file, int sources,
                      const char *path)
{
    for (int k = 0; k < sources; k++) {
        char name[64];
        snprintf(name, sizeof name, "head_%c/%s", 'a' + k, strrchr(p->name, '/') + 1);
        const struct stored_tensor *t = find(file, name);
        if (!t)
            return fail(STATUS_DATA, "%s: %s is missing", path, name);
        if (take(d, p, t, k, sources, path))
            return -1;
    }
    return 0;
}

static bool is_counter(const char *name)
{
    static const char ending[] = ".num_batches_tracked";
    size_t length = strlen(name), own = sizeof ending - 1;
    return length > own && !strcmp(name + length - own, ending);
}

/* "head_b.weight" or "head_b.bias" of one of the sources. */
static bool is_head(const char *name, int sources)
{
    return !strncmp(name, "head_", 5) && name[5] >= 'a' && name[5] < 'a' + sources &&
           (!strcmp(name + 6, ".weight") || !strcmp(name + 6, ".bias"));
}

/* A tensor that nothing takes is one of another network. Names without a dot are of no module. */
static int check_rest(const safetensors *file, const drawing *d, int sources, const char *path)
{
    for (size_t i = 0; i < safetensors_count(file); i++) {
        const char *name = safetensors_at(file, i)->name;
        bool taken = is_counter(name) || !strchr(name, '.') || is_head(name, sources);
        for (size_t k = 0; k < d->params->count && !taken; k++)
            taken = find(file, d->params->items[k]->name) == safetensors_at(file, i);
        if (!taken)
            return fail(STATUS_DATA, "%s: unexpected tensor %s", path, name);
    }
    return 0;
}

static int import(const safetensors *file, const settings *s, const char *from, const char *to)
{
    drawing d;
    int result = drawing_make(&d, s);
    for (size_t i = 0; !result && i < d.params->count; i++) {
        const param *p = d.params->items[i];
        const struct stored_tensor *t = find(file, p->name);
        if (!strncmp(p->name, "heads/", 6) && !t)
            result = take_heads(&d, p, file, s->data.mixture.sources, from);
        else
            result = t ? take(&d, p, t, 0, 1, from)
                       : fail(STATUS_DATA, "%s: no tensor for %s", from, p->name);
    }
    if (!result)
        result = check_rest(file, &d, s->data.mixture.sources, from);
    if (!result)
        result = drawing_check(&d, from) || drawing_save(&d, s, to) ? -1 : 0;
    drawing_erase(&d);
    return result;
}

int pytorch_import(const char *from, const char *to, const char *const *overrides, size_t count)
{
    safetensors *file;
    settings *s = NULL;
    found inferred;
    if (safetensors_read(from, &file))
        return -1;
    int result = infer(&inferred, file, from) ||
                         found_settings(&inferred, &s, from, overrides, count) ||
                         import(file, s, from, to)
                     ? -1
                     : 0;
    if (!result)
        found_warn(&inferred, s, from, overrides, count, "change it with");
    settings_free(s);
    safetensors_free(file);
    return result;
}
