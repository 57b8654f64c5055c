#include "models/model_file.h"

#include "base/error.h"
#include "base/files.h"
#include "base/identify.h"
#include "base/memory.h"
#include "exchange/half.h"
#include "opencl/kernel.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char format_name[] = "unblend 2", old_format_name[] = "unblend 1";

/* What safetensors_write() and safetensors_check() are. */
typedef int store(const char *path, const struct stored_tensor *tensors, size_t tensor_count,
                  const struct stored_text *metadata, size_t metadata_count);

/* What a model says of itself beside its tensors. */
typedef struct model_notes {
    const settings *settings;
    const mixture *mixture;
    const typical *typical; /* NULL: not known */
} model_notes;

static int hand_tensors(store *to, const char *path, const struct stored_tensor *tensors,
                        size_t count, const model_notes *notes)
{
    const mixture *m = notes->mixture;
    bool has_typical = notes->typical && notes->typical->blends;
    char *config = settings_ini_without(notes->settings, "device");
    char *pictures = format_text("%dx%d", m->inner_height ? m->inner_height : m->format.height,
                                 m->inner_width ? m->inner_width : m->format.width);
    char *typical = has_typical ? typical_as_text(notes->typical) : NULL;
    int result = -1;
    if (config && pictures && (typical || !has_typical)) {
        struct stored_text metadata[] = {{"format", format_name},
                                         {"config", config},
                                         {"pictures", pictures},
                                         {"typical", typical}};
        result = to(path, tensors, count, metadata, has_typical ? 4 : 3);
    }
    free(config);
    free(pictures);
    free(typical);
    return result;
}

static int hand_model(store *to, const char *path, params *p, const model_notes *notes)
{
    tensor_list tensors = {0};
    int result = params_export(p, p->values, "", false, &tensors)
                     ? -1
                     : hand_tensors(to, path, tensors.items, tensors.count, notes);
    tensor_list_release(&tensors);
    return result;
}

int model_save_tensors(const char *path, const struct stored_tensor *tensors, size_t count,
                       const settings *s, const mixture *m)
{
    return hand_tensors(safetensors_write, path, tensors, count, &(model_notes){s, m, NULL});
}

int model_save(const char *path, params *p, const settings *s, const mixture *m, const typical *t)
{
    return hand_model(safetensors_write, path, p, &(model_notes){s, m, t});
}

int model_check(const char *path, params *p, const settings *s, const mixture *m)
{
    return hand_model(safetensors_check, path, p, &(model_notes){s, m, NULL});
}

/* What is no safetensors file is named for what it is. */
static int check_kind(const char *path)
{
    file_kind kind = file_identify(path);
    char *inside = kind.type == FILE_DIRECTORY ? path_join(path, MODEL_NAME) : NULL;
    int result = 0;
    if (inside && file_exists(inside))
        result = fail(STATUS_DATA, "%s: a directory; the model in it is %s", path, inside);
    else if (kind.type == FILE_INI)
        result =
            fail(STATUS_DATA,
                 "%s: a config, and a model is needed here; `unblend train` makes one of it", path);
    else if (kind.name && kind.type != FILE_SAFETENSORS && kind.type != FILE_BINARY)
        result = fail(STATUS_DATA,
                      "%s: %s; unblend reads its own .safetensors models, and `unblend import` "
                      "converts those of Keras",
                      path, kind.name);
    free(inside);
    return result;
}

static int refuse_format(const char *path, const char *format)
{
    if (format && !strncmp(format, "unblend checkpoint", strlen("unblend checkpoint")))
        return fail(STATUS_DATA,
                    "%s: a checkpoint of a training, not a model; the run's model is " MODEL_NAME
                    " beside it",
                    path);
    if (format && !strcmp(format, old_format_name))
        return fail(STATUS_DATA,
                    "%s: a model of unblend 0.1, which this version does not read; train it again",
                    path);
    return fail(STATUS_DATA,
                "%s: not a model of unblend (its metadata does not say \"%s\"); a state dict of "
                "PyTorch is converted by `unblend import --from pytorch`",
                path, format_name);
}

/* The size of the training pictures, without their border. */
static int read_inner(const char *text, const char *path, mixture *m)
{
    struct image_format f = m->format;
    int height = 0, width = 0, end = 0;
    bool whole = text && sscanf(text, "%5dx%5d%n", &height, &width, &end) == 2 && !text[end] &&
                 height >= 1 && height <= f.height && width >= 1 && width <= f.width;
    m->inner_height = height;
    m->inner_width = width;
    return whole ? 0
                 : fail(STATUS_DATA,
                        "%s: not a valid model: \"pictures\" in its metadata is no size that fits "
                        "into %d x %d",
                        path, f.height, f.width);
}

/* What the model itself says, apart from the environment and the caller's overrides, whose mistakes are
 * not the model's. */
static int read_own(const safetensors *tensors, const char *path, mixture *out)
{
    settings *own = NULL;
    int result = settings_parse_alone(&own, safetensors_metadata(tensors, "config"), path);
    if (result && error_status() == STATUS_USAGE)
        fail(STATUS_DATA, "%s: the settings in this model are not valid: %s", path,
             error_message());
    if (!result) {
        *out = own->data.mixture;
        result = read_inner(safetensors_metadata(tensors, "pictures"), path, out);
    }
    settings_free(own);
    return result;
}

/* The mixture of the settings in force. Of another size than the model's no border is known. */
static mixture mixture_in_force(const settings *s, const mixture *own)
{
    mixture m = s->data.mixture;
    bool same = image_format_equal(m.format, own->format);
    m.inner_height = same ? own->inner_height : m.format.height;
    m.inner_width = same ? own->inner_width : m.format.width;
    return m;
}

char *model_directory(void)
{
    const char *kernels = kernel_directory();
    return kernels ? format_text("%s/../models", kernels) : NULL;
}

char *model_shipped(const char *name)
{
    char *directory = strchr(name, '/') ? NULL : model_directory();
    char *path = directory ? format_text("%s/%s.safetensors", directory, name) : NULL;
    free(directory);
    if (path && file_exists(path))
        return path;
    free(path);
    error_clear();
    return NULL;
}

static int open_path(const char *path, const char *const *overrides, size_t count, model_file *out)
{
    if (check_kind(path) || safetensors_read(path, &out->tensors))
        return -1;
    const char *format = safetensors_metadata(out->tensors, "format");
    const char *config = safetensors_metadata(out->tensors, "config");
    int result = format && config && !strcmp(format, format_name) ? 0 : refuse_format(path, format);
    mixture own;
    if (result || read_own(out->tensors, path, &own) ||
        settings_parse_trained(&out->settings, config, path, overrides, count)) {
        model_close(out);
        return -1;
    }
    out->mixture = mixture_in_force(out->settings, &own);
    typical_read(safetensors_metadata(out->tensors, "typical"), &out->typical);
    return 0;
}

int model_open(const char *path, const char *const *overrides, size_t count, model_file *out)
{
    *out = (model_file){0};
    bool missing = file_identify(path).type == FILE_UNKNOWN && !file_exists(path);
    char *shipped = missing ? model_shipped(path) : NULL;
    bool name_only = missing && !shipped && *path && !strpbrk(path, "/.");
    int result = name_only ? fail(STATUS_DATA,
                                  "%s: no such file, and no model that comes with unblend is "
                                  "called so (`unblend models` lists them)",
                                  path)
                           : open_path(shipped ? shipped : path, overrides, count, out);
    free(shipped);
    return result;
}

void model_close(model_file *m)
{
    safetensors_free(m->tensors);
    settings_free(m->settings);
    *m = (model_file){0};
}

/* ---- 16 bits ---- */

/* Kernels whose values are all small enough; the others stay as they are. */
static bool can_be_rounded(const struct stored_tensor *t)
{
    const float *values = t->data;
    if (t->type != STORED_F32 || t->dimensions < 2)
        return false;
    for (size_t i = 0; i < stored_elements(t); i++)
        if (!(fabsf(values[i]) <= HALF_LARGEST))
            return false;
    return true;
}

/* In place of the tensor's values, in memory that the caller releases. */
static uint16_t *round_values(struct stored_tensor *t)
{
    size_t count = stored_elements(t);
    const float *values = t->data;
    uint16_t *halves = allocate(count, sizeof *halves);
    for (size_t i = 0; halves && i < count; i++)
        halves[i] = half_from_float(values[i]);
    t->type = STORED_F16;
    t->data = halves;
    return halves;
}

int model_pack(const model_file *m, const char *path)
{
    size_t count = safetensors_count(m->tensors);
    struct stored_tensor *tensors = allocate(count, sizeof *tensors);
    uint16_t **halves = allocate(count, sizeof *halves);
    char *typical = m->typical.blends ? typical_as_text(&m->typical) : NULL;
    struct stored_text metadata[] = {{"format", safetensors_metadata(m->tensors, "format")},
                                     {"config", safetensors_metadata(m->tensors, "config")},
                                     {"pictures", safetensors_metadata(m->tensors, "pictures")},
                                     {"typical", typical}};
    int result = tensors && halves && (typical || !m->typical.blends) ? 0 : -1;
    for (size_t i = 0; i < count && !result; i++) {
        tensors[i] = *safetensors_at(m->tensors, i);
        if (can_be_rounded(&tensors[i]))
            result = (halves[i] = round_values(&tensors[i])) ? 0 : -1;
    }
    if (!result)
        result = safetensors_write(path, tensors, count, metadata, typical ? 4 : 3);
    for (size_t i = 0; halves && i < count; i++)
        free(halves[i]);
    free(halves);
    free(tensors);
    free(typical);
    return result;
}
