/*
 * `unblend import` of a whole model of Keras whose config, JSON, is the input, under libFuzzer (`make fuzz`). Its arrays
 * are those of a model that Keras has saved (UNBLEND_FUZZ_MODEL, an .h5 file).
 */
#include "base/error.h"
#include "base/files.h"
#include "exchange/tensor_list.h"
#include "hdf5/unpack.h"
#include "import_bytes.h"
#include <string.h>

static tensor_list model; /* all but the config */

static void read_model(const char *path)
{
    safetensors *file;
    if (!path || unpack(path, to) || safetensors_read(to, &file)) {
        fprintf(stderr, "%s\n", path ? error_message() : "UNBLEND_FUZZ_MODEL is not set");
        exit(1);
    }
    for (size_t i = 0; i < safetensors_count(file); i++)
        if (tensor_list_add(&model, *safetensors_at(file, i)))
            abort();
    for (size_t i = 0; safetensors_key(file, i); i++) {
        const char *key = safetensors_key(file, i);
        if (strcmp(key, "model_config") != 0 && strcmp(key, "sha256_of_tensors") != 0 &&
            tensor_list_add_text(&model, key, safetensors_metadata(file, key)))
            abort();
    }
    /* file stays open: the list has its data */
}

/* What unblend-hdf5 would have made of such a model: `source` has the config. */
int helper_run(const char *action, const char *source, const char *target)
{
    unsigned char *config;
    size_t length;
    (void)action;
    if (!model.count)
        read_model(getenv("UNBLEND_FUZZ_MODEL"));
    if (file_read(source, SIZE_MAX / 2, STATUS_DATA, &config, &length))
        return -1;
    struct stored_text texts[512];
    if (model.text_count >= 512)
        abort();
    memcpy(texts, model.texts, model.text_count * sizeof *texts);
    texts[model.text_count] = (struct stored_text){"model_config", (const char *)config};
    int result = safetensors_write(target, model.items, model.count, texts, model.text_count + 1);
    free(config);
    return result;
}
