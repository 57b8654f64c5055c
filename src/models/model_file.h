/*
 * Model files: safetensors with every param under its name, and in the metadata
 *
 *   format             "unblend 2"
 *   config             the settings in force, as an INI text without [device]
 *   pictures           "28x28": height and width of the training pictures, without their border
 *   sha256_of_tensors  a checksum
 */
#ifndef MODELS_MODEL_FILE_H
#define MODELS_MODEL_FILE_H

#include "config/settings.h"
#include "exchange/params_file.h"

#define MODEL_NAME "model.safetensors" /* in the directory of a run */

/* Writes path atomically. m is the settings' mixture with the inner size of the training pictures, which
 * may be left 0: then they have no border. The same arguments give the same bytes. */
int model_save(const char *path, params *p, const settings *s, const mixture *m);

/* Whether model_save() could make the file's contents; writes nothing. */
int model_check(const char *path, params *p, const settings *s, const mixture *m);

/* A model ready to load: STATUS_DATA unless the file is whole, ours, and its config is valid.
 * overrides ("section.key=value") go over its config. */
typedef struct model_file {
    safetensors *tensors;
    settings *settings;
    mixture mixture; /* that of the settings, with the inner size of the training pictures */
} model_file;
int model_open(const char *path, const char *const *overrides, size_t count, model_file *out);
void model_close(model_file *m);

#endif
