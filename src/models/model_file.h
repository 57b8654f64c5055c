/*
 * Model files: safetensors with every param under its name, and in the metadata the effective
 * settings ("config", an INI text), "format" = "unblend 1" and the checksum.
 */
#ifndef MODELS_MODEL_FILE_H
#define MODELS_MODEL_FILE_H

#include "config/settings.h"
#include "exchange/params_file.h"

#define MODEL_NAME "model.safetensors" /* in the directory of a run */

/* Writes path atomically. The same params and settings give the same bytes. */
int model_save(const char *path, params *p, const settings *s);

/* Whether model_save() could make the file's contents; writes nothing. */
int model_check(const char *path, params *p, const settings *s);

/* A model ready to load: STATUS_DATA unless the file is whole, ours, and its config is valid.
 * overrides ("section.key=value") go over its config. */
typedef struct model_file {
    safetensors *tensors;
    settings *settings;
} model_file;
int model_open(const char *path, const char *const *overrides, size_t count, model_file *out);
void model_close(model_file *m);

#endif
