/* What `info`, `selftest`, `bench` and `tune` are about: a model file or a config, whichever the
 * argument is. */
#ifndef CLI_SUBJECT_H
#define CLI_SUBJECT_H

#include "cli/options.h"

/* The first argument: of a config, out->tensors is NULL; without an argument the settings are the
 * defaults. Release with model_close(). */
int subject_open(const options *given, model_file *out);

#endif
