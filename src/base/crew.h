/*
 * A crew: threads that work through numbered tasks while the caller does something else.
 *
 *     crew c;
 *     crew_start(&c, 4, count, encode, pictures);     encode(pictures, 0), encode(pictures, 1), ...
 *     ... something else ...
 *     if (crew_wait(&c)) ...
 *
 * Tasks begin in order. Each start is followed by one wait. Threads take no signals.
 */
#ifndef BASE_CREW_H
#define BASE_CREW_H

#include "base/first_failure.h"
#include <stdbool.h>
#include <stddef.h>

enum { CREW_MOST = 16 };

/* 0, or -1 after fail(). */
typedef int crew_task(void *context, size_t i);

typedef struct crew {
    pthread_t threads[CREW_MOST];
    int thread_count;
    crew_task *task;
    void *context;
    pthread_mutex_t lock; /* of what follows */
    size_t begun, count;  /* tasks; no task from `count` on begins */
    first_failure failure;
} crew;

/* With at most so many threads, fewer where the system has no more; with none, crew_wait() does the tasks. After a
 * task that fails no other begins. */
void crew_start(crew *c, int threads, size_t count, crew_task *task, void *context);

/* In a task: no other begins. */
void crew_stop(crew *c);

/* Until all tasks that began have ended: 0, or the first failure. */
int crew_wait(crew *c);

/* After the wait: how many began. */
size_t crew_begun(const crew *c);

#endif
