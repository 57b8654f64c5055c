/* The settings of a network from what Keras has saved of it. */
#ifndef CONVERT_KERAS_INFER_H
#define CONVERT_KERAS_INFER_H

#include "config/settings.h"
#include "convert/keras_file.h"

/*
 * architecture and sizes of [model], data.size, data.channels and, if there are not two, how many sources; under
 * the overrides ("section.key=value"). A file of weights alone does not say the activation of a U-Net, which then
 * is the default's, nor the size of the pictures; *guessed says so. STATUS_DATA for a network that is neither of
 * the two systems.
 */
int keras_infer(settings **out, const keras_file *f, const char *const *overrides, size_t count,
                bool *guessed);

#endif
