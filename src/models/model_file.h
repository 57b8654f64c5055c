/*
 * Model files: safetensors with every param under its name, and in the metadata
 *
 *   format             "unblend 2"
 *   config             the settings in force, as an INI text without [device]
 *   pictures           "28x28": height and width of the training pictures, without their border
 *   typical            what the blends of validation were like (typical.h); may be missing
 *   sha256_of_tensors  a checksum
 */
#ifndef MODELS_MODEL_FILE_H
#define MODELS_MODEL_FILE_H

#include "config/settings.h"
#include "exchange/params_file.h"
#include "models/typical.h"

#define MODEL_NAME "model.safetensors" /* in the directory of a run */

/* Writes path atomically. t may be NULL. m is the settings' mixture with the inner size of the training pictures, which
 * may be left 0: then they have no border. The same arguments give the same bytes. */
int model_save(const char *path, params *p, const settings *s, const mixture *m, const typical *t);

/* The same from tensors in memory, one for each of the network's parameters. */
int model_save_tensors(const char *path, const struct stored_tensor *tensors, size_t count,
                       const settings *s, const mixture *m);

/* Whether model_save() could make the file's contents; writes nothing. */
int model_check(const char *path, params *p, const settings *s, const mixture *m);

/* The path of a model that came with unblend, by its name ("digits-fashion"): NAME.safetensors in the
 * directory `models` beside that of the kernels. NULL if there is none (no error is recorded); release with
 * free(). */
char *model_shipped(const char *name);

/* Where these are; NULL after fail() if unblend's files cannot be found. Release with free(). */
char *model_directory(void);

/* A model ready to load: STATUS_DATA unless the file is whole, ours, and its config is valid.
 * overrides ("section.key=value") go over its config. */
typedef struct model_file {
    safetensors *tensors;
    settings *settings;
    mixture mixture; /* that of the settings, with the inner size of the training pictures */
    typical typical; /* of no blends where the file does not say it */
} model_file;
/* path may also be the name of a model that came with unblend, if no file is called so. */
int model_open(const char *path, const char *const *overrides, size_t count, model_file *out);
void model_close(model_file *m);

/* The same model with kernels, which are nearly all of it, as 16-bit numbers. Atomically. */
int model_pack(const model_file *m, const char *path);

#endif
