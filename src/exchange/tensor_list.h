/*
 * Tensors and texts on their way into a safetensors file, with the memory they take.
 *
 *     tensor_list list = {0};
 *     if (tensor_list_own(&list, values) || tensor_list_add(&list, (struct stored_tensor){...})) ...
 *     safetensors_write(path, list.items, list.count, list.texts, list.text_count);
 *     tensor_list_release(&list);
 */
#ifndef EXCHANGE_TENSOR_LIST_H
#define EXCHANGE_TENSOR_LIST_H

#include "exchange/safetensors.h"

/* Starts as {0}; released also after a failure. */
typedef struct tensor_list {
    struct stored_tensor *items;
    size_t count, capacity;
    struct stored_text *texts;
    size_t text_count, text_capacity;
    void **owned; /* names, texts and values */
    size_t owned_count, owned_capacity;
} tensor_list;

/* Takes over a block of malloc(), also if it fails; NULL is a failure. */
int tensor_list_own(tensor_list *list, void *block);

/* Copies the name, but not the data. */
int tensor_list_add(tensor_list *list, struct stored_tensor t);

/* Copies both. */
int tensor_list_add_text(tensor_list *list, const char *key, const char *value);

void tensor_list_release(tensor_list *list);

#endif
