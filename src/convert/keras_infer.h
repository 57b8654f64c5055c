/* The settings of a network from what Keras has saved of it. */
#ifndef CONVERT_KERAS_INFER_H
#define CONVERT_KERAS_INFER_H

#include "config/settings.h"
#include "convert/keras_file.h"

/* What a file of weights alone does not say, and the default was taken for. */
typedef struct keras_guesses {
    bool activation; /* of a U-Net */
    bool size;       /* of the pictures */
} keras_guesses;

/*
 * architecture and sizes of [model], data.size, data.channels and, if there are not two, how many sources; under
 * the overrides ("section.key=value"). STATUS_DATA for a network that is neither of the two systems.
 */
int keras_infer(settings **out, const keras_file *f, const char *const *overrides, size_t count,
                keras_guesses *guesses);

#endif
