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

int params_check(const params *p, const char *prefix, bool trainable_only, const safetensors *file,
                 const char *path)
{
    for (size_t i = 0; i < p->count; i++)
        if ((param_is_trainable(p->items[i]) || !trainable_only) &&
            check_stored(p->items[i], prefix, file, path))
            return -1;
    return 0;
}

int params_check_chosen(const params *p, const char *prefix, const bool *chosen,
                        const safetensors *file, const char *path)
{
    for (size_t i = 0; i < p->count; i++)
        if (chosen[i] && check_stored(p->items[i], prefix, file, path))
            return -1;
    return 0;
}

int params_import_chosen(params *p, cl_mem buffer, const char *prefix, bool trainable_only,
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

int params_import(params *p, cl_mem buffer, const char *prefix, bool trainable_only,
                  const safetensors *file)
{
    return params_import_chosen(p, buffer, prefix, trainable_only, NULL, file);
}

int params_load(params *p, const safetensors *file, const char *path)
{
    return params_check(p, "", false, file, path) || params_import(p, p->values, "", false, file)
               ? -1
               : 0;
}

/* Makes the list the owner of a block. */
static int own(tensor_list *list, void *block)
{
    if (block &&
        !grow(&list->owned, &list->owned_capacity, list->owned_count + 1, sizeof *list->owned)) {
        list->owned[list->owned_count++] = block;
        return 0;
    }
    free(block);
    return -1;
}

static int add_to_list(tensor_list *list, const param *item, const char *prefix,
                       const float *values)
{
    char *name = format_text("%s%s", prefix, item->name);
    if (own(list, name) ||
        grow(&list->items, &list->capacity, list->count + 1, sizeof *list->items))
        return -1;
    struct stored_tensor *t = &list->items[list->count++];
    *t = (struct stored_tensor){
        .name = name, .type = STORED_F32, .dimensions = item->rank, .data = values + item->offset};
    for (int i = 0; i < item->rank; i++)
        t->shape[i] = (size_t)item->dims[i];
    return 0;
}

int params_export(params *p, cl_mem buffer, const char *prefix, bool trainable_only,
                  tensor_list *list)
{
    size_t floats = trainable_only ? p->trainable_floats : p->value_floats;
    float *values = allocate(floats, sizeof *values);
    if (own(list, values) || buffer_read(p->device, buffer, 0, values, floats * sizeof *values))
        return -1;
    for (size_t i = 0; i < p->count; i++)
        if ((param_is_trainable(p->items[i]) || !trainable_only) &&
            add_to_list(list, p->items[i], prefix, values))
            return -1;
    return 0;
}

void tensor_list_release(tensor_list *list)
{
    for (size_t i = 0; i < list->owned_count; i++)
        free(list->owned[i]);
    free(list->owned);
    free(list->items);
    *list = (tensor_list){0};
}
