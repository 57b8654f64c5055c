/*
 * A model whose answer is known: the tiny model with every parameter 0 but for variances of 1, in
 * which a test sets what it wants to know of.
 *
 *     model_file file;
 *     blank_model_open(&file, "tiny.safetensors");
 *     blank_model_set(&file, "head_b/bias", 0, 1.5f);
 */
#ifndef TESTS_BLANK_MODEL_H
#define TESTS_BLANK_MODEL_H

#include "scratch.h"

#include "models/model_file.h"

/* Number `index` of a tensor; with index -1 all of them. */
static inline void blank_model_set(const model_file *file, const char *name, int index, float value)
{
    const struct stored_tensor *t = safetensors_find(file->tensors, name);
    if (!t)
        fail_msg("the model has no %s", name);
    float *values = (float *)t->data;
    for (size_t i = 0; i < stored_elements(t); i++)
        if (index < 0 || i == (size_t)index)
            values[i] = value;
}

static inline void blank_model_open(model_file *file, const char *path)
{
    assert_int_equal(model_open(path, NULL, 0, file), 0);
    for (size_t i = 0; i < safetensors_count(file->tensors); i++) {
        const char *name = safetensors_at(file->tensors, i)->name;
        blank_model_set(file, name, -1, strstr(name, "variance") ? 1 : 0);
    }
}

/* Bright pictures overflow the first sum, and infinity times a factor of 0 is not a number. */
static inline void blank_model_overflows(const model_file *file)
{
    blank_model_set(file, "encoder1/conv1/kernel", -1, 3e38f);
    blank_model_set(file, "decoder1/conv1/kernel", -1, 1);
    blank_model_set(file, "head_a/kernel", -1, 1);
}

static inline void blank_model_save(const model_file *file, const char *path)
{
    struct stored_tensor tensors[64];
    size_t count = safetensors_count(file->tensors);
    assert_in_range(count, 1, 64);
    for (size_t i = 0; i < count; i++)
        tensors[i] = *safetensors_at(file->tensors, i);
    struct stored_text metadata[] = {{"format", safetensors_metadata(file->tensors, "format")},
                                     {"config", safetensors_metadata(file->tensors, "config")}};
    assert_int_equal(safetensors_write(path, tensors, count, metadata, 2), 0);
}

#endif
