#include "convert/drawing.h"

#include "base/error.h"
#include "base/memory.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int drawing_make(drawing *out, const settings *s)
{
    *out = (drawing){0};
    if (params_new(&out->params, NULL) ||
        network_new(&out->network, out->params, s, 1, NETWORK_INFER) ||
        !(out->values = allocate(out->params->count + 1, sizeof *out->values)))
        return -1;
    for (size_t i = 0; i < out->params->count; i++)
        if (!(out->values[i] = allocate(out->params->items[i]->count, sizeof(float))))
            return -1;
    return 0;
}

void drawing_erase(drawing *d)
{
    for (size_t i = 0; d->values && i < d->params->count; i++)
        free(d->values[i]);
    free(d->values);
    network_free(d->network);
    params_free(d->params);
    *d = (drawing){0};
}

float *drawing_values(const drawing *d, const param *p)
{
    for (size_t i = 0; i < d->params->count; i++)
        if (d->params->items[i] == p)
            return d->values[i];
    return NULL;
}

int drawing_read(const drawing *d, const safetensors *from)
{
    for (size_t i = 0; i < d->params->count; i++) {
        const param *p = d->params->items[i];
        const struct stored_tensor *t = safetensors_find(from, p->name);
        if (!t || !params_fit(p, t))
            return fail(STATUS_DATA, "the tensor %s is missing, or has another shape", p->name);
        stored_floats(t, d->values[i]);
    }
    return 0;
}

int drawing_check(const drawing *d, const char *from)
{
    for (size_t i = 0; i < d->params->count; i++) {
        const param *p = d->params->items[i];
        bool variance = strstr(p->name, "/moving_variance");
        for (size_t k = 0; k < p->count; k++) {
            float value = d->values[i][k];
            if (!isfinite(value) || (variance && value < 0))
                return fail(STATUS_DATA, "%s: the values for %s hold %g: the file is damaged", from,
                            p->name, (double)value);
        }
    }
    return 0;
}

int drawing_save(const drawing *d, const settings *s, const char *to)
{
    enum { BOTH_SYSTEMS = 32, MNIST = 28 };
    struct stored_tensor *tensors = allocate(d->params->count + 1, sizeof *tensors);
    mixture m = s->data.mixture;
    if (!tensors)
        return -1;
    for (size_t i = 0; i < d->params->count; i++)
        tensors[i] = params_stored(d->params->items[i], d->values[i]);
    if (m.format.height == BOTH_SYSTEMS && m.format.width == BOTH_SYSTEMS)
        m.inner_height = m.inner_width = MNIST;
    int result = model_save_tensors(to, tensors, d->params->count, s, &m);
    free(tensors);
    return result;
}

void drawing_dims(char *text, size_t size, const size_t dims[], int rank)
{
    size_t used = 0;
    *text = '\0';
    for (int i = 0; i < rank && used < size; i++)
        used += (size_t)snprintf(text + used, size - used, "%s%zu", i ? " x " : "", dims[i]);
}
