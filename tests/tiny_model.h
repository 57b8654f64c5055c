/* Small models for the tests of what uses models: one with random weights, one whose heads give
 * what the test asks for, whatever the picture. */
#ifndef TESTS_TINY_MODEL_H
#define TESTS_TINY_MODEL_H

#include "compute/open_device.h"
#include "models/model_file.h"
#include "models/network.h"

#include <math.h>
#include <string.h>

enum { TINY_SOURCES = 2 };

static const char *const tiny_overrides[] = {"model.filters=2", "model.modules=2",
                                             "model.convolutions=1", "model.activation=sigmoid"};

static inline int fill_param(params *p, const char *name, float value)
{
    for (size_t i = 0; i < p->count; i++)
        if (!strcmp(p->items[i]->name, name))
            return buffer_fill(p->device, p->values, value, p->items[i]->offset * sizeof(float),
                               p->items[i]->count * sizeof(float));
    return -1;
}

/* All of a param's values. */
static inline int write_param(params *p, const char *name, const float *values)
{
    for (size_t i = 0; i < p->count; i++)
        if (!strcmp(p->items[i]->name, name))
            return buffer_write(p->device, p->values, p->items[i]->offset * sizeof(float), values,
                                p->items[i]->count * sizeof(float));
    return -1;
}

/* Zero kernels, and the bias whose sigmoid is the value. */
static inline int make_constant(params *p, const float *values)
{
    float biases[TINY_SOURCES];
    for (int k = 0; k < TINY_SOURCES; k++)
        biases[k] = logf(values[k] / (1 - values[k]));
    return fill_param(p, "heads/kernel", 0) || write_param(p, "heads/bias", biases) ? -1 : 0;
}

/* Zero for a black picture, beyond what a float can hold for others: with relu. */
static inline int make_overflowing(params *p, const float *values)
{
    (void)values;
    for (size_t i = 0; i < p->count; i++)
        if (strstr(p->items[i]->name, "/kernel") && fill_param(p, p->items[i]->name, 1e20f))
            return -1;
    return 0;
}

/* A model of these settings with random weights, some of which `change` then sets; NULL: none. inner: the side of its
 * training pictures, 0 if they have no border. */
static inline int save_model_of(const char *path, const char *const *overrides, size_t count,
                                uint64_t seed, int inner,
                                int (*change)(params *p, const float *values), const float *values)
{
    settings *s = NULL;
    device *d = NULL;
    params *p = NULL;
    network *n = NULL;
    mixture m;
    int result = -1;
    if (settings_load(&s, NULL, overrides, count))
        return -1;
    m = s->data.mixture;
    m.inner_height = m.inner_width = inner;
    if (!open_device(&d, &s->device) && !params_new(&p, d) &&
        !network_new(&n, p, s, 1, NETWORK_INFER) && !params_allocate(p, false) &&
        !params_initialize(p, seed) && !(change && change(p, values)))
        result = model_save(path, p, s, &m, NULL);
    network_free(n);
    params_free(p);
    device_close(d);
    settings_free(s);
    return result;
}

/* Of 28 x 28 in 32 x 32, as MNIST, with that activation. */
static inline int save_tiny_model(const char *path, const char *activation,
                                  int (*change)(params *p, const float *values),
                                  const float *values)
{
    const char *overrides[] = {tiny_overrides[0], tiny_overrides[1], tiny_overrides[2], activation};
    return save_model_of(path, overrides, 4, 7, 28, change, values);
}

/* On the device that the environment names. */
static inline int tiny_model_save(const char *path)
{
    return save_tiny_model(path, tiny_overrides[3], NULL, NULL);
}

/* Head A gives a, head B gives b in every pixel (0 < a, b < 1): 0.2 is byte 51, 0.8 is 204. */
static inline int constant_model_save(const char *path, float a, float b)
{
    const float values[TINY_SOURCES] = {a, b};
    return save_tiny_model(path, tiny_overrides[3], make_constant, values);
}

static inline int overflowing_model_save(const char *path)
{
    return save_tiny_model(path, "model.activation=relu", make_overflowing, NULL);
}

#endif
