/*
 * Parameters to and from safetensors.
 *
 * The functions with a buffer are for any buffer laid out as the values are (or, with trainable_only,
 * as the gradients are): values, moments, averages. prefix goes before the names.
 */
#ifndef EXCHANGE_PARAMS_FILE_H
#define EXCHANGE_PARAMS_FILE_H

#include "exchange/tensor_list.h"
#include "nn/params.h"

/* STATUS_DATA unless the file has a tensor of the right name, type and dims for every param, or for those that chosen
 * (p->count; NULL: all) marks. */
int params_check(const params *p, const char *prefix, const bool *chosen, const safetensors *file,
                 const char *path);
/* After params_check() of the same. The buffer keeps what it has of params that are not chosen. */
int params_import(params *p, cl_mem buffer, const char *prefix, bool trainable_only,
                  const bool *chosen, const safetensors *file);
/* Whether the tensor has the param's shape, in a type of weights. */
bool params_fit(const param *item, const struct stored_tensor *stored);
/* Check and import of the values. */
int params_load(params *p, const safetensors *file, const char *path);

/* The param and its host values, as a tensor of a file; borrows both. */
struct stored_tensor params_stored(const param *item, const float *values);

/* Adds all params, in the order of declaration. The list is released also after a failure. */
int params_export(params *p, cl_mem buffer, const char *prefix, bool trainable_only,
                  tensor_list *list);

#endif
