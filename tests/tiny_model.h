/* A small model with random weights, for the tests of what uses models. */
#ifndef TESTS_TINY_MODEL_H
#define TESTS_TINY_MODEL_H

#include "models/model_file.h"
#include "models/network.h"
#include "models/open_device.h"

static const char *const tiny_overrides[] = {"model.filters=2", "model.modules=2",
                                             "model.convolutions=1", "model.activation=sigmoid"};

/* On the device that the environment names. */
static inline int tiny_model_save(const char *path)
{
    settings *s = NULL;
    device *d = NULL;
    params *p = NULL;
    network *n = NULL;
    int result = -1;
    if (!settings_load(&s, NULL, tiny_overrides, 4) && !open_device(&d, s) && !params_new(&p, d) &&
        !network_new(&n, p, s, 1, NETWORK_INFER) && !params_allocate(p, false) &&
        !params_initialize(p, 7))
        result = model_save(path, p, s);
    network_free(n);
    params_free(p);
    device_close(d);
    settings_free(s);
    return result;
}

#endif
