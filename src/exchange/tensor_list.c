#include "exchange/tensor_list.h"

#include "base/memory.h"
#include <stdlib.h>

int tensor_list_own(tensor_list *list, void *block)
{
    if (block &&
        !grow(&list->owned, &list->owned_capacity, list->owned_count + 1, sizeof *list->owned)) {
        list->owned[list->owned_count++] = block;
        return 0;
    }
    free(block);
    return -1;
}

/* A copy that the list owns; NULL after fail(). */
static const char *keep(tensor_list *list, const char *text)
{
    char *copy = copy_text(text);
    return tensor_list_own(list, copy) ? NULL : copy;
}

int tensor_list_add(tensor_list *list, struct stored_tensor t)
{
    t.name = keep(list, t.name);
    if (!t.name || grow(&list->items, &list->capacity, list->count + 1, sizeof t))
        return -1;
    list->items[list->count++] = t;
    return 0;
}

int tensor_list_add_text(tensor_list *list, const char *key, const char *value)
{
    struct stored_text text = {keep(list, key), keep(list, value)};
    if (!text.key || !text.value ||
        grow(&list->texts, &list->text_capacity, list->text_count + 1, sizeof text))
        return -1;
    list->texts[list->text_count++] = text;
    return 0;
}

void tensor_list_release(tensor_list *list)
{
    for (size_t i = 0; i < list->owned_count; i++)
        free(list->owned[i]);
    free(list->owned);
    free(list->items);
    free(list->texts);
    *list = (tensor_list){0};
}
