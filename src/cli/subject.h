/* What `info`, `selftest`, `bench`, `tune` and `mix` are about: a model file or a config, whichever the
 * argument is. */
#ifndef CLI_SUBJECT_H
#define CLI_SUBJECT_H

#include "cli/options.h"

/* Argument `number`, from 0: of a config, out->tensors is NULL; without that argument the settings are the
 * defaults. Release with model_close(). */
int subject_open(const options *given, int number, model_file *out);

#endif
