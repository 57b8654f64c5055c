/*
 * Whole trainings of the least network, for the test programs about the trainer: each in a directory of
 * the scratch directory, on the device that open_for_trainings opened.
 */
#ifndef TESTS_TRAININGS_H
#define TESTS_TRAININGS_H

#include "base/files.h"
#include "compute/open_device.h"
#include "scratch.h"
#include "train/checkpoint.h"
#include "train/run_directory.h"
#include "train/trainer.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

static device *opened;

static inline void must(int result)
{
    if (result)
        fail_msg("%s", error_message());
}

static inline int open_for_trainings(void **state)
{
    settings *s = NULL;
    int result =
        scratch_make(state) || settings_load(&s, NULL, NULL, 0) || open_device(&opened, &s->device);
    settings_free(s);
    return result ? -1 : 0;
}

static inline int close_after_trainings(void **state)
{
    device_close(opened);
    return scratch_remove(state);
}

#define TINY_BATCH 4

/* Ends with NULL. */
enum { OVERRIDES_MOST = 12 };
typedef const char *overrides[OVERRIDES_MOST];

/* The least network, under what else is asked for. */
static inline settings *settings_of(const overrides more)
{
    static const char *const tiny[] = {
        "model.filters=2",
        "model.modules=2",
        "model.convolutions=1",
        "model.activation=sigmoid",
        "data.directory=tests/sample",
        "train.batch=4",
        "train.steps_per_epoch=5",
        "train.validation_steps=2",
        "train.epochs=3",
        "train.keep=last",
    };
    const char *all[COUNT(tiny) + OVERRIDES_MOST];
    size_t count = 0;
    settings *s;
    for (size_t i = 0; i < COUNT(tiny); i++)
        all[count++] = tiny[i];
    for (int i = 0; i < OVERRIDES_MOST && more[i]; i++)
        all[count++] = more[i];
    must(settings_load(&s, NULL, all, count));
    return s;
}

typedef struct training {
    settings *settings;
    char run[600];
    trainer *trainer;
} training;

static inline training open_training(const char *name, bool resume, const overrides more)
{
    training t = {.settings = settings_of(more)};
    snprintf(t.run, sizeof t.run, "%s/%s", scratch, name);
    must(directory_make(t.run));
    must(trainer_new(&t.trainer, opened, t.settings, t.run, resume));
    return t;
}

static inline void close_training(training *t)
{
    trainer_free(t->trainer);
    settings_free(t->settings);
}

static inline training trained_in(const char *name, bool resume, const overrides more)
{
    training t = open_training(name, resume, more);
    must(trainer_run(t.trainer));
    return t;
}

static inline void train(const char *name, bool resume, const overrides more)
{
    training t = trained_in(name, resume, more);
    close_training(&t);
}

/* ---- What they leave ---- */

static inline safetensors *file_of(const char *run, const char *name)
{
    char path[800];
    safetensors *file;
    snprintf(path, sizeof path, "%s/%s/%s", scratch, run, name);
    must(safetensors_read(path, &file));
    return file;
}

/* Whether b has every tensor of a with the same bits. */
static inline bool same_tensors(const char *run_a, const char *run_b, const char *name)
{
    safetensors *a = file_of(run_a, name), *b = file_of(run_b, name);
    bool same = true;
    for (size_t i = 0; i < safetensors_count(a); i++) {
        const struct stored_tensor *mine = safetensors_at(a, i);
        const struct stored_tensor *other = safetensors_find(b, mine->name);
        if (!other)
            fail_msg("%s/%s has no %s", run_b, name, mine->name);
        same = same && !memcmp(mine->data, other->data, stored_bytes(mine));
    }
    safetensors_free(a);
    safetensors_free(b);
    return same;
}

#endif
