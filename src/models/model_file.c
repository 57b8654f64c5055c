#include "models/model_file.h"

#include "base/error.h"
#include <stdlib.h>
#include <string.h>

static const char format_name[] = "unblend 1";

/* What safetensors_write() and safetensors_check() are. */
typedef int store(const char *path, const struct stored_tensor *tensors, size_t tensor_count,
                  const struct stored_text *metadata, size_t metadata_count);

static int hand_model(store *to, const char *path, params *p, const settings *s)
{
    tensor_list tensors = {0};
    char *config = settings_ini_without(s, "device");
    int result = -1;
    if (config && !params_export(p, p->values, "", false, &tensors)) {
        struct stored_text metadata[] = {{"format", format_name}, {"config", config}};
        result = to(path, tensors.items, tensors.count, metadata, 2);
    }
    free(config);
    tensor_list_release(&tensors);
    return result;
}

int model_save(const char *path, params *p, const settings *s)
{
    return hand_model(safetensors_write, path, p, s);
}

int model_check(const char *path, params *p, const settings *s)
{
    return hand_model(safetensors_check, path, p, s);
}

int model_open(const char *path, const char *const *overrides, size_t count, model_file *out)
{
    *out = (model_file){0};
    if (safetensors_read(path, &out->tensors))
        return -1;
    const char *format = safetensors_metadata(out->tensors, "format");
    const char *config = safetensors_metadata(out->tensors, "config");
    if (!format || strcmp(format, format_name) || !config) {
        fail(STATUS_DATA, "%s: not a model of unblend (its metadata does not say \"%s\")", path,
             format_name);
    } else if (settings_parse(&out->settings, config, path, NULL, 0)) {
        fail(STATUS_DATA, "%s: the settings in this model are not valid: %s", path,
             error_message());
    } else { /* they are; what fails now is an override */
        settings_free(out->settings);
        if (!settings_parse(&out->settings, config, path, overrides, count))
            return 0;
    }
    model_close(out);
    return -1;
}

void model_close(model_file *m)
{
    safetensors_free(m->tensors);
    settings_free(m->settings);
    *m = (model_file){0};
}
