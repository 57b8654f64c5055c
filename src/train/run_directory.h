/*
 * The directory of a run: what a training leaves there, and who may write there.
 *
 *     run_lock *l;
 *     if (run_lock_take(&l, "runs/first")) ...
 *     trainer_run(t);
 *     run_lock_release(l);
 *
 * The lock is one of the system's on RUN/run.lock, so a process that dies, in whatever way, holds none.
 */
#ifndef TRAIN_RUN_DIRECTORY_H
#define TRAIN_RUN_DIRECTORY_H

#include "config/settings.h"
#include "models/model_file.h"
#include <stddef.h>

/* The files of a run. MODEL_NAME is models/model_file.h's. */
#define CONFIG_NAME "config.ini"
#define CHECKPOINT_NAME "checkpoint.safetensors"
#define CHECKPOINT_PREVIOUS_NAME "checkpoint.previous.safetensors"
#define HISTORY_JSON "history.json"
#define HISTORY_CSV "history.csv"
#define HISTORY_PICTURE_NAME "history.svg"
#define PANEL_PICTURE_NAME "panel.png"

typedef struct run_lock run_lock;

/* Makes the directory and locks it. STATUS_RUNTIME, naming the process, if another has done so, or if
 * no file can be made in it. A file system without locks is warned of. */
int run_lock_take(run_lock **out, const char *run);
void run_lock_release(run_lock *l);

/* Whether a training will be able to write its files, as far as can be checked beforehand: names, and
 * room for two checkpoints and two models of so many bytes, of which one each is being replaced. Less
 * room than that causes a warning; no room even for one of each is STATUS_RUNTIME. */
int run_check(const char *run, size_t checkpoint_bytes, size_t model_bytes);

/* RUN/config.ini: every setting in force. */
int run_write_config(const char *run, const settings *s);

/* Removes those of the files that are there. */
int run_remove(const char *run, const char *const *names, size_t count);

/* Removes all that a training leaves but its config, checkpoints first. */
int run_clear(const char *run);

#endif
