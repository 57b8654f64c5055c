#include "exchange/params_file.h"

#include "base/error.h"
#include "base/memory.h"
#include <stdio.h>
#include <stdlib.h>

static void full_name(const param *item, const char *prefix, char *name, size_t size)
{
    snprintf(name, size, "%s%s", prefix, item->name);
}

bool params_fit(const param *item, const struct stored_tensor *stored)
{
    bool fits = (stored->type == STORED_F32 || stored->type == STORED_F16) &&
                stored->dimensions == item->rank;
    for (int i = 0; fits && i < item->rank; i++)
        fits = stored->shape[i] == (size_t)item->dims[i];
    return fits;
}

static int check_stored(const param *item, const char *prefix, const safetensors *file,
                        const char *path)
{
    char name[160];
    full_name(item, prefix, name, sizeof name);
    const struct stored_tensor *stored = safetensors_find(file, name);
    if (!stored)
        return fail(STATUS_DATA, "%s: tensor %s is missing", path, name);
    return params_fit(item, stored)
               ? 0
               : fail(STATUS_DATA, "%s: tensor %s has another type or shape than the model needs",
                      path, name);
}

int params_check(const params *p, const char *prefix, const bool *chosen, const safetensors *file,
                 const char *path)
{
    for (size_t i = 0; i < p->count; i++)
        if ((!chosen || chosen[i]) && check_stored(p->items[i], prefix, file, path))
            return -1;
    return 0;
}

int params_import(params *p, cl_mem buffer, const char *prefix, bool trainable_only,
                  const bool *chosen, const safetensors *file)
{
    size_t floats = trainable_only ? p->trainable_floats : p->value_floats;
    float *values = allocate(floats, sizeof *values); /* zeros between params */
    if (!values || (chosen && buffer_read(p->device, buffer, 0, values, floats * sizeof *values))) {
        free(values);
        return -1;
    }
    for (size_t i = 0; i < p->count; i++) {
        const param *item = p->items[i];
        char name[160];
        if ((trainable_only && !param_is_trainable(item)) || (chosen && !chosen[i]))
            continue;
        full_name(item, prefix, name, sizeof name);
        stored_floats(safetensors_find(file, name), values + item->offset);
    }
    int result = buffer_write(p->device, buffer, 0, values, floats * sizeof *values);
    free(values);
    p->version++;
    return result;
}

int params_load(params *p, const safetensors *file, const char *path)
{
    return params_check(p, "", NULL, file, path) ||
                   params_import(p, p->values, "", false, NULL, file)
               ? -1
               : 0;
}

struct stored_tensor params_stored(const param *item, const float *values)
{
    struct stored_tensor t = {
        .name = item->name, .type = STORED_F32, .dimensions = item->rank, .data = values};
    for (int i = 0; i < item->rank; i++)
        t.shape[i] = (size_t)item->dims[i];
    return t;
}

static int add_to_list(tensor_list *list, const param *item, const char *prefix,
                       const float *values)
{
    char name[160];
    struct stored_tensor t = params_stored(item, values + item->offset);
    full_name(item, prefix, name, sizeof name);
    t.name = name;
    return tensor_list_add(list, t);
}

int params_export(params *p, cl_mem buffer, const char *prefix, bool trainable_only,
                  tensor_list *list)
{
    size_t floats = trainable_only ? p->trainable_floats : p->value_floats;
    float *values = allocate(floats, sizeof *values);
    if (tensor_list_own(list, values) ||
        buffer_read(p->device, buffer, 0, values, floats * sizeof *values))
        return -1;
    for (size_t i = 0; i < p->count; i++)
        if ((param_is_trainable(p->items[i]) || !trainable_only) &&
            add_to_list(list, p->items[i], prefix, values))
            return -1;
    return 0;
}
